package purse

import (
	"context"
	"iter"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Journal is what a purse remembers, so that a change is never forgotten, and never made
// twice. One program writes to it at a time; its methods may be called from several goroutines.
// Package journaltest checks what is said
// here; boltjournal keeps a journal in a file, and Memory in this process only.
//
// What is called durable survives a loss of power. What is called written survives
// the end of the process (SIGKILL), and becomes durable at the latest with the next
// Begin that succeeds, or with Close. What is lost is always the end: a journal that is opened again is
// as it was after one of the calls. Entries and states that
// are given and returned share no memory with the journal.
//
// An error means that nothing was remembered. A journal that failed to write stays
// failed, and what it failed to write may be there when it is opened again. A context that has
// ended is an error of every method but Close, and does no harm. What CheckBegin, CheckEnd and Check
// refuse, a journal refuses.
type Journal interface {
	// Generation is random since the journal was made, or was found to be a copy
	// or to have been restored.
	Generation() Generation

	// NewID makes an ID that was never used. The number that it counts up may have
	// gaps, and need not be durable before the next Begin.
	NewID(ctx context.Context) (ID, error)

	// Begin remembers an entry, durably. It fails with *OpenEntryError if another
	// entry of the same card and application is open, with *AttemptError if the request has an
	// attempt of that number or a higher one, and with an error if the ID is there already.
	Begin(ctx context.Context, e *Entry) error

	// Note adds to an entry, written. It fails with *UnknownIDError, as End does, if
	// there is none.
	Note(ctx context.Context, id ID, p Progress) error

	// End adds an outcome to an entry and replaces the state of its card, written.
	// state may be nil: it stays. An entry may end several times, the last
	// outcome counts: one in doubt leaves it open, or opens it again; that fails with *OpenEntryError
	// if another entry of the card is open.
	End(ctx context.Context, id ID, o Outcome, state *CardState) error

	// Keep replaces the state of a card, written.
	Keep(ctx context.Context, state *CardState) error

	// Entry returns one entry; nil if there is none.
	Entry(ctx context.Context, id ID) (*Entry, error)
	// Request returns the entry of a request with the highest attempt; nil if
	// there is none. An empty request has none.
	Request(ctx context.Context, request string) (*Entry, error)
	// Open returns the open entry of a card and application; nil if there is none.
	Open(ctx context.Context, card CardApp) (*Entry, error)
	// State returns what is known of a card; nil if nothing is.
	State(ctx context.Context, card CardApp) (*CardState, error)
	// Entries yields all entries in the order of Begin. It sees a state between two
	// calls of the methods above, and may be stopped. The loop may call the others.
	Entries(ctx context.Context) iter.Seq2[*Entry, error]

	// Close makes everything durable. The journal cannot be used any more.
	Close() error
}

// CardApp is an application on one card.
type CardApp struct {
	UID string `json:"uid"`         // the real one, hexadecimal, upper case
	App string `json:"application"` // wire.Place as it prints itself
}

// Entry is one attempt of a change. It travels as JSON, and has no key bytes.
type Entry struct {
	ID          ID                `json:"id"`
	Request     string            `json:"request,omitempty"`
	Fingerprint Hex               `json:"fingerprint"`
	Attempt     int               `json:"attempt"` // 1 for the first
	Meta        map[string]string `json:"meta,omitempty"`
	Began       Time              `json:"began"`    // of the terminal's clock, for people
	Terminal    string            `json:"terminal"` // the name of who debits
	Reader      string            `json:"reader,omitempty"`
	Policy      Policy            `json:"policy"`
	Others      Others            `json:"others,omitempty"`

	// The card, and the session.
	CardApp
	UIDProof UIDProof       `json:"uid_proof"`
	KeyNo    *wire.KeyNo    `json:"key_no,omitempty"` // nil: no session
	Key      keystore.Facts `json:"key"`
	// ReaderKeyNo is the key that named the reader, from whose session KeyNo went on; nil: KeyNo.
	ReaderKeyNo *wire.KeyNo     `json:"reader_key_no,omitempty"`
	TMKey       *keystore.Facts `json:"tm_key,omitempty"` // nil: no transaction MAC key at hand
	Scheme      string          `json:"scheme"`           // of the session, as wire.Scheme prints itself
	Method      string          `json:"method,omitempty"`
	LRP         bool            `json:"lrp,omitempty"` // TMC counts in its low 16 bits

	// What is to happen, and what was before.
	Moves  []Move        `json:"moves"`
	Values []ValueBefore `json:"values"` // V0, one for each movement
	Lease  string        `json:"lease,omitempty"`
	// Limited0 is the limited-credit amount before, of the first movement's file; nil
	// if it was not read.
	Limited0 *int32 `json:"limited0,omitempty"`

	// With a transaction MAC file.
	HasTMAC     bool   `json:"has_tmac,omitempty"`
	TMC0        uint32 `json:"tmc0,omitempty"`
	TMV0        TMV    `json:"tmv0"`
	NamesReader bool   `json:"names_reader,omitempty"` // CommitReaderID carries ID
	EncTMRI     Hex    `json:"enc_tmri,omitempty"`     // what CommitReaderID answered
	TMI         Hex    `json:"tmi,omitempty"`          // input of the transaction MAC: everything as planned, whole blocks
	Excluded    bool   `json:"excluded,omitempty"`     // the file leaves out what is done without a session
	TMKeyVer    byte   `json:"tm_key_version,omitempty"`

	// With a slot.
	SlotFile *wire.FileNo `json:"slot_file,omitempty"`
	SlotNo   int          `json:"slot_no,omitempty"`
	Slot0    Hex          `json:"slot0,omitempty"` // S0

	// With a record.
	RecordFile *wire.FileNo `json:"record_file,omitempty"`
	RecordNo   uint32       `json:"record_no,omitempty"` // counted up per card
	Marker     Hex          `json:"marker,omitempty"`    // the newest record; none in an empty file
	Records    int          `json:"records,omitempty"`   // N0: how many there were
	Capacity   int          `json:"capacity,omitempty"`  // how many the file shows at most
	Cyclic     bool         `json:"cyclic,omitempty"`
	// NeverCleared: nobody has the right to clear the file.
	NeverCleared bool `json:"never_cleared,omitempty"`

	BeginFence bool `json:"begin_fence,omitempty"` // nothing of others was pending when it began

	Progress Progress  `json:"progress"`
	Outcomes []Outcome `json:"outcomes,omitempty"` // the last one counts
}

// ValueBefore is the value of a file before a transaction.
type ValueBefore struct {
	File   wire.FileNo `json:"file"`
	Value  int32       `json:"value"`
	Source Source      `json:"source"`
}

// Source is where a value before a transaction comes from.
type Source string

// Sources.
const (
	FromSession Source = "session" // read, or confirmed, in the session of the transaction
	FromLease   Source = "lease"   // the last result under the same lease
	FromClear   Source = "clear"   // read without protection
)

// UIDProof is why the UID is believed.
type UIDProof string

// Proofs.
const (
	UIDByKey     UIDProof = "key"     // the keys are derived from it
	UIDBySession UIDProof = "session" // GetCardUID in the session
	UIDClear     UIDProof = "clear"   // not: as the card told it in clear
)

// Progress is how far an attempt came. In Note each field that is set adds to, or
// replaces, what was there.
type Progress struct {
	Acked       int  `json:"acked,omitempty"`       // commands that change something, answered with a right MAC
	CommitSent  bool `json:"commit_sent,omitempty"` // or it is about to be, perhaps with commands before it
	Settlements []ID `json:"settlements,omitempty"` // IDs that settlements named; Note adds them
	TMI         Hex  `json:"tmi,omitempty"`         // input of the transaction MAC as it became
	EncTMRI     Hex  `json:"enc_tmri,omitempty"`
}

// Add adds what q says to p.
func (p *Progress) Add(q Progress) {
	p.Acked = max(p.Acked, q.Acked)
	p.CommitSent = p.CommitSent || q.CommitSent
	p.Settlements = append(p.Settlements, q.Settlements...)
	if q.TMI != nil {
		p.TMI = append(Hex(nil), q.TMI...)
	}
	if q.EncTMRI != nil {
		p.EncTMRI = append(Hex(nil), q.EncTMRI...)
	}
}

// Outcome is the last one; nil if there is none.
func (e *Entry) Outcome() *Outcome {
	if len(e.Outcomes) == 0 {
		return nil
	}
	return &e.Outcomes[len(e.Outcomes)-1]
}

// IsOpen reports whether it is left to find out what became of the change.
func (e *Entry) IsOpen() bool {
	o := e.Outcome()
	return o == nil || o.Decision == InDoubt
}

// Signed is by how much the change moves a file, 0 if it does not.
func (e *Entry) Signed(no wire.FileNo) int64 {
	for _, m := range e.Moves {
		if m.File == no {
			return m.Signed()
		}
	}
	return 0
}

// AllAcked reports whether the card confirmed, with a right MAC, each command that
// makes something pend.
func (e *Entry) AllAcked() bool {
	want := len(e.Moves)
	if e.SlotFile != nil {
		want++
	}
	if e.RecordFile != nil {
		want++
	}
	return e.Progress.Acked >= want && want > 0
}

// CardState is what is remembered of an application on a card for ever.
type CardState struct {
	CardApp
	HasTMC   bool   `json:"has_tmc,omitempty"`
	LRP      bool   `json:"lrp,omitempty"`
	TMC      uint32 `json:"tmc,omitempty"` // the highest seen
	TMV      TMV    `json:"tmv"`           // of that one
	KeyVer   *byte  `json:"key_version,omitempty"`
	TMKeyVer *byte  `json:"tm_key_version,omitempty"`
	// Slot is what slot SlotNo of SlotFile holds, as the card last said or confirmed; empty
	// if that is not known.
	Slot      Hex           `json:"slot,omitempty"`
	SlotOr    Hex           `json:"slot_or,omitempty"` // or that, where nobody has looked since
	SlotFile  *wire.FileNo  `json:"slot_file,omitempty"`
	SlotNo    int           `json:"slot_no,omitempty"`
	RecordNo  uint32        `json:"record_no,omitempty"`
	Values    []ValueBefore `json:"values,omitempty"`    // the last ones that were confirmed
	Lease     string        `json:"lease,omitempty"`     // under which they were
	Blocked   string        `json:"blocked,omitempty"`   // why nothing more is debited from the card
	Unblocked string        `json:"unblocked,omitempty"` // why a person unblocked it
}
