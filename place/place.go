// Package place says where cards are presented, in one word that people can
// write: "pcsc:ACR122", "tcp:localhost:9000", "sim:card.json".
//
// What stands before the colon is a scheme. This package knows none. A program
// makes a table of those it has, such as pcsc.Scheme, tcp.Scheme and its own,
// and whatever takes a place takes that word.
package place

import (
	"context"
	"iter"

	"github.com/go-desfire/desfire"
)

// Place is where cards are presented: a Source, and what else is known of it.
// Only Source and Name are always there.
type Place struct {
	desfire.Source

	// Name is for people, for example: a PC/SC reader named "ACR122".
	Name string
	// Fixed says that one certain card is presented here, and no other ever.
	Fixed bool
	// Ready tells why no card can be presented, where that is known at once: no
	// service, no such reader, several cards to choose from (*SeveralError).
	Ready func(ctx context.Context) error
	// Await is Events that also tells why no card is there, whenever that may
	// have changed: lifted, nobody listens, in use by another program. What
	// waiting cannot mend ends it with an error. It is there instead of Ready
	// where Open can wait for everything.
	Await func(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error]
	// List names the readers as they are now.
	List func(ctx context.Context) ([]Reader, error)
	// Control sends a command to a reader itself, by the name that List gives, and
	// returns its answer. The error is errors.ErrUnsupported where that reader
	// takes none. See package pcsc/acr122.
	Control func(ctx context.Context, reader string, command []byte) ([]byte, error)
}

// Reader is a reader as it is now.
type Reader struct {
	Name  string
	State string // in words
	Card  bool   // a card lies on it
	ATR   []byte // of the card, where it is known
	// Ignored tells why the reader, or the card on it, takes no part; empty if
	// it does.
	Ignored string
}

// Readers is List, or else the reader that has a card first.
func (p *Place) Readers(ctx context.Context) ([]Reader, error) {
	if p.List != nil {
		return p.List(ctx)
	}
	for ev, err := range p.Events(ctx) {
		if err != nil {
			return nil, err
		}
		if ev.Kind == desfire.CardInserted {
			return []Reader{{Name: ev.Reader, State: "card present", Card: true, ATR: ev.ATR, Ignored: ev.Ignored}}, nil
		}
	}
	return nil, ctx.Err()
}
