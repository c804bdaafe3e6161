package boltjournal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse"
)

// revisionBits is how many bits of the number of a change are the event's; above them is how often the
// journal was opened, so that events that a loss of power took have other numbers than those in their place.
const revisionBits = 40

// stamp is the number of the change that an event makes.
func (l *layer) stamp(e *event) uint64 { return l.head.Opens<<revisionBits | e.Revision }

// count writes how many events an entry has, and the number of its last change.
func (l *layer) count(id purse.ID, no uint64, events uint32, was, change uint64) error {
	if was != 0 {
		if err := l.remove(bucketChanges, string(numberKey(was))); err != nil {
			return err
		}
	}
	l.head.Changed = max(l.head.Changed, change)
	if err := l.put(bucketChanges, string(numberKey(change)), numberKey(no)); err != nil {
		return err
	}
	return l.put(bucketIDs, string(id[:]), binary.BigEndian.AppendUint64(numberKey(no, events), change))
}

func (l *layer) find(f *purse.Found, change uint64) error {
	if err := f.Check(); err != nil {
		return err
	}
	v, err := json.Marshal(f)
	if err != nil {
		return err
	}
	l.head.Changed = change
	return l.put(bucketChanges, string(numberKey(change)), append(numberKey(0), v...))
}

func (l *layer) mark(m *mark) error {
	was, err := l.get(bucketMarks, m.Name)
	if err != nil {
		return err
	}
	others := l.head.Counts[bucketMarks]
	if was != nil {
		others--
	}
	if err := purse.CheckMark(m.Name, m.Value, int(min(others, math.MaxInt))); err != nil { //nolint:gosec // a few
		return err
	}
	return l.put(bucketMarks, m.Name, append([]byte{}, m.Value...))
}

// scan returns the keys and values after a key, in their order; l is of the database alone.
func (l *layer) scan(bucket, after string, limit int) (keys []string, values [][]byte, err error) {
	found := map[string][]byte{}
	over := l.puts[bucket]
	for k, v := range over {
		if v != nil && k > after {
			found[k] = v
		}
	}
	err = l.db.view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			if l.db.first {
				return nil
			}
			return fmt.Errorf("bucket %q is missing", bucket)
		}
		c := b.Cursor()
		n := 0
		for k, v := c.Seek([]byte(after)); k != nil && n < limit; k, v = c.Next() {
			if _, there := over[string(k)]; there || string(k) == after {
				continue
			}
			opened, err := unseal(bucket, string(k), v)
			if err != nil {
				return err
			}
			found[string(k)] = slices.Clone(opened)
			n++
		}
		return nil
	})
	if err != nil {
		return nil, nil, l.db.damaged(err)
	}
	for k := range found {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	keys = keys[:min(len(keys), limit)]
	for _, k := range keys {
		values = append(values, found[k])
	}
	return keys, values, nil
}

// next is the number of the entry after one; 0 if there is none.
func (l *layer) next(no uint64) (uint64, error) {
	if no >= l.head.Entries {
		return 0, nil
	}
	v, err := l.get(bucketEntries, string(numberKey(no+1, 0)))
	if err != nil || v != nil {
		return no + 1, err
	}
	keys, _, err := l.scan(bucketEntries, string(numberKey(no, math.MaxUint32)), 1)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	return binary.BigEndian.Uint64([]byte(keys[0])), nil
}

// upgrade gives the entries of a journal of the first format the numbers of their last changes.
func (j *Journal) upgrade() error {
	l := j.pending
	for no := uint64(1); no <= l.head.Entries; no++ {
		first, err := l.event(no, 0)
		if err != nil {
			return err
		}
		if first.Begin == nil {
			return &DamagedError{l.db.name, fmt.Sprintf("entry %d does not begin", no)}
		}
		_, events, _, err := l.number(first.Begin.ID)
		if err != nil {
			return err
		}
		last := first
		if events > 1 {
			if last, err = l.event(no, events-1); err != nil {
				return err
			}
		}
		if err := l.count(first.Begin.ID, no, events, 0, l.stamp(last)); err != nil {
			return err
		}
		if err := l.put(bucketLast, cardKey(first.Begin.CardApp), numberKey(no)); err != nil {
			return err
		}
	}
	l.head.Format = format
	for _, name := range buckets {
		if name != bucketHead {
			l.head.Counts[name] += 0
			l.makeBucket(name)
		}
	}
	return nil
}

// makeBucket makes sure that write makes a bucket, of which nothing may be written.
func (l *layer) makeBucket(name string) {
	if l.puts[name] == nil {
		l.puts[name] = map[string][]byte{}
	}
}

// changed tells those who wait.
func (j *Journal) changed() {
	close(j.wake)
	j.wake = make(chan struct{})
}

// Changed implements purse.ChangeLog.
func (j *Journal) Changed() <-chan struct{} {
	defer j.mu.Unlock()
	j.mu.Lock()
	return j.wake
}

// LastChange implements purse.ChangeLog.
func (j *Journal) LastChange(ctx context.Context) (uint64, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return 0, err
	}
	return j.pending.head.Changed, nil
}

// Changes implements purse.ChangeLog. Others may use the journal between two entries.
func (j *Journal) Changes(ctx context.Context, after uint64, limit int) ([]purse.Logged, error) {
	keys, values, err := j.changesAfter(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	var all []purse.Logged
	for i, k := range keys {
		c, err := j.logged(ctx, binary.BigEndian.Uint64([]byte(k)), values[i])
		if err != nil {
			return nil, err
		}
		if c.Entry != nil || c.Found != nil {
			all = append(all, c)
		}
	}
	return all, nil
}

func (j *Journal) changesAfter(ctx context.Context, after uint64, limit int) (keys []string, values [][]byte, err error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, nil, err
	}
	keys, values, err = j.pending.scan(bucketChanges, string(numberKey(after)), max(limit, 0))
	for i, k := range keys {
		if len(k) != 8 || len(values[i]) < 8 {
			return nil, nil, &DamagedError{j.path, "a change leads nowhere"}
		}
	}
	return keys, values, err
}

// logged is a change; none if the entry has changed again.
func (j *Journal) logged(ctx context.Context, seq uint64, v []byte) (c purse.Logged, err error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return c, err
	}
	c.Seq = seq
	no := binary.BigEndian.Uint64(v)
	if no == 0 {
		c.Found = new(purse.Found)
		if err := json.Unmarshal(v[8:], c.Found); err != nil {
			return c, &DamagedError{j.path, fmt.Sprintf("change %d: %v", seq, err)}
		}
		return c, nil
	}
	now, err := j.pending.get(bucketChanges, string(numberKey(seq)))
	if err != nil || now == nil {
		return c, err
	}
	c.Entry, err = j.pending.entry(no, j.pending.head.Revision)
	return c, err
}

// Find implements purse.ChangeLog.
func (j *Journal) Find(ctx context.Context, f *purse.Found) error {
	return j.write(ctx, &event{Find: f})
}

// Mark implements purse.ChangeLog.
func (j *Journal) Mark(ctx context.Context, name string, value []byte) error {
	return j.write(ctx, &event{Mark: &mark{name, append(purse.Hex{}, value...)}})
}

// Marked implements purse.ChangeLog.
func (j *Journal) Marked(ctx context.Context, name string) ([]byte, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, nil
	}
	return j.pending.get(bucketMarks, name)
}
