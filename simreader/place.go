package simreader

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
)

// Scheme is the places "sim:" and "sim:FILE", a simulated card on a reader of
// that name. load gives the card of a file, and a fresh one if it is empty. It
// does not wait: a card that lies on another reader, which is an error with
// InUse() bool as *sim.LockedError is, is loaded by the place when it can be had.
func Scheme(load func(file string) (*sim.Card, error)) place.Scheme {
	return place.Scheme{
		Name:  "sim",
		Forms: []string{"sim:", "sim:FILE"},
		Open: func(file string) (*place.Place, error) {
			s := &slot{name: "sim:" + file, load: func() (*sim.Card, error) { return load(file) }}
			_, err := s.reader()
			if err != nil && !place.InUse(err) {
				return nil, err
			}
			p := &place.Place{Source: s, Name: s.name, Fixed: true, Await: s.await, List: s.list}
			p.Ready = func(context.Context) error {
				_, err := s.reader()
				return err
			}
			return p, nil
		},
	}
}

// look is how often a card is looked for that lies on another reader.
const look = 20 * time.Millisecond

// slot is a reader whose card may lie on another one yet.
type slot struct {
	name string
	load func() (*sim.Card, error)

	mu sync.Mutex
	r  *Reader
}

func (s *slot) reader() (*Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil {
		card, err := s.load()
		if err != nil {
			return nil, err
		}
		s.r = New(s.name, card)
	}
	return s.r, nil
}

// Events reports the reader, and its card when it can be had.
func (s *slot) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return s.await(ctx, func(error) {})
}

func (s *slot) await(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		r, err := s.reader()
		if place.InUse(err) {
			why(err)
		}
		if err != nil && !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: s.name}, nil) {
			return
		}
		late := err != nil
		for ; err != nil; r, err = s.reader() {
			if !place.InUse(err) {
				yield(desfire.Event{Reader: s.name}, err)
				return
			}
			why(err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(look):
			}
		}
		for ev, err := range r.Events(ctx) {
			if late && ev.Kind == desfire.ReaderAdded {
				continue
			}
			if ev.Kind == desfire.CardRemoved {
				why(ErrLifted)
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

func (s *slot) list(context.Context) ([]place.Reader, error) {
	r, err := s.reader()
	switch {
	case place.InUse(err):
		return []place.Reader{{Name: s.name, State: err.Error()}}, nil
	case err != nil:
		return nil, err
	case !r.Card.InField():
		return []place.Reader{{Name: s.name, State: "empty"}}, nil
	}
	return []place.Reader{{Name: s.name, State: "card present", Card: true, ATR: r.Card.ATR()}}, nil
}
