package purse

import (
	"bytes"
	"context"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// compute adds to evidence what follows from it with the transaction MAC key:
// whether the MAC is that of our input, and who the card's last reader was. known reports
// whether an id is one that this journal made. Where something needed is missing,
// it adds nothing.
func (ev *Evidence) compute(ctx context.Context, e *Entry, tm key.Key, known func(ID) bool) error {
	uid := e.uid()
	if tm == nil || len(uid) != 7 || !e.HasTMAC || ev.TMC == nil || ev.TMV == nil || !ev.SameCard {
		return nil
	}
	if tmi := e.tmi(); len(tmi) > 0 {
		keys, err := tmac.NewKeys(ctx, tm, e.LRP, *ev.TMC, uid)
		if err != nil {
			return err
		}
		if ev.TMVFits = DoesNotFit; keys.Verify(tmi, *ev.TMV) == nil {
			ev.TMVFits = Fits
		}
	}
	if len(ev.EncTMRI) != 16 || ev.SettlementID == nil {
		return nil
	}
	before, err := readers(ctx, tm, e.LRP, e.TMC0+1, uid, e.encTMRI())
	if err != nil {
		return err
	}
	now, err := readers(ctx, tm, e.LRP, *ev.TMC+1, uid, ev.EncTMRI)
	if err != nil {
		return err
	}
	for _, id := range now {
		ours := id == e.ID || known != nil && known(id)
		for _, b := range before {
			// One block under two keys: equal only if both keys are right.
			ours = ours || b == id && e.count(*ev.TMC) != e.count(e.TMC0)
		}
		if ours {
			ev.Previous, ev.PreviousKnown = &id, true
			return nil
		}
	}
	if !e.LRP {
		ev.Previous = &now[0]
	}
	return nil
}

// count is a transaction counter as it counts.
func (e *Entry) count(tmc uint32) uint32 { return tmac.Count(tmc, e.LRP) }

// tmi is the input of the transaction MAC; nil if it holds nothing that no other
// transaction has.
func (e *Entry) tmi() Hex {
	tmi := e.TMI
	if len(e.Progress.TMI) > 0 {
		tmi = e.Progress.TMI
	}
	if !e.marked() || !bytes.Contains(tmi, e.ID.Slot(8)) {
		return nil
	}
	return tmi
}

// sessions is how many values of the low counter of LRP are tried: a card counts the
// transactions that it began and did not commit, 1 for the first.
const sessions = 32

// readers deciphers what CommitReaderID answered in transaction n: one id, or
// under LRP one for each value of the counter that is not known. Only one can be right.
func readers(ctx context.Context, tm key.Key, lrp bool, n uint32, uid, enc []byte) (ids []ID, err error) {
	if len(enc) != 16 {
		return nil, nil
	}
	counters := []uint32{n}
	if lrp {
		counters = counters[:0]
		for i := range uint32(sessions) {
			counters = append(counters, tmac.Count(n, true)|(i+1)<<16)
		}
	}
	for _, c := range counters {
		keys, err := tmac.NewKeys(ctx, tm, lrp, c, uid)
		if err != nil {
			return nil, err
		}
		ids = append(ids, keys.PreviousReader([16]byte(enc)))
	}
	return ids, nil
}

// withReader is an input of a transaction MAC in which what CommitReaderID
// answered is replaced; nil if id is not named in it. A block of C8, the id and the
// answer is filled up to 48 bytes.
func withReader(tmi Hex, id ID, enc [16]byte) Hex {
	named := append([]byte{wire.InsCommitReaderID}, id[:]...)
	for at := 0; at+48 <= len(tmi); at += 16 {
		if bytes.HasPrefix(tmi[at:], named) {
			out := bytes.Clone(tmi)
			copy(out[at+len(named):], enc[:])
			return out
		}
	}
	return nil
}
