package pn532

import (
	"context"
	"iter"

	"github.com/go-desfire/desfire"
)

// Events reports the chip as a reader, and its card as it comes and goes, until
// ctx ends or the Reader is closed. A chip that cannot be reached is a
// ServiceLost, one that no longer answers a ReaderRemoved, each with a
// *LineError; it is looked for until it answers. No error is yielded.
func (r *Reader) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		l, err := r.use()
		if err != nil {
			return
		}
		defer r.release()
		w := &watch{r: r, yield: yield}
		for {
			s, changed := l.snapshot()
			if s.known && !w.tell(s) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-r.ended:
				return
			}
		}
	}
}

// watch is what one run of Events has told.
type watch struct {
	r     *Reader
	yield func(desfire.Event, error) bool

	lost bool // the chip could not be reached from the start
	told bool // anything was reported
	life int  // of the chip that was reported, 0 for none
	card *insertion
}

// tell yields what has changed, and reports whether more is wanted.
func (w *watch) tell(s state) bool {
	if w.card != nil && w.card != s.card {
		w.card = nil
		if !w.event(desfire.Event{Kind: desfire.CardRemoved, Err: s.left}) {
			return false
		}
	}
	if w.life != 0 && (s.chip == nil || s.life != w.life) {
		w.life = 0
		if !w.event(desfire.Event{Kind: desfire.ReaderRemoved, Err: s.err}) {
			return false
		}
	} else if s.chip == nil && !w.told {
		w.lost, w.told = true, true
		if !w.yield(desfire.Event{Kind: desfire.ServiceLost, Err: s.err}, nil) {
			return false
		}
	}
	if s.chip == nil {
		return true
	}
	if w.lost {
		w.lost = false
		if !w.yield(desfire.Event{Kind: desfire.ServiceBack}, nil) {
			return false
		}
	}
	if w.life == 0 {
		w.life, w.told = s.life, true
		if !w.event(desfire.Event{Kind: desfire.ReaderAdded}) {
			return false
		}
	}
	if s.card == nil || s.card == w.card {
		return true
	}
	w.card = s.card
	card := s.card
	return w.event(desfire.Event{
		Kind: desfire.CardInserted, ATR: card.atr(), Ignored: card.ignored(),
		Open: func(ctx context.Context) (desfire.Transport, error) {
			c, err := w.r.connect(ctx, card)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
	})
}

func (w *watch) event(ev desfire.Event) bool {
	ev.Reader = w.r.String()
	return w.yield(ev, nil)
}
