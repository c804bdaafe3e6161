// Package simfield holds a simulated card in a field that readers watch.
package simfield

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// ErrLifted is the error of opening a card that is not in the field.
var ErrLifted = errors.New("the card was taken out of the field")

// Field is a reader with one simulated card: a desfire.Source. The card leaves
// and comes back by Lift and Return of the Field only.
type Field struct {
	Card   *sim.Card
	Reader string // its name

	mu sync.Mutex // keeps an opening from undoing a Lift
}

var _ desfire.Source = (*Field)(nil)

// New puts card into a field.
func New(reader string, card *sim.Card) *Field {
	card.Return()
	return &Field{Card: card, Reader: reader}
}

// Lift takes the card out of the field; whatever it was doing is over.
func (f *Field) Lift() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Card.Lift()
}

// Return puts the card back.
func (f *Field) Return() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Card.Return()
}

// Toggle lifts or returns the card and tells whether it lies in the field now.
func (f *Field) Toggle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Card.InField() {
		f.Card.Lift()
		return false
	}
	f.Card.Return()
	return true
}

// Activate powers the card up and connects to it.
func (f *Field) Activate(ctx context.Context) (*sim.Activation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !f.Card.InField() {
		return nil, ErrLifted
	}
	return f.Card.Present(), nil
}

// Events reports the one reader, and its card as it comes and goes.
func (f *Field) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: f.Reader}, nil) {
			return
		}
		here := false
		for present := range f.Card.Presence(ctx) {
			if present == here || ctx.Err() != nil {
				continue
			}
			here = present
			ev := desfire.Event{Kind: desfire.CardRemoved, Reader: f.Reader}
			if here {
				ev = desfire.Event{Kind: desfire.CardInserted, Reader: f.Reader, ATR: f.Card.ATR(), Open: f.open}
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func (f *Field) open(ctx context.Context) (desfire.Transport, error) {
	a, err := f.Activate(ctx)
	if err != nil {
		return nil, err
	}
	return a, nil
}
