package fleet

import (
	"context"
	"time"
)

// KeyUse is one answer of the key service, kept for ever.
type KeyUse struct {
	Seq         uint64    `json:"seq"`
	At          time.Time `json:"at"`
	Agent       string    `json:"agent"`
	What        string    `json:"what"` // handshake, change, wrap...
	UID         string    `json:"uid,omitempty"`
	Application string    `json:"application,omitempty"`
	Key         string    `json:"key"`              // by name or number
	Method      string    `json:"method,omitempty"` // of the authentication
	Allowed     bool      `json:"allowed"`
	Why         string    `json:"why,omitempty"` // it was refused, or failed
	Trace       string    `json:"trace,omitempty"`
}

// KeyQuery chooses uses of keys.
type KeyQuery struct {
	Text    string // part of agent, UID, application, key or trace; empty: all
	Refused bool   // those only that were refused
	Skip    int    // so many of the newest
	Most    int    // 0: 50
}

// KeyPage is a part of the uses of keys, the newest first.
type KeyPage struct {
	Total   int      `json:"total"`   // that the query chose of those that were looked at
	Refused int      `json:"refused"` // of all that were looked at
	Looked  int      `json:"looked"`  // how many of the newest were looked at
	Uses    []KeyUse `json:"uses"`
}

// Alarm is something that a person has to look at.
type Alarm struct {
	ID       string    `json:"id"` // the same while it is the same alarm
	At       time.Time `json:"at"`
	Severity Severity  `json:"severity"`
	What     string    `json:"what"` // what is
	Next     string    `json:"next"` // what to do
	Agent    string    `json:"agent,omitempty"`
	Reader   string    `json:"reader,omitempty"`
	UID      string    `json:"uid,omitempty"`
}

// Severity is how much an alarm matters.
type Severity string

// Severities.
const (
	Bad   Severity = "bad"   // something does not work, or is wrong
	Doubt Severity = "doubt" // something is not known, or soon will be wrong
)

// View is what a page or a tool sees of a fleet. Its methods may be called from any
// goroutine.
type View interface {
	// Now is the fleet as far as it is known. It is shared: nobody changes it.
	Now() *Snapshot
	// Changed is closed at the next change of what Now says, of the ledger or of the uses of
	// keys.
	Changed() <-chan struct{}
	// Ledger looks into the ledger.
	Ledger(ctx context.Context, q LedgerQuery) (*LedgerPage, error)
	// KeyUses looks into the uses of keys.
	KeyUses(ctx context.Context, q KeyQuery) (*KeyPage, error)
}

// Operator is what who runs the fleet may do. A View that has it is for such people.
type Operator interface {
	// Invite makes a token with which an agent of that name joins, once, and the line
	// that its person types.
	Invite(ctx context.Context, agent string) (*Invitation, error)
	// Revoke takes part in the fleet from an agent, at once and for good.
	Revoke(ctx context.Context, agent string) error
	// Drain has an agent end what it does and take nothing new.
	Drain(ctx context.Context, agent string) error
}

// Invitation lets one agent in. Token and Line are secrets until then.
type Invitation struct {
	Agent string    `json:"agent"`
	Token string    `json:"token"`
	Line  string    `json:"line"`
	Until time.Time `json:"until"`
}
