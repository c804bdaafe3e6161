// Package place says where cards are presented, in one word that people can
// write: "pcsc:ACR122", "tcp:localhost:9000", "sim:card.json".
//
// What stands before the colon is a scheme. This package knows none. A program
// makes a table of those it has, such as pcsc.Scheme, tcp.Scheme and its own,
// and whatever takes a place takes that word.
package place

import (
	"context"
	"fmt"
	"time"

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
	// service, no such reader, several cards to choose from.
	Ready func(ctx context.Context) error
	// Dial connects to the card without waiting until one is presented. Its
	// error tells why there is none.
	Dial func(ctx context.Context) (desfire.Transport, error)
	// List names the readers as they are now.
	List func(ctx context.Context) ([]Reader, error)
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

// Wait says how Open waits for a card. The zero value, and nil, wait for ever.
type Wait struct {
	// Limit is how long to wait; 0 is for ever.
	Limit time.Duration
	// OnEvent is told what the source reports meanwhile, a card included.
	OnEvent func(desfire.Event)
}

// NoCardError says that no card was presented in time.
type NoCardError struct {
	Place   string // its name
	Limit   time.Duration
	Reader  string // a reader that was left out, if there is one
	Ignored string // why
}

func (e *NoCardError) Error() string {
	s := fmt.Sprintf("no card was presented to %s within %v", e.Place, e.Limit)
	if e.Ignored != "" {
		s += fmt.Sprintf("; %s is left out: %s", e.Reader, e.Ignored)
	}
	return s
}

// Open connects to the card that is presented, or to the first that will be,
// and names its reader. Nothing has been sent on the connection, which is the
// caller's to close. If there cannot be a card it says so at once.
//
// To work with one card after the other, give the Place to desfire.Cards, Serve
// or Keep.
func (p *Place) Open(ctx context.Context, w *Wait) (t desfire.Transport, reader string, err error) {
	if p.Dial != nil {
		t, err = p.Dial(ctx)
		return t, p.Name, err
	}
	if p.Ready != nil {
		if err := p.Ready(ctx); err != nil {
			return nil, "", err
		}
	}
	if w == nil {
		w = new(Wait)
	}
	waiting, cancel := context.WithCancel(ctx)
	if w.Limit > 0 {
		waiting, cancel = context.WithTimeout(ctx, w.Limit)
	}
	defer cancel()
	none := &NoCardError{Place: p.Name, Limit: w.Limit}
	for ev, err := range p.Events(waiting) {
		if err != nil {
			return nil, ev.Reader, err
		}
		if w.OnEvent != nil {
			w.OnEvent(ev)
		}
		if ev.Ignored != "" {
			none.Reader, none.Ignored = ev.Reader, ev.Ignored
		} else if ev.Kind == desfire.CardInserted && ev.Open != nil {
			// While the source still watches: it may end what it reported.
			t, err := ev.Open(ctx)
			if left(err) {
				continue // there will be an event
			}
			return t, ev.Reader, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case waiting.Err() == nil:
		return nil, "", fmt.Errorf("%s has ended without a card", p.Name)
	}
	return nil, "", none
}
