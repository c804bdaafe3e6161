package purse

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Decide says what became of a change, by an entry of the journal, what a card
// said and computation found, and what is remembered of the card; state may be nil. It
// asks nobody and changes nothing, and the evidence in the outcome shares memory with ev.
//
// All rules are asked. The first one in their order that decides gives its name to the
// outcome; where two disagree, the card has another history, and nothing is decided.
func Decide(e *Entry, ev *Evidence, state *CardState) Outcome {
	if ev == nil {
		ev = new(Evidence)
	}
	policy := e.Policy
	if policy != Accidents {
		policy = Hostile
	}
	o := decideAs(policy, e, ev, state)
	if o.Decision != InDoubt {
		o.RelayExcluded = policy == Hostile || decideAs(Hostile, e, ev, state).Decision == o.Decision
	}
	o.Evidence = *ev
	return o
}

func decideAs(policy Policy, e *Entry, ev *Evidence, state *CardState) Outcome {
	j := &judge{e: e, ev: ev, state: state, policy: policy}
	j.ask()
	return j.outcome()
}

// judge asks the rules, under one policy.
type judge struct {
	e      *Entry
	ev     *Evidence
	state  *CardState
	policy Policy

	found  []finding
	alarms []Alarm
	notes  []string // why rules did not decide
	// forbids is the rule that says why nothing can be decided here; empty if none does.
	forbids Rule
}

// finding is what one rule says.
type finding struct {
	rule     Rule
	decision Decision
	why      string
}

func (j *judge) ask() {
	if !j.sameCard() {
		j.note("it is not proved that this is the card of the change")
		return
	}
	j.commit() // 0
	if len(j.found) > 0 {
		j.otherHistory() // a person is told, and the card has confirmed all the same
		return
	}
	j.tmv() // 2, first because it alone needs no session
	if !j.believed() {
		j.note("nothing that was read is protected against a relay")
		return
	}
	if j.otherHistory(); j.isBlocked() { // 14a
		return
	}
	j.previous()  // 3, 4
	j.slot()      // 8
	j.record()    // 7
	j.counter()   // 1
	j.value()     // 9
	j.debitOnly() // 10
	j.limited()   // 12
}

// outcome weighs what was found.
func (j *judge) outcome() Outcome {
	o := Outcome{Decision: InDoubt, Rule: RuleNone, Alarms: j.alarms}
	if j.isBlocked() && len(j.found) > 0 && j.found[0].rule != RuleCommit {
		j.found = nil
	}
	for _, f := range j.found {
		if f.decision != j.found[0].decision {
			j.block("rule %s says: %s; rule %s says: %s", j.found[0].rule, j.found[0].why, f.rule, f.why)
			o.Alarms, j.found = j.alarms, nil
			break
		}
	}
	if len(j.found) > 0 {
		f := j.found[0]
		o.Decision, o.Rule, o.Why = f.decision, f.rule, f.why
		return o
	}
	for _, a := range j.alarms {
		switch {
		case a.Rule == RuleOtherHistory:
			o.Rule = RuleOtherHistory
			j.notes = append([]string{a.What}, j.notes...)
		case o.Rule == RuleNone:
			o.Rule = a.Rule
			j.notes = append([]string{a.What}, j.notes...)
		}
	}
	if o.Rule == RuleNone {
		o.Rule = cmp.Or(j.forbids, RuleNone)
	}
	if o.Why = strings.Join(j.notes, "; "); o.Why == "" {
		o.Why = "nothing was found that decides it"
	}
	o.Needs = j.needs()
	return o
}

func (j *judge) find(r Rule, d Decision, why string) { j.found = append(j.found, finding{r, d, why}) }

func (j *judge) note(why string) { j.notes = append(j.notes, why) }

// sameCard reports whether the card is the entry's. The session of the
// transaction is with the entry's card, as far as the UID was proved in it.
func (j *judge) sameCard() bool {
	if j.ev.CommitAcked {
		proved := j.e.UIDProof == UIDByKey || j.e.UIDProof == UIDBySession || j.policy == Accidents
		return proved && j.ev.SameCard
	}
	return j.ev.SameCard
}

// believed reports whether what was read counts, before the transaction and now.
// A D40 session binds no answer to its command.
func (j *judge) believed() bool {
	return j.policy == Accidents || j.ev.Protected && j.macs()
}

// macs reports whether the session of the transaction had a MAC in each answer.
func (j *judge) macs() bool {
	switch j.e.Scheme {
	case wire.SchemeEV1.String(), wire.SchemeEV2.String(), wire.SchemeLRP.String():
		return j.e.KeyNo != nil
	}
	return false
}

// fenced reports whether nothing of the change can happen any more.
func (j *judge) fenced() bool { return j.ev.Fence.Excludes(j.policy) }

// whole reports whether the change cannot have been committed in part, so that
// its receipt proves its movements.
func (j *judge) whole() bool {
	// Without a relay nobody commits but we, after the last command.
	return j.policy == Accidents || j.allAcked() || j.valueFits()
}

// wholeWithName is whole where the name of the reader is the receipt. Between a key
// that names and one that moves lies an authentication: a relay that gets the card to
// commit there has the name committed alone, and the movements acked after it.
func (j *judge) wholeWithName() bool {
	switch {
	case !j.whole():
		return false
	case j.e.ReaderKeyNo == nil, j.policy == Accidents:
		return true
	}
	return j.valueFits() || j.ev.TMVFits == Fits || j.slotIsOurs() || j.recordAt() >= 0 || j.ev.CommitAcked
}

// allAcked reports whether each command was confirmed with a right MAC. Under accidents a
// terminal counts as well what was confirmed without one, as in files of mode plain.
func (j *judge) allAcked() bool {
	e := j.e
	return e.AllAcked() && j.macs() && (e.Policy == Hostile || !slices.ContainsFunc(e.Values, func(v ValueBefore) bool { return v.Source != FromSession }))
}

// unmerged reports whether no commit can hold commands of two terminals: each
// made sure that nothing was pending when it began.
func (j *judge) unmerged() bool {
	// Under accidents a terminal takes its selection for a fence.
	return j.policy == Accidents || j.e.BeginFence && j.e.Policy == Hostile || j.e.NamesReader
}

// commit is rule 0.
func (j *judge) commit() {
	e, ev := j.e, j.ev
	if !ev.CommitAcked {
		return
	}
	switch {
	case j.policy == Hostile && !(j.allAcked() && ev.Protected):
		j.note("the commit was answered, but not each command with a right MAC")
	case e.HasTMAC && ev.TMC != nil && !j.outside() && !j.isNext(*ev.TMC):
		j.note("the commit was answered with another number than that of this transaction")
	default:
		j.find(RuleCommit, Happened, "the card confirmed the commit")
	}
}
