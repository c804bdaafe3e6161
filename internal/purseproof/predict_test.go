package purseproof

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
)

// mayDoubt says, without the rules, whether a terminal cannot know what became of a
// change among honest people: of what the card holds now nothing tells it. Where
// one of the receipts tells, nothing may be in doubt.
func (w *world) mayDoubt(tm *terminal, e *purse.Entry) bool {
	p, l := w.cardOf(e), w.lay
	for _, told := range []bool{
		l.slot,
		l.others == purse.OthersNothing && (!l.lease || w.stillLeased(tm, p, e)),
		l.others == purse.OthersDebit && int64(p.value()) > int64(e.Values[0].Value)+e.Signed(valueNo),
		l.record && recordTells(p, e),
		l.tmac && counterTells(p, e),
	} {
		if told {
			return false
		}
	}
	return true
}

func (w *world) stillLeased(tm *terminal, p *plastic, e *purse.Entry) bool {
	epoch, held := tm.Epoch(p.uid)
	return held && epoch == e.Lease
}

// recordTells reports whether the file still shows the record, or all records since.
func recordTells(p *plastic, e *purse.Entry) bool {
	f := p.file(recordNo)
	for _, r := range f.Records {
		if bytes.Equal(r[:16], e.ID[:]) {
			return true
		}
	}
	if e.Records == 0 {
		return len(f.Records) < showing
	}
	if slices.ContainsFunc(f.Records, func(r sim.HexLines) bool { return bytes.Equal(r, e.Marker) }) {
		return true
	}
	// The oldest one shown follows the marker.
	return len(f.Records) > 0 && len(e.Marker) == 24 && recordNumber(f.Records[0]) == recordNumber(e.Marker)+1
}

func recordNumber(b []byte) uint32 { return binary.LittleEndian.Uint32(b[20:]) }

// counterTells reports whether no transaction was committed since.
func counterTells(p *plastic, e *purse.Entry) bool {
	mask := ^uint32(0)
	if e.LRP {
		mask = 0xFFFF
	}
	return p.file(tmacNo).TMAC.Counter&mask == e.TMC0&mask
}

// needless are changes in doubt that did not have to be.
func (w *world) needless() {
	for _, tm := range w.terms {
		for _, e := range tm.entries() {
			if e.IsOpen() && !w.mayDoubt(tm, e) {
				why := "no outcome"
				if o := e.Outcome(); o != nil {
					why = o.Why
				}
				w.fault("%v: %v is in doubt (%s), and could be decided", tm, e.ID, why)
			}
		}
	}
}
