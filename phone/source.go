package phone

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
)

// seen is a reader as a sequence of events has told it.
type seen struct {
	l    *link
	card *lain
}

// Events reports each phone as a reader when it connects, and the card that it offers. A
// sequence that is slow misses what came and went meanwhile, never the last state.
func (s *Server) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		var told []seen
		for {
			s.mu.Lock()
			changed, failed, closing := s.changed, s.failed, s.closing
			links := make([]*link, 0, len(s.links))
			for _, l := range s.links {
				links = append(links, l)
			}
			s.mu.Unlock()
			now := make([]seen, 0, len(links))
			for _, l := range links {
				if l.ended() == nil {
					now = append(now, seen{l, l.lying()})
				}
			}
			slices.SortFunc(now, func(a, b seen) int { return strings.Compare(a.l.phone.Name, b.l.phone.Name) })
			if ctx.Err() != nil {
				return
			}
			for _, ev := range changes(told, now) {
				if !yield(ev, nil) {
					return
				}
			}
			told = now
			switch {
			case failed != nil:
				yield(desfire.Event{}, failed)
				return
			case closing:
				yield(desfire.Event{}, ErrServerClosed)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// changes are the events that lead from one state to another.
func changes(before, after []seen) (events []desfire.Event) {
	for _, old := range before {
		i := slices.IndexFunc(after, func(n seen) bool { return n.l == old.l })
		if old.card != nil && (i < 0 || after[i].card != old.card) {
			why := ErrGone
			if i < 0 {
				why = old.l.ended()
			}
			events = append(events, desfire.Event{Kind: desfire.CardRemoved, Reader: old.l.reader(), Err: why})
		}
		if i < 0 {
			events = append(events, desfire.Event{Kind: desfire.ReaderRemoved, Reader: old.l.reader(), Err: old.l.ended()})
		}
	}
	for _, n := range after {
		i := slices.IndexFunc(before, func(old seen) bool { return n.l == old.l })
		if i < 0 {
			events = append(events, desfire.Event{Kind: desfire.ReaderAdded, Reader: n.l.reader()})
		}
		if n.card != nil && (i < 0 || before[i].card != n.card) {
			events = append(events, desfire.Event{Kind: desfire.CardInserted, Reader: n.l.reader(), ATR: slices.Clone(n.card.atr), Open: n.l.opener(n.card)})
		}
	}
	return events
}
