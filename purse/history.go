package purse

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/tmac"
)

// history is what is remembered of the card. A blocked card is a *BlockedError.
func (p *Purse) history(ctx context.Context, s *session) (*CardState, error) {
	state, err := p.conf.Journal.State(ctx, p.conf.cardApp(s.uid))
	if err != nil {
		return nil, &JournalError{err}
	}
	if state != nil && state.Blocked != "" {
		return nil, &BlockedError{state.CardApp, state.Blocked}
	}
	return state, nil
}

// compare blocks a card that shows another history than the journal's. Only what
// a session protects counts.
func (p *Purse) compare(ctx context.Context, s *session, state *CardState) error {
	if state == nil {
		return nil
	}
	why := ""
	if s.receipt != nil && state.HasTMC {
		why = otherCounter(state, s.receipt.TMC, s.receipt.TMV, s.lrp())
	}
	if was := p.conf.Slot.kept(state); why == "" && s.slot != nil && was != nil && !bytes.Equal(was, s.slot) && !bytes.Equal(state.SlotOr, s.slot) {
		why = fmt.Sprintf("the slot of this terminal holds %X, and the journal left %X in it: another terminal uses the slot, or the journal was restored", []byte(s.slot), []byte(was))
	}
	if v := state.KeyVer; why == "" && v != nil && s.keyed && !s.facts.NoVersion && s.facts.Version < *v {
		why = fmt.Sprintf("the card takes version %02X of the key, and had version %02X before", s.facts.Version, *v)
	}
	if why == "" {
		return nil
	}
	return p.block(ctx, state, why)
}

// kept is what a state says of the slot; nil if nothing.
func (s *Slot) kept(state *CardState) Hex {
	if s == nil || state.SlotFile == nil || *state.SlotFile != s.No || state.SlotNo != s.Number || len(state.Slot) != s.size() {
		return nil
	}
	return state.Slot
}

func (p *Purse) block(ctx context.Context, state *CardState, why string) error {
	return blockCard(ctx, p.conf.Journal, state, why)
}

func blockCard(ctx context.Context, j Journal, state *CardState, why string) error {
	state.Blocked = why
	if err := j.Keep(ctx, state); err != nil {
		return &JournalError{err}
	}
	return &BlockedError{state.CardApp, why}
}

// otherCounter says why a counter is not of the history that is remembered; empty
// if it may be.
func otherCounter(state *CardState, tmc uint32, tmv TMV, lrp bool) string {
	now, was := tmac.Count(tmc, lrp), tmac.Count(state.TMC, lrp)
	if tmac.Compare(now, was, lrp) < 0 {
		return fmt.Sprintf("its transaction counter was %d and is %d", was, now)
	}
	if now == was && tmv != state.TMV {
		return fmt.Sprintf("transaction %d has another transaction MAC than before", now)
	}
	return ""
}

// remember is the state of a card after an outcome; nil if it stays.
func remember(state *CardState, e *Entry, o *Outcome) *CardState {
	next := CardState{CardApp: e.CardApp}
	if state != nil {
		next = *state.Clone()
	}
	for _, a := range o.Alarms {
		if a.Block {
			next.Blocked = a.What
		}
	}
	if !e.IsOpen() { // and others came after it
		if next.Blocked == "" {
			return nil
		}
		return &next
	}
	ev := &o.Evidence
	if ev.TMC != nil && ev.TMV != nil && ev.Protected && (!next.HasTMC || otherCounter(&next, *ev.TMC, *ev.TMV, e.LRP) == "") {
		next.HasTMC, next.TMC, next.TMV, next.LRP = true, *ev.TMC, *ev.TMV, e.LRP
	}
	if e.SlotFile != nil && o.Decision != InDoubt {
		next.SlotFile, next.SlotNo = clonePointer(e.SlotFile), e.SlotNo
		if len(ev.Slot) > 0 && (ev.Protected || e.Policy == Accidents) {
			next.Slot, next.SlotOr = slices.Clone(ev.Slot), nil
		} else { // a person or the centre decided, and nobody has looked
			next.Slot, next.SlotOr = slices.Clone(e.Slot0), slices.Clone(e.ID.Slot(len(e.Slot0)))
		}
	}
	if e.RecordFile != nil {
		next.RecordNo = max(next.RecordNo, e.RecordNo)
	}
	next.Values, next.Lease = nil, ""
	if o.Decision != InDoubt && e.Lease != "" && ev.LeaseHeld {
		next.Values, next.Lease = slices.Clone(ev.Values), e.Lease
	}
	if !e.Key.NoVersion && e.KeyNo != nil {
		if v := e.Key.Version; next.KeyVer == nil || v > *next.KeyVer {
			next.KeyVer = &v
		}
	}
	return &next
}
