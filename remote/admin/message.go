package admin

import (
	"errors"
	"time"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
)

// What can be asked, as the last part of a subject.
const (
	askSnapshot = "read.snapshot"
	askLedger   = "read.ledger"
	askKeys     = "read.keys"
	askInvite   = "invite"
	askRevoke   = "revoke"
	askDrain    = "drain"
)

// Bounds of questions and answers.
const (
	partSize = 512 << 10 // bytes of a snapshot in one message
	maxParts = 256
	maxUnzip = 256 << 20
	maxLines = 500 // of a ledger, or of the uses of keys
	maxText  = 200 // bytes of what is looked for
	kept     = 4   // snapshots of which parts may still be asked for
)

// question is what is asked; which members count says the subject.
type question struct {
	remote.Versioned
	ID     string             `json:"id,omitempty"`   // of the snapshot of which a part is wanted
	Part   int                `json:"part,omitempty"` // which
	Ledger *fleet.LedgerQuery `json:"ledger,omitempty"`
	Keys   *fleet.KeyQuery    `json:"keys,omitempty"`
	Agent  string             `json:"agent,omitempty"`
}

// answer is the header of what comes back; the payload is JSON of the result, for a
// snapshot a part of it, compressed.
type answer struct {
	remote.Versioned
	Failed string `json:"failed,omitempty"` // why, for people
	ID     string `json:"id,omitempty"`
	Parts  int    `json:"parts,omitempty"`
}

// RefusedError is what the centre said of a question that it did not answer.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return e.Text }

// Errors of a Client, for errors.Is.
var (
	// ErrAway says that nobody is there who answers for the centre. Nothing was done.
	ErrAway = errors.New("the centre does not answer: its server does not run, or the network is away")
	// ErrSilent says that the centre took too long. Whether it did what it was asked to
	// is not known.
	ErrSilent = errors.New("the centre did not answer in time")
)

// patience is how long an answer may take.
const patience = 20 * time.Second
