package purse

import (
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// Decision is what became of a change.
type Decision uint8

// Decisions.
const (
	InDoubt Decision = iota + 1
	Happened
	DidNot
)

var decisions = [...]string{"", "in doubt", "happened", "did not"}

func (d Decision) String() string {
	if int(d) < len(decisions) && d > 0 {
		return decisions[d]
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// MarshalText writes what String does.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Decision) UnmarshalText(b []byte) error {
	for i, s := range decisions {
		if s == string(b) && i > 0 {
			*d = Decision(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no decision", b)
}

// Policy is what may stand between reader and card.
type Policy string

// Policies.
const (
	// Hostile: a relay may forge, hold back and insert frames.
	Hostile Policy = "hostile"
	// Accidents: power, field and link fail at any moment, and nobody forges
	// anything. The only policy of D40 and of files without protection.
	Accidents Policy = "accidents"
)

// Rule is by which evidence a decision was made. docs/purse.md explains each.
type Rule string

// Rules, in the order in which they are asked, but Other, which comes second.
const (
	RuleCommit       Rule = "0"   // the commit was answered with a right MAC
	RuleCounter      Rule = "1"   // the counter did not move
	RuleTMV          Rule = "2"   // the transaction MAC covers our id
	RuleOtherOwner   Rule = "3"   // the number is somebody else's
	RuleReaderID     Rule = "4"   // the card names our id as its last reader
	RuleNoKey        Rule = "5"   // in doubt: the counter moved, and no key tells by whom
	RuleMerged       Rule = "6"   // the transaction MAC covers part of ours, or ours and another's
	RuleRecord       Rule = "7"   // our record
	RuleSlot         Rule = "8"   // our slot
	RuleValue        Rule = "9"   // the value, which nobody else can move
	RuleDebitOnly    Rule = "10"  // the value, which others can only lower
	RuleBothWays     Rule = "11"  // in doubt: others move the value too
	RuleLimited      Rule = "12"  // the limited-credit amount
	RuleClosedBooks  Rule = "13"  // all others have reported
	RuleOtherHistory Rule = "14a" // the card has another history: blocked
	RuleReceipt      Rule = "14b" // the receipt contradicts: it says nothing
	RuleOperator     Rule = "operator"
	RuleNothingSent  Rule = "not sent" // no command that makes something pend left this program
	RuleNone         Rule = "none"     // no evidence
)

// Outcome is a decision and why it was made.
type Outcome struct {
	Decision Decision `json:"decision"`
	Rule     Rule     `json:"rule"`
	Why      string   `json:"why"`             // in words
	Needs    []string `json:"needs,omitempty"` // in doubt: what would decide it
	Alarms   []Alarm  `json:"alarms,omitempty"`
	// RelayExcluded: the decision holds against somebody who forges, holds back and
	// inserts frames as well.
	RelayExcluded bool `json:"relay_excluded"`

	Evidence Evidence `json:"evidence"`
	Time     Time     `json:"time"` // of the terminal's clock, for people
}

// Alarm is something that a person should look at.
type Alarm struct {
	Rule  Rule   `json:"rule"` // RuleOtherHistory, RuleReceipt or RuleMerged
	What  string `json:"what"`
	Block bool   `json:"block,omitempty"` // nothing more is debited from the card
}

// Verdict is what a check with a key found, or that there was none.
type Verdict uint8

// Verdicts.
const (
	NotChecked Verdict = iota
	Fits
	DoesNotFit
)

// Evidence is what the card said, all in one session, and what follows from it by
// computation. What is nil was not read.
type Evidence struct {
	Fence     Fence `json:"fence"`     // that excludes that something still happens
	Protected bool  `json:"protected"` // all that was read carried a MAC
	SameCard  bool  `json:"same_card"` // the UID is proved to be the entry's

	// LeaseHeld: nobody else could move the values since V0 was read.
	LeaseHeld bool `json:"lease_held,omitempty"`

	// CommitAcked: the commit was answered with success and a right MAC; in D40 and
	// without a session, with success.
	CommitAcked bool `json:"commit_acked,omitempty"`

	TMC *uint32 `json:"tmc,omitempty"`
	TMV *TMV    `json:"tmv,omitempty"`
	// TMVFits: TMV is that of our input under our key, at number TMC.
	TMVFits Verdict `json:"tmv_fits,omitempty"`
	// SettlementID is what this settlement named itself; EncTMRI what the card
	// answered, and Previous that one deciphered: the reader of transaction TMC.
	SettlementID *ID `json:"settlement_id,omitempty"`
	EncTMRI      Hex `json:"enc_tmri,omitempty"`
	Previous     *ID `json:"previous,omitempty"`
	// PreviousKnown: Previous is an ID of this journal, or the reader before ours, so that the
	// key that deciphered it is right.
	PreviousKnown bool `json:"previous_known,omitempty"`

	Slot       Hex           `json:"slot,omitempty"`
	Records    []Hex         `json:"records,omitempty"`     // the newest first
	HasRecords bool          `json:"has_records,omitempty"` // Records were read; there may be none
	AllRecords bool          `json:"all_records,omitempty"` // Records are all that the file holds
	Values     []ValueBefore `json:"values,omitempty"`
	Limited    *int32        `json:"limited,omitempty"` // limited-credit amount, of the first movement's file

	KeyVersion   *byte `json:"key_version,omitempty"`    // of the key that the session was opened with
	TMKeyVersion *byte `json:"tm_key_version,omitempty"` // as the transaction MAC file has it
}

// transaction takes note of the counter and MAC of a transaction; r may be nil.
func (e *Evidence) transaction(r *tmac.Receipt) {
	if r != nil {
		n, v := r.TMC, TMV(r.TMV)
		e.TMC, e.TMV = &n, &v
	}
}

// Value is the value that was read of a file.
func (e *Evidence) Value(no wire.FileNo) (int32, bool) {
	for _, v := range e.Values {
		if v.File == no {
			return v.Value, true
		}
	}
	return 0, false
}

// Fence is what a settlement excludes, as desfire.Fence, written as words.
type Fence desfire.Fence

// Excludes reports whether nothing old can happen any more, as far as a policy asks.
func (f Fence) Excludes(p Policy) bool {
	return desfire.Fence(f).RelayExcluded() || p == Accidents && desfire.Fence(f) == desfire.FenceSelection
}

// String is as desfire.Fence prints itself.
func (f Fence) String() string { return desfire.Fence(f).String() }

// MarshalText writes what String does.
func (f Fence) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Fence) UnmarshalText(b []byte) error {
	for g := range desfire.FenceAbort + 1 {
		if g.String() == string(b) {
			*f = Fence(g)
			return nil
		}
	}
	return fmt.Errorf("%q is no fence", b)
}

// Time is a time as a journal keeps it: UTC, to the millisecond.
type Time struct{ time.Time }

// At is a time as a journal keeps it.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }
