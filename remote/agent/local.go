package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

// Source is the agent's readers for this process, as a gate that decides here: its
// transports hold leases as any other, but need no network and last until they are
// closed. In its events a reader is its id. holder is who has the cards, for people.
// Events end when Run has returned.
func (a *Agent) Source(holder string) desfire.Source { return &local{a, holder} }

type local struct {
	a      *Agent
	holder string
}

// known is what a source has told of a reader.
type known struct {
	id   string
	card uint64
}

func (s *local) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		wake := make(chan struct{}, 1)
		s.a.mu.Lock()
		s.a.watchers[wake] = true
		s.a.mu.Unlock()
		defer func() {
			s.a.mu.Lock()
			defer s.a.mu.Unlock()
			delete(s.a.watchers, wake)
		}()
		var told []known
		for {
			var events []desfire.Event
			events, told = s.news(told)
			for _, ev := range events {
				if ctx.Err() != nil || !yield(ev, nil) {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-s.a.gone:
				return
			case <-wake:
			}
		}
	}
}

// news is what has changed since told, and what is told then.
func (s *local) news(told []known) (events []desfire.Event, now []known) {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	before := make(map[string]uint64, len(told))
	for _, k := range told {
		if !slices.Contains(s.a.order, k.id) {
			events = s.gone(events, k)
			events = append(events, desfire.Event{Kind: desfire.ReaderRemoved, Reader: k.id})
			continue
		}
		before[k.id] = k.card
	}
	for _, id := range s.a.order {
		slot := s.a.slots[id]
		k := known{id: id}
		card, told := before[id]
		if !told {
			events = append(events, desfire.Event{Kind: desfire.ReaderAdded, Reader: id, Ignored: slot.ignored})
		}
		if slot.card != nil {
			k.card = slot.card.number
		}
		if card != k.card {
			events = s.gone(events, known{id, card})
			if c := slot.card; c != nil {
				events = append(events, desfire.Event{
					Kind: desfire.CardInserted, Reader: id, ATR: slices.Clone(c.atr), Ignored: c.ignored,
					Open: func(ctx context.Context) (desfire.Transport, error) { return s.open(ctx, slot, c.number) },
				})
			}
		}
		now = append(now, k)
	}
	return events, now
}

func (s *local) gone(events []desfire.Event, k known) []desfire.Event {
	if k.card != 0 {
		events = append(events, desfire.Event{Kind: desfire.CardRemoved, Reader: k.id})
	}
	return events
}

func (s *local) open(ctx context.Context, slot *slot, card uint64) (desfire.Transport, error) {
	l, refusal := s.a.acquire(ctx, slot, want{card: card, holder: s.holder})
	if refusal != nil {
		return nil, &Error{Reader: slot.id, Refusal: *refusal}
	}
	stop := context.AfterFunc(ctx, func() { l.end(overReleased) })
	_, refusal = l.grant()
	if !stop() && refusal == nil {
		refusal = refuse(remote.RefusedLease, "%v", ctx.Err())
	}
	if refusal != nil {
		l.end(overFailed)
		l.finish()
		return nil, &Error{Reader: slot.id, Refusal: *refusal}
	}
	go func() {
		<-l.ctx.Done()
		l.finish()
	}()
	return &held{lease: l, inner: l.t, trace: l.in.trace, name: slot.id}, nil
}

// Error is what is said to who asks for a card in this process.
type Error struct {
	Reader  string
	Refusal remote.Refusal
}

func (e *Error) Error() string { return fmt.Sprintf("reader %s: %s", e.Reader, e.Refusal.Text) }

// Sent reports whether the card may have seen a command.
func (e *Error) Sent() bool { return e.Refusal.Sent }

// Removed reports whether the card is gone.
func (e *Error) Removed() bool { return e.Refusal.Removed }

// InUse reports whether somebody else has the card.
func (e *Error) InUse() bool { return e.Refusal.InUse }

// held is a card under a lease of this process.
type held struct {
	lease *lease
	inner desfire.Transport
	trace string
	name  string
}

func (h *held) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if err := h.over(); err != nil {
		return nil, err
	}
	answer, err := h.inner.Transmit(ctx, command)
	if err != nil {
		if over := h.over(); over != nil {
			over.(*Error).Refusal.Sent = sent(err)
			return nil, errors.Join(over, err)
		}
	}
	return answer, err
}

func (h *held) over() error {
	if h.lease.ctx.Err() == nil {
		return nil
	}
	return &Error{Reader: h.name, Refusal: *h.lease.refusal()}
}

// Reconnect activates the card anew under the same lease.
func (h *held) Reconnect(ctx context.Context) error {
	if err := h.over(); err != nil {
		return err
	}
	return reconnect(ctx, h.inner)
}

// Close gives the card back, which is reset.
func (h *held) Close() error {
	h.lease.end(overReleased)
	return nil
}

func (h *held) Unwrap() desfire.Transport { return h.inner }

// Trace names this presentation of the card in logs.
func (h *held) Trace() string { return h.trace }

func (h *held) String() string { return h.name }
