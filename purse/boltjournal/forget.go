package boltjournal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/purse"
)

// How much is looked at, and taken away in one synced transaction, while others wait.
const (
	forgetLook = 256
	forgetTake = 64
)

// Forget implements purse.ChangeLog. Others may use the journal between two small parts of
// the work; a loop over Entries does not see what is gone.
func (j *Journal) Forget(ctx context.Context, upTo uint64, before purse.Time) (int, error) {
	f := &forgetting{upTo: upTo, before: before, stay: map[string]bool{}}
	for f.found = true; f.found; {
		if err := j.forget(ctx, f.findings); err != nil {
			return f.gone, err
		}
	}
	for more := true; more; more = !f.end {
		if err := j.forget(ctx, f.entries); err != nil {
			return f.gone, err
		}
	}
	return f.gone, nil
}

// forget takes away what part puts into a layer.
func (j *Journal) forget(ctx context.Context, part func(l *layer) (taken int, err error)) error {
	defer j.mu.Unlock()
	if err := j.writing(ctx); err != nil {
		return err
	}
	l := j.pending.child()
	taken, err := part(l)
	if err != nil {
		return j.refused(err)
	}
	if taken == 0 {
		return nil
	}
	return j.fail(j.commit(l))
}

// forgetting is one call of Forget.
type forgetting struct {
	upTo   uint64
	before purse.Time
	no     uint64          // the last entry that was looked at
	change uint64          // the last change
	stay   map[string]bool // requests of which an attempt stays, where there are several
	gone   int
	found  bool // there are more changes
	end    bool // there are no more entries
}

// findings takes away what was found of entries of others.
func (f *forgetting) findings(l *layer) (taken int, err error) {
	base := l.under
	keys, values, err := base.scan(bucketChanges, string(numberKey(f.change)), forgetLook)
	f.found = len(keys) == forgetLook
	for i, k := range keys {
		if err != nil {
			break
		}
		f.change = binary.BigEndian.Uint64([]byte(k))
		if f.change > f.upTo {
			f.found = false
			break
		}
		if v := values[i]; len(v) > 8 && binary.BigEndian.Uint64(v) == 0 {
			var x purse.Found
			if err := json.Unmarshal(v[8:], &x); err != nil {
				return 0, &DamagedError{l.db.name, fmt.Sprintf("change %d: %v", f.change, err)}
			}
			if x.Outcome.Time.Before(f.before.Time) {
				err = l.remove(bucketChanges, k)
				taken++
			}
		}
	}
	return taken, err
}

// entries takes away entries.
func (f *forgetting) entries(l *layer) (taken int, err error) {
	for looked := 0; looked < forgetLook && taken < forgetTake; looked++ {
		no, err := l.under.next(f.no)
		if err != nil || no == 0 {
			f.end = true
			return taken, err
		}
		f.no = no
		gone, err := f.entry(l, no)
		if err != nil {
			return taken, err
		}
		if gone {
			taken++
			f.gone++
		}
	}
	return taken, nil
}

// entry takes one away, if it may.
func (f *forgetting) entry(l *layer, no uint64) (gone bool, err error) {
	e, may, err := f.may(l, no)
	if err != nil {
		return false, err
	}
	highest, attempts := no, uint64(1)
	if e.Request != "" {
		if highest, attempts, err = l.request(e.Request); err != nil {
			return false, err
		}
	}
	if may && highest != no && highest != 0 {
		if _, may, err = f.may(l, highest); err != nil {
			return false, err
		}
	}
	if !may || f.stay[e.Request] {
		if attempts > 1 {
			f.stay[e.Request] = true
		}
		return false, nil
	}
	_, events, change, err := l.number(e.ID)
	if err != nil {
		return false, err
	}
	for i := range events {
		if err := l.remove(bucketEntries, string(numberKey(no, i))); err != nil {
			return false, err
		}
	}
	if err := l.remove(bucketChanges, string(numberKey(change))); err != nil {
		return false, err
	}
	if e.Request != "" && highest == no {
		if err := l.remove(bucketRequests, e.Request); err != nil {
			return false, err
		}
	}
	return true, l.remove(bucketIDs, string(e.ID[:]))
}

// may reports whether nothing but its request keeps an entry.
func (f *forgetting) may(l *layer, no uint64) (e *purse.Entry, may bool, err error) {
	if e, err = l.entry(no, l.head.Revision); err != nil {
		return nil, false, err
	}
	_, _, change, err := l.number(e.ID)
	if err != nil || change > f.upTo || !e.Forgettable(f.before) {
		return e, false, err
	}
	v, err := l.get(bucketLast, cardKey(e.CardApp))
	if err != nil {
		return e, false, err
	}
	if len(v) != 8 {
		return e, false, &DamagedError{l.db.name, fmt.Sprintf("the last entry of card %q leads nowhere", e.UID)}
	}
	return e, binary.BigEndian.Uint64(v) != no, nil
}
