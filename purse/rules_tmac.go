package purse

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/tmac"
)

// block is alarm 14a.
func (j *judge) block(format string, a ...any) {
	j.alarms = append(j.alarms, Alarm{Rule: RuleOtherHistory, What: fmt.Sprintf(format, a...), Block: true})
}

// doubt is alarm 14b.
func (j *judge) doubt(format string, a ...any) {
	j.alarms = append(j.alarms, Alarm{Rule: RuleReceipt, What: fmt.Sprintf(format, a...)})
}

// outside reports whether the movements are no part of what the transaction MAC
// covers.
func (j *judge) outside() bool { return j.e.Excluded && j.e.KeyNo == nil }

// isNext reports whether tmc is n, the only number that the transaction can have.
func (j *judge) isNext(tmc uint32) bool { return j.e.count(tmc) == j.e.count(j.e.TMC0+1) }

// isBefore reports whether the counter did not move.
func (j *judge) isBefore(tmc uint32) bool { return j.e.count(tmc) == j.e.count(j.e.TMC0) }

// back reports whether now is a number before was.
func (j *judge) back(now, was uint32) bool { return tmac.Compare(now, was, j.e.LRP) < 0 }

// counts reports whether the counter says anything.
func (j *judge) counts() bool { return j.e.HasTMAC && j.ev.TMC != nil && !j.outside() }

// otherHistory is alarm 14a, as far as one terminal can tell.
func (j *judge) otherHistory() {
	j.otherCounter()
	if s, v := j.state, j.ev.KeyVersion; s != nil && s.KeyVer != nil && v != nil && *v < *s.KeyVer {
		j.block("the card takes version %02X of the key, and had version %02X before", *v, *s.KeyVer)
	}
}

func (j *judge) isBlocked() bool {
	return slices.ContainsFunc(j.alarms, func(a Alarm) bool { return a.Block })
}

func (j *judge) otherCounter() {
	e, ev, s := j.e, j.ev, j.state
	if !e.HasTMAC || ev.TMC == nil || !j.believed() {
		return
	}
	now := *ev.TMC
	if s != nil && s.HasTMC {
		if why := otherCounter(s, now, tmvOr(ev.TMV, s.TMV), e.LRP); why != "" {
			j.block("%s", why)
		}
	}
	if s != nil && s.TMKeyVer != nil && ev.TMKeyVersion != nil && *ev.TMKeyVersion < *s.TMKeyVer {
		j.block("the transaction MAC key has version %02X, and had version %02X before", *ev.TMKeyVersion, *s.TMKeyVer)
	}
	if ev.CommitAcked {
		return // what was read before the transaction stands behind it
	}
	switch {
	case ev.TMKeyVersion != nil && *ev.TMKeyVersion != e.TMKeyVer:
		j.block("the transaction MAC key has version %02X, and had version %02X when the change began: the file was made anew", *ev.TMKeyVersion, e.TMKeyVer)
	case j.back(now, e.TMC0):
		j.block("the transaction counter was %d when the change began and is %d", j.e.count(e.TMC0), j.e.count(now))
	case j.isBefore(now):
		j.stoodStill()
	}
}

func tmvOr(v *TMV, other TMV) TMV {
	if v != nil {
		return *v
	}
	return other
}

// stoodStill finds what cannot be where the counter is that before the change.
func (j *judge) stoodStill() {
	e, ev := j.e, j.ev
	if ev.TMV != nil && *ev.TMV != e.TMV0 {
		j.block("transaction %d has another transaction MAC than when the change began", j.e.count(e.TMC0))
		return
	}
	if enc := e.encTMRI(); !e.LRP && len(enc) > 0 && len(ev.EncTMRI) > 0 && ev.SettlementID != nil && !bytes.Equal(enc, ev.EncTMRI) {
		j.block("the reader before transaction %d is another one than when the change began", j.e.count(e.TMC0+1))
		return
	}
	if e.Excluded {
		return // what is done without a session moves values, and not the counter
	}
	for _, m := range e.Moves {
		if v0, v, ok := j.values(m.File); ok && v != v0 {
			j.block("file %d held %d and holds %d, and the transaction counter did not move", m.File, v0, v)
			return
		}
	}
	if j.slotIsOurs() || j.recordAt() >= 0 {
		j.block("the receipt of the change is there, and the transaction counter did not move")
	}
}

// encTMRI is what the card answered when the reader was named.
func (e *Entry) encTMRI() Hex {
	if e.EncTMRI != nil {
		return e.EncTMRI
	}
	return e.Progress.EncTMRI
}

// marked reports whether the input of the transaction MAC holds something that no
// other transaction has.
func (e *Entry) marked() bool { return e.NamesReader || e.SlotFile != nil || e.RecordFile != nil }

// tmv is rule 2. What is proved is proved by the transaction MAC key alone.
func (j *judge) tmv() {
	e, ev := j.e, j.ev
	if !j.counts() || ev.TMVFits != Fits {
		if ev.TMVFits == DoesNotFit && j.counts() && j.isNext(*ev.TMC) {
			j.note("the transaction MAC does not fit our input, which a wrong UID or key version may cause as well")
		}
		return
	}
	switch {
	case !e.marked():
		j.note("the transaction MAC fits, and an equal change has the same one")
	case j.isNext(*ev.TMC):
		j.find(RuleTMV, Happened, "the transaction MAC covers the change and its id")
	case j.macs():
		j.block("transaction %d has the transaction MAC of this change, whose number is %d", j.e.count(*ev.TMC), j.e.count(e.TMC0+1))
	default: // the counter before was not protected
		j.find(RuleTMV, Happened, "the transaction MAC covers the change and its id")
	}
}

// previous is rules 3 and 4: who the reader of transaction n was.
func (j *judge) previous() {
	e, ev := j.e, j.ev
	if !j.counts() || !j.isNext(*ev.TMC) || ev.Previous == nil || !e.NamesReader || ev.SettlementID == nil {
		return
	}
	switch {
	case *ev.Previous == e.ID:
		if j.wholeWithName() {
			j.find(RuleReaderID, Happened, "the card names this change as its last transaction, and all of it was pending")
			return
		}
		j.doubt("the card names this change as its last transaction, and whether its movements were part of it is not known")
	case ev.PreviousKnown:
		j.find(RuleOtherOwner, DidNot, fmt.Sprintf("the only number that this change could have, %d, is that of another transaction", j.e.count(*ev.TMC)))
	default:
		j.note("the id that the card names as the last reader is nobody's that is known here")
	}
}

// counter is rule 1.
func (j *judge) counter() {
	e, ev := j.e, j.ev
	if !j.counts() {
		return
	}
	if !j.isBefore(*ev.TMC) {
		j.forbids = RuleNoKey
		switch n := e.count(e.TMC0 + 1); {
		case !j.isNext(*ev.TMC):
			j.note(fmt.Sprintf("transaction %d, which this change or another is, is followed by others, and no report tells whose it was", n))
		case ev.TMVFits == NotChecked:
			j.note(fmt.Sprintf("this change or another is transaction %d, and the transaction MAC key is not here", n))
		}
		return
	}
	switch {
	case ev.TMV == nil:
	case !j.fenced():
		j.note("the transaction counter did not move, and it still can: nothing excludes that what is pending is committed")
	case j.e.count(e.TMC0) == 0 && !j.valuesUnmoved():
		j.note("the transaction counter is 0 as it was, which a new file would say as well")
	default:
		j.find(RuleCounter, DidNot, "the transaction counter did not move, and nothing is pending")
	}
}
