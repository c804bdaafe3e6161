package purse

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// values are those of a file before and now, where both count.
func (j *judge) values(file wire.FileNo) (v0, v int64, ok bool) {
	now, ok := j.ev.Value(file)
	if !ok {
		return 0, 0, false
	}
	for _, b := range j.e.Values {
		if b.File == file {
			return int64(b.Value), int64(now), j.policy == Accidents || b.Source == FromSession || b.Source == FromLease
		}
	}
	return 0, 0, false
}

// exclusive reports whether nobody else could move the values. Under a lease others could before,
// and what pended then may have been committed since.
func (j *judge) exclusive() bool {
	return j.e.Others == OthersNothing && j.ev.LeaseHeld && (j.e.Lease == "" || j.unmerged())
}

// moved compares all files of the change: how many moved as it does, how many did
// not move, and how many otherwise. known is false if one of them is not known.
func (j *judge) moved() (by, not, other int, known bool) {
	for _, m := range j.e.Moves {
		v0, v, ok := j.values(m.File)
		switch {
		case !ok:
			return 0, 0, 0, false
		case v == v0+m.Signed():
			by++
		case v == v0:
			not++
		default:
			other++
		}
	}
	return by, not, other, len(j.e.Moves) > 0
}

func (j *judge) valuesUnmoved() bool {
	_, not, _, known := j.moved()
	return known && not == len(j.e.Moves)
}

// valueFits reports whether the values can only be what they are if the change is part of
// them: nobody else moves them, or the newer records say by how much others did.
func (j *judge) valueFits() bool {
	if j.exclusive() {
		by, _, _, known := j.moved()
		return known && by == len(j.e.Moves)
	}
	at := j.recordAt()
	if at < 0 || len(j.e.Moves) != 1 || !j.unmerged() {
		return false // a record has the amount of one movement
	}
	v0, v, ok := j.values(j.e.Moves[0].File)
	_, _, no, _ := ParseRecord(j.ev.Records[at])
	if !ok || !j.since(at) || !j.numbered(j.ev.Records[:at+1], no) {
		return false
	}
	newer := make([]int64, at)
	sum := j.e.Moves[0].Signed()
	for i, r := range j.ev.Records[:at] {
		_, amount, _, _ := ParseRecord(r)
		newer[i] = int64(amount)
		sum += newer[i]
	}
	// A relay may have had other records committed without their movements.
	return v-v0 == sum && !someOf(newer, v-v0)
}

// someOf reports whether some of the amounts, or none, make up a sum. Of too many
// it says that they do.
func someOf(amounts []int64, sum int64) bool {
	if len(amounts) > 12 {
		return true
	}
	for set := range 1 << len(amounts) {
		part := int64(0)
		for i, a := range amounts {
			if set>>i&1 == 1 {
				part += a
			}
		}
		if part == sum {
			return true
		}
	}
	return false
}

// since reports whether nothing stands between the record at and the marker.
func (j *judge) since(at int) bool {
	if j.e.Records == 0 {
		return len(j.ev.Records) == at+1
	}
	return at+1 < len(j.ev.Records) && string(j.ev.Records[at+1]) == string(j.e.Marker)
}

// value is rule 9.
func (j *judge) value() {
	by, not, other, known := j.moved()
	switch all := len(j.e.Moves); {
	case !known:
	case !j.exclusive():
		if j.e.Others == OthersAny {
			j.forbids = cmp.Or(j.forbids, RuleBothWays)
			j.note("others move the value too, by equal amounts perhaps")
		}
		if j.e.Others == OthersNothing && !j.ev.LeaseHeld {
			j.note("the lease was not held all the time, so that others may have moved the value")
		} else if j.e.Others == OthersNothing {
			j.note("what was pending under another's lease may have been committed, by the same amount perhaps")
		}
	case by == all:
		j.find(RuleValue, Happened, "the value moved by the amount, and nobody else can move it")
	case other > 0:
		j.block("nobody else can move the value, and it is neither what it was nor what it would be: %s", j.valueWords())
	case not < all:
		j.block("some of the values moved and others did not, though all move together: %s", j.valueWords())
	case !j.fenced():
		j.note("the value is as it was, and it can still move: nothing excludes that what is pending is committed")
	default:
		j.find(RuleValue, DidNot, "the value is as it was, nobody else can move it, and nothing is pending")
	}
}

func (j *judge) valueWords() string {
	s := ""
	for i, m := range j.e.Moves {
		v0, v, _ := j.values(m.File)
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("file %d %d instead of %d or %d", m.File, v, v0, v0+m.Signed())
	}
	return s
}

// debitOnly is rule 10. With several files each has to be too high: a relay may have committed
// a part.
func (j *judge) debitOnly() {
	if j.e.Others != OthersDebit || len(j.e.Moves) == 0 {
		return
	}
	for _, m := range j.e.Moves {
		v0, v, ok := j.values(m.File)
		if !ok || m.Kind != Debit {
			return
		}
		if v <= v0+m.Signed() {
			j.note("the value is low enough for the change, and others may have lowered it")
			return
		}
	}
	if !j.fenced() {
		j.note("the value is too high for the change, and it can still fall: nothing excludes that what is pending is committed")
		return
	}
	j.find(RuleDebitOnly, DidNot, "the value is higher than the change would leave it, others can only lower it, and nothing is pending")
}

// limited is rule 12. The amount that a limited credit may give back is 0 after one.
func (j *judge) limited() {
	e, ev := j.e, j.ev
	if len(e.Moves) != 1 || e.Moves[0].Kind != LimitedCredit || !j.exclusive() || e.Limited0 == nil || *e.Limited0 <= 0 || ev.Limited == nil {
		return
	}
	switch {
	case *ev.Limited == 0:
		j.find(RuleLimited, Happened, "the limited-credit amount is used up, and nobody else can use it")
	case *ev.Limited != *e.Limited0:
		j.note("the limited-credit amount is neither used up nor what it was")
	case !j.fenced():
		j.note("the limited-credit amount is as it was, and it can still be used: nothing excludes that what is pending is committed")
	default:
		j.find(RuleLimited, DidNot, "the limited-credit amount is as it was, nobody else can use it, and nothing is pending")
	}
}
