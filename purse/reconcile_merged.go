package purse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// merged is rule 6: a relay can have a transaction committed before it is whole, or
// together with another that came after it. A transaction MAC that nobody's input
// has tells which.
func (l *ledger) merged(ctx context.Context) error {
	if l.tm == nil {
		return nil
	}
	for _, f := range l.seenMACs() {
		n := l.count(f.tmc)
		if len(l.owners[n]) > 0 || f.tmv == (TMV{}) {
			continue
		}
		var parts []*account
		for _, a := range l.accounts {
			if a.e.HasTMAC && a.e.trusted() && l.count(a.e.TMC0+1) == n && a.e.pending() > 0 && !a.e.Excluded {
				parts = append(parts, a)
			}
		}
		if len(parts) == 0 {
			continue
		}
		keys, err := tmac.NewKeys(ctx, l.tm, l.lrp, f.tmc, parts[0].e.uid())
		if err != nil {
			return fmt.Errorf("card %s, %s: %w", l.card.UID, l.card.App, err)
		}
		l.alone(keys, n, f.tmv, parts)
		if len(parts) <= most {
			l.joined(keys, n, f.tmv, parts)
		}
	}
	return nil
}

// Bounds of the search: the largest input, in blocks, and how many inputs of one
// number are put together.
const (
	cut  = 32
	most = 16
)

// pending is where in the input of the transaction MAC the movements begin, which are its
// last blocks; 0 if they are not there.
func (e *Entry) pending() int {
	tmi := e.tmi()
	at := len(tmi) - 16*len(e.Moves)
	if len(tmi)%16 != 0 || at <= 0 || len(tmi) > 16*cut {
		return 0
	}
	for i, m := range e.Moves {
		if !bytes.Equal(tmi[at+16*i:at+16*i+16], moveBlock(m)) {
			return 0
		}
	}
	return at
}

// moveBlock is a movement in the input of a transaction MAC.
func moveBlock(m Move) []byte {
	b := make([]byte, 16)
	b[0] = [...]byte{Debit: wire.InsDebit, Credit: wire.InsCredit, LimitedCredit: wire.InsLimitedCredit}[m.Kind]
	b[1] = byte(m.File)
	binary.LittleEndian.PutUint32(b[2:], uint32(m.Amount))
	return b
}

// alone looks for inputs that were cut short.
func (l *ledger) alone(keys *tmac.Keys, n uint32, tmv TMV, parts []*account) {
	for _, a := range parts {
		tmi := a.e.tmi()
		for end := 16; end < len(tmi); end += 16 {
			if a.e.marks(tmi[:end]) && keys.Verify(tmi[:end], tmv) == nil {
				l.part(a, n, end, "was committed before all of it was pending")
			}
		}
	}
}

// marks reports whether a part of an input holds the id of the entry.
func (e *Entry) marks(part []byte) bool { return bytes.Contains(part, e.ID.Slot(8)) }

// joined looks for the start of one input, and after it the start of another: who comes
// second begins at its beginning. An end would not be told from the end of the first, if
// both make equal movements.
func (l *ledger) joined(keys *tmac.Keys, n uint32, tmv TMV, parts []*account) {
	for _, a := range parts {
		for _, b := range parts {
			if a == b || a.e.Terminal == b.e.Terminal && a.e.ID.Generation() == b.e.ID.Generation() {
				continue
			}
			x, y := a.e.tmi(), b.e.tmi()
			for end := 16; end <= len(x); end += 16 {
				if !a.e.marks(x[:end]) {
					continue
				}
				for at := 16; at <= len(y); at += 16 {
					if keys.Verify(slices.Concat(x[:end], y[:at]), tmv) == nil {
						l.part(a, n, end, fmt.Sprintf("was committed together with %v", b.e.ID))
						l.part(b, n, at, fmt.Sprintf("was committed together with %v", a.e.ID))
					}
				}
			}
		}
	}
}

// part says what became of an entry of whose input the first end bytes were
// committed.
func (l *ledger) part(a *account, n uint32, end int, how string) {
	made := max(0, end-a.e.pending()) / 16
	what := fmt.Sprintf("transaction %d %s: a relay was at work", n, how)
	a.alarms = append(a.alarms, Alarm{Rule: RuleMerged, What: what})
	switch made {
	case 0:
		a.add(finding{RuleMerged, DidNot, what + "; its movements were not part of it"}, nil, true)
	case len(a.e.Moves):
		a.add(finding{RuleMerged, Happened, what + "; all its movements were part of it"}, nil, true)
	default:
		a.notes = append(a.notes, fmt.Sprintf("%s; %d of its %d movements were part of it", what, made, len(a.e.Moves)))
	}
}
