package remote

import (
	"fmt"

	"github.com/go-desfire/desfire"
)

// Kinds of events besides those of desfire.EventKind.
const (
	Leased = "leased" // somebody has the card
	Freed  = "freed"  // nobody has it any more
)

// Event is one change at a reader of an agent. Events of one boot and reader are
// numbered without a gap.
type Event struct {
	Versioned
	Boot    string `json:"boot"`
	Seq     uint64 `json:"seq"`
	Kind    string `json:"kind"` // a desfire.EventKind in words, Leased or Freed; others may come
	Name    string `json:"name"` // of the reader, as its driver has it
	Ignored string `json:"ignored,omitempty"`
	Card    *Card  `json:"card,omitempty"`  // inserted
	Lease   *Lease `json:"lease,omitempty"` // leased
	Why     string `json:"why,omitempty"`   // for people
}

// Encode makes the message.
func (e *Event) Encode() ([]byte, error) {
	e.V = Version
	return Encode(e, nil)
}

// DecodeEvent takes a message apart that an agent may have sent. Whatever is out of
// bounds is an error that wraps ErrMessage.
func DecodeEvent(message []byte) (*Event, error) {
	e := new(Event)
	if _, err := Decode(message, e); err != nil {
		return nil, err
	}
	if err := checkBoot(e.Boot); err != nil {
		return nil, err
	}
	r := Reader{ID: "r", Name: e.Name, Ignored: e.Ignored, Card: e.Card, Lease: e.Lease}
	if err := r.check(); err != nil {
		return nil, err
	}
	if e.Kind == desfire.CardInserted.String() && e.Card == nil {
		return nil, fmt.Errorf("%w: a card that is inserted and not described", ErrMessage)
	}
	return e, checkText(e.Kind, e.Why)
}
