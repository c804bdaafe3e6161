package pcsc

import (
	"context"

	"github.com/go-desfire/desfire"
)

// slot is a reader that Events watches, and what it has reported of it.
type slot struct {
	name    string
	ignored string // the reader's reason
	seen    bool   // its state was read once
	last    uint32 // dwEventState as last read, without "changed"

	card bool // an insertion was reported, and no removal since
	mute bool
}

// step takes a new state of the reader and returns what has happened: a card
// that came or went, or went and came within one look. The counter in the high
// word tells the latter; systems without it (macOS) leave it zero.
func (s *slot) step(event uint32) (removed, inserted bool) {
	state := State(event) &^ StateChanged
	event = event&^0xFFFF | uint32(state)
	present := state&StatePresent != 0 && state&(StateUnknown|StateUnavailable) == 0
	mute := state&StateMute != 0
	same := s.card && present && s.mute == mute && s.last>>16 == event>>16
	removed = s.card && !same
	inserted = present && !same
	s.seen, s.last, s.card, s.mute = true, event, present, mute
	return removed, inserted
}

// current is what the library shall compare with. "Ignored" is what it says of
// a reader that it does not know at the moment; said by us, it would mean that
// we never want to hear of that reader.
func (s *slot) current() uint32 {
	if !s.seen {
		return uint32(StateUnaware)
	}
	return s.last &^ uint32(StateIgnore)
}

// inserted makes the event of an insertion.
func (r *Readers) inserted(s *slot, state readerState) desfire.Event {
	e := desfire.Event{Kind: desfire.CardInserted, Reader: s.name, ATR: state.atr, Ignored: s.ignored}
	if e.Ignored == "" {
		e.Ignored = r.ignoredCard(s.name, State(state.event), state.atr)
	}
	name := s.name
	e.Open = func(ctx context.Context) (desfire.Transport, error) {
		c, err := r.Connect(ctx, name)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return e
}
