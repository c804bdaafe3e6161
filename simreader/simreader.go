// Package simreader is a reader on which a simulated card lies: a
// [desfire.Source] for programs and tests that have no hardware. The card is
// lifted and returned by hand.
package simreader

import (
	"context"
	"iter"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// ErrLifted is the error of opening a card that is not in the field. It has
// Removed() bool, as errors of a desfire.Transport.
var ErrLifted error = liftedError{}

type liftedError struct{}

func (liftedError) Error() string { return "the card was taken out of the field" }
func (liftedError) Removed() bool { return true }
func (liftedError) Sent() bool    { return false }

// Reader is a reader with one simulated card. The card leaves and comes back by
// Lift and Return of the Reader only.
type Reader struct {
	Card *sim.Card
	Name string
	// Relay lies between the card and who opens it, if not nil; of faults it is
	// their &faults.Relay. It is set before the first Open.
	Relay *sim.Relay

	mu sync.Mutex // keeps an opening from undoing a Lift
}

var _ desfire.Source = (*Reader)(nil)

// New puts card on a reader of that name; the reader is empty where that cannot
// be, which a card fresh from [sim.New] never is.
func New(name string, card *sim.Card) *Reader {
	_ = card.Return()
	return &Reader{Card: card, Name: name}
}

// Lift takes the card out of the field; whatever it was doing is over.
func (r *Reader) Lift() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Card.Lift()
}

// Return puts the card back. It fails as [sim.Card.Return] does, and then the
// reader stays empty.
func (r *Reader) Return() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Card.Return()
}

// Toggle lifts the card, or returns it where that can be, and tells whether it
// lies in the field now.
func (r *Reader) Toggle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Card.InField() {
		r.Card.Lift()
		return false
	}
	return r.Card.Return() == nil
}

// Activate powers the card up and connects to it, past the Relay.
func (r *Reader) Activate(ctx context.Context) (*sim.Activation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	return r.Card.Present(), nil
}

// Open powers the card up and connects to it through the Relay, if there is one.
func (r *Reader) Open(ctx context.Context) (desfire.Transport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	if r.Relay == nil {
		return r.Card.Present(), nil
	}
	return r.Relay.Present(r.Card), nil
}

func (r *Reader) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !r.Card.InField() {
		return ErrLifted
	}
	return nil
}

// Events reports the one reader, and its card as it comes and goes.
func (r *Reader) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: r.Name}, nil) {
			return
		}
		here := false
		for present := range r.Card.Presence(ctx) {
			if present == here || ctx.Err() != nil {
				continue
			}
			here = present
			ev := desfire.Event{Kind: desfire.CardRemoved, Reader: r.Name}
			if here {
				ev = desfire.Event{Kind: desfire.CardInserted, Reader: r.Name, ATR: r.Card.ATR(), Open: r.Open}
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
}
