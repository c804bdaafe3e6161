package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Bounds of messages.
const (
	maxBatch   = 64        // changes in one message
	maxChanges = 700 << 10 // bytes of JSON of them
	maxApp     = 64        // bytes of the name of an application
	maxWords   = 4096      // bytes of a text in an answer
)

// Batch is the header of a request to Subjects.Outbox. Its payload is JSON of up to 64
// purse.Logged, in the order of their numbers; there may be none.
type Batch struct {
	remote.Versioned
	Generation purse.Generation `json:"generation"` // of the journal
	After      uint64           `json:"after"`      // the journal has no other change between this number and the first
	Last       uint64           `json:"last"`       // the number of the journal's last change
	// Again: the journal does not remember that it shipped what comes after After, so that
	// those numbers may be other changes now: they count from there again.
	Again bool `json:"again,omitempty"`
}

// Watermark is the header of the answer: how far the centre is.
type Watermark struct {
	remote.Versioned
	Epoch  string    `json:"epoch"`
	Seq    uint64    `json:"seq"`    // the centre has all changes up to this number
	Synced uint64    `json:"synced"` // and these survive a loss of power
	Time   time.Time `json:"time"`   // the centre's clock
	// Refused says why nothing of the batch was taken; empty if it was.
	Refused string `json:"refused,omitempty"`
}

// Settled is the header of a request to Subjects.Settled: what became of an entry. Its
// payload is JSON of the purse.Outcome.
type Settled struct {
	remote.Versioned
	ID purse.ID `json:"id"`
	By string   `json:"by,omitempty"` // the agent whose settlement it stands on, or none
}

// Taken is the header of the answer to Settled.
type Taken struct {
	remote.Versioned
	Refused string `json:"refused,omitempty"`
}

// Opened is an entry that is open: the payload of a message to Subjects.Open, and, in a list, of the
// answer to Subjects.Opened.
type Opened struct {
	ID    purse.ID `json:"id"`
	Agent string   `json:"agent"`
	purse.CardApp
	// Entry is as the agent reported it; nil: it is open no more.
	Entry *purse.Entry `json:"entry,omitempty"`
}

// OpenedAsk is the header of a request to Subjects.Opened.
type OpenedAsk struct {
	remote.Versioned
	After string         `json:"after,omitempty"` // the last key of the page before
	Card  *purse.CardApp `json:"of,omitempty"`    // only of this card
}

// OpenedPage is the header of the answer; the payload is JSON of a list of Opened.
type OpenedPage struct {
	remote.Versioned
	Next    string `json:"next,omitempty"` // After of the next page; empty: this is the last
	Refused string `json:"refused,omitempty"`
}

var version = remote.Versioned{V: remote.Version}

// change is one of a batch, and the bytes that it came in.
type change struct {
	purse.Logged
	raw json.RawMessage
}

// decodeBatch takes a request to the outbox apart.
func decodeBatch(data []byte) (*Batch, []change, error) {
	var b Batch
	payload, err := remote.Decode(data, &b)
	if err != nil {
		return nil, nil, err
	}
	changes, err := decodeChanges(payload)
	if err != nil {
		return nil, nil, err
	}
	at := b.After
	for _, c := range changes {
		if c.Seq <= at {
			return nil, nil, fmt.Errorf("%w: change %d follows change %d", remote.ErrMessage, c.Seq, at)
		}
		at = c.Seq
	}
	return &b, changes, nil
}

func decodeChanges(payload []byte) ([]change, error) {
	if len(payload) > maxChanges {
		return nil, fmt.Errorf("%w: changes of %d bytes", remote.ErrMessage, len(payload))
	}
	var raw []json.RawMessage
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &raw); err != nil {
			return nil, fmt.Errorf("%w: changes: %w", remote.ErrMessage, err)
		}
	}
	if len(raw) > maxBatch {
		return nil, fmt.Errorf("%w: %d changes; %d at most", remote.ErrMessage, len(raw), maxBatch)
	}
	changes := make([]change, len(raw))
	for i, b := range raw {
		changes[i].raw = b
		if err := json.Unmarshal(b, &changes[i].Logged); err != nil {
			return nil, fmt.Errorf("%w: change %d of the batch: %w", remote.ErrMessage, i, err)
		}
		if c := &changes[i]; (c.Entry == nil) == (c.Found == nil) {
			return nil, fmt.Errorf("%w: change %d is none", remote.ErrMessage, c.Seq)
		}
	}
	return changes, nil
}

// shortened is a text for an answer.
func shortened(s string) string { return s[:min(len(s), maxWords)] }
