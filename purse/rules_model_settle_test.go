package purse

import (
	"github.com/go-desfire/desfire"
)

// settle asks the card, with a fence or without one.
func (m *model) settle(e *Entry, key bool) *Evidence {
	m.open()
	ev := &Evidence{Protected: !m.weak, SameCard: true, LeaseHeld: m.others == OthersNothing && !m.leaseLost}
	if m.names && m.relay && !m.one(4) {
		id := m.id()
		ev.SettlementID = &id
		answer, _ := m.name(id)
		ev.EncTMRI = answer[:]
		if before := m.reader; key {
			ev.Previous = &before
			ev.PreviousKnown = before == e.ID || before.Generation()[0] < 3 || len(e.EncTMRI) > 0 && before == ID(e.EncTMRI) // hashes: it is not enciphered
		}
	}
	switch {
	case m.one(6): // broken off: read, and nothing excluded
	case m.relay && !m.weak:
		ev.Fence, m.pending = Fence(desfire.FenceAbort), nil
	case m.relay:
		ev.Fence, m.pending = Fence(desfire.FenceElsewhere), nil
	default:
		ev.Fence = Fence(desfire.FenceSelection)
	}
	m.read(e, ev, key)
	return ev
}

func (m *model) read(e *Entry, ev *Evidence, key bool) {
	lies := m.relay && m.weak
	if m.tmac && !m.one(8) {
		n, v := m.number(m.tmc), m.tmv
		if old := m.told[m.IntN(len(m.told))]; lies && m.one(2) {
			n, v = old[0].(uint32), old[1].(TMV)
		}
		ev.TMC, ev.TMV, ev.TMKeyVersion = &n, &v, &m.keyVer
		if key && e.marked() {
			if ev.TMVFits = DoesNotFit; m.mac(n, string(e.TMI)) == v {
				ev.TMVFits = Fits
			}
		}
	}
	if m.slot && !m.one(8) {
		ev.Slot = m.slotOf(e.SlotNo)
		if lies {
			ev.Slot = []Hex{ev.Slot, e.Slot0, e.ID.Slot(16)}[m.IntN(3)]
		}
	}
	if m.record && !m.one(8) {
		shown := m.records
		if m.one(3) && len(shown) > 1 {
			shown = shown[len(shown)-1-m.IntN(len(shown)-1):]
		}
		ev.HasRecords, ev.AllRecords = true, len(shown) == len(m.records)
		for i := len(shown) - 1; i >= 0; i-- {
			ev.Records = append(ev.Records, Hex(shown[i]))
		}
	}
	for i, x := range e.Moves {
		if m.one(8) {
			continue
		}
		v := m.values[x.File]
		if lies && i == 0 {
			v = m.before[m.IntN(len(m.before))]
		}
		ev.Values = append(ev.Values, ValueBefore{x.File, int32(v), e.Values[i].Source})
	}
}
