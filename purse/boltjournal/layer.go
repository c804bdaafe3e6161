package boltjournal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse"
)

// Buckets. Each value has the checksum of bucket, key and value before it.
const (
	bucketHead        = "head"        // "head": head
	bucketEntries     = "entries"     // number of the entry 8, number of the event 4: event
	bucketIDs         = "ids"         // ID: number of the entry 8, how many events it has 4, number of its last change 8
	bucketRequests    = "requests"    // request: number of the entry with the highest attempt 8, attempt 8
	bucketOpen        = "open"        // card: number of the open entry 8, its ID
	bucketStates      = "states"      // card: purse.CardState
	bucketGenerations = "generations" // number 8: Generation
	bucketChanges     = "changes"     // number of a change 8: number of the entry 8; 0 and purse.Found for what is no entry
	bucketLast        = "last"        // card: number of its last entry 8
	bucketMarks       = "marks"       // name: bytes
)

var buckets = append(slices.Clone(firstBuckets), bucketChanges, bucketLast, bucketMarks)

// firstBuckets are those of the first format, in which changes had no numbers.
var firstBuckets = []string{bucketHead, bucketEntries, bucketIDs, bucketRequests, bucketOpen, bucketStates, bucketGenerations}

// format is that of what is described here and in notes.go. The first one is read as well.
const (
	format      = 2
	firstFormat = 1
)

// head is what is said of the whole journal.
type head struct {
	Format      int               `json:"format"`
	Generation  purse.Generation  `json:"generation"`
	Opens       uint64            `json:"opens"`    // how often it was opened for writing
	Revision    uint64            `json:"revision"` // how many events are in it
	Sequence    uint32            `json:"sequence"` // of the last ID, as far as an entry has it
	Entries     uint64            `json:"entries"`
	Generations uint64            `json:"generations"`
	Changed     uint64            `json:"changed,omitempty"` // number of the last change
	Counts      map[string]uint64 `json:"counts"`            // how many keys each bucket has
	Sum         uint64            `json:"sum"`               // of the checksums of all values but this one
}

// layer is what is to be put into a database, over what is in it or in another layer.
type layer struct {
	db    *database
	under *layer // nil: the database
	puts  map[string]map[string][]byte
	size  int
	head  head
}

func newLayer(db *database, h head) *layer {
	h.Counts = maps.Clone(h.Counts)
	return &layer{db: db, puts: map[string]map[string][]byte{}, head: h}
}

// child is a layer over l.
func (l *layer) child() *layer {
	c := newLayer(l.db, l.head)
	c.under = l
	return c
}

// take puts what is in a child into l.
func (l *layer) take(c *layer) {
	for bucket, keys := range c.puts {
		if l.puts[bucket] == nil {
			l.puts[bucket] = map[string][]byte{}
		}
		maps.Copy(l.puts[bucket], keys)
	}
	l.size += c.size
	l.head = c.head
}

// get returns a value, the caller's own; nil if there is none.
func (l *layer) get(bucket, key string) ([]byte, error) {
	for at := l; at != nil; at = at.under {
		if v, there := at.puts[bucket][key]; there {
			return slices.Clone(v), nil
		}
	}
	var v []byte
	err := l.db.view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		switch {
		case b != nil:
			v = slices.Clone(b.Get([]byte(key)))
		case !l.db.first || slices.Contains(firstBuckets, bucket):
			return fmt.Errorf("bucket %q is missing", bucket)
		}
		return nil
	})
	if err == nil && v != nil {
		v, err = unseal(bucket, key, v)
	}
	if err != nil {
		return nil, l.db.damaged(err)
	}
	return v, nil
}

func (l *layer) put(bucket, key string, v []byte) error {
	before, err := l.get(bucket, key)
	if err != nil {
		return err
	}
	if before == nil {
		l.head.Counts[bucket]++
	} else {
		l.head.Sum -= uint64(checksum([]byte(bucket), []byte(key), before))
	}
	l.head.Sum += uint64(checksum([]byte(bucket), []byte(key), v))
	l.set(bucket, key, v)
	return nil
}

func (l *layer) remove(bucket, key string) error {
	before, err := l.get(bucket, key)
	if err != nil || before == nil {
		return err
	}
	l.head.Counts[bucket]--
	l.head.Sum -= uint64(checksum([]byte(bucket), []byte(key), before))
	l.set(bucket, key, nil)
	return nil
}

func (l *layer) set(bucket, key string, v []byte) {
	if l.puts[bucket] == nil {
		l.puts[bucket] = map[string][]byte{}
	}
	l.puts[bucket][key] = v
	l.size += len(v)
}

// write puts all that is in l, and in layers under it, into the database.
func (l *layer) write(tx *bolt.Tx) error {
	if l.under != nil {
		if err := l.under.write(tx); err != nil {
			return err
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(l.puts)) {
		b := tx.Bucket([]byte(bucket))
		if b == nil && l.db.first {
			var err error
			if b, err = tx.CreateBucket([]byte(bucket)); err != nil {
				return err
			}
		}
		if b == nil {
			return fmt.Errorf("bucket %q is missing", bucket)
		}
		if bucket == bucketEntries {
			b.FillPercent = 0.9 // keys count up
		}
		for _, key := range slices.Sorted(maps.Keys(l.puts[bucket])) {
			var err error
			if v := l.puts[bucket][key]; v == nil {
				err = b.Delete([]byte(key))
			} else {
				err = b.Put([]byte(key), seal(bucket, key, v))
			}
			if err != nil {
				return err
			}
		}
	}
	v, err := json.Marshal(&l.head)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketHead)).Put([]byte(bucketHead), seal(bucketHead, bucketHead, v))
}

// readHead reads what is in the database. Foreign ones and newer ones are a
// *FormatError.
func readHead(db *database) (h head, err error) {
	var v []byte
	err = db.view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketHead))
		if b != nil {
			v = slices.Clone(b.Get([]byte(bucketHead)))
		}
		return nil
	})
	if err == nil && v == nil {
		return h, &FormatError{db.name, "is a bbolt database, and no journal of purses"}
	}
	if err == nil {
		v, err = unseal(bucketHead, bucketHead, v)
	}
	if err == nil {
		err = json.Unmarshal(v, &h)
	}
	switch {
	case err != nil:
		return h, db.damaged(err)
	case h.Format != format && h.Format != firstFormat:
		return h, newer(db.name, h.Format)
	case h.Counts == nil:
		h.Counts = map[string]uint64{}
	}
	db.first = h.Format == firstFormat
	return h, nil
}

func newer(file string, f int) error {
	return &FormatError{file, fmt.Sprintf("is a journal of purses of format %d; this program knows format %d: use a newer one", f, format)}
}

func seal(bucket, key string, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(v)), checksum([]byte(bucket), []byte(key), v)), v...)
}

func unseal(bucket, key string, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 || binary.BigEndian.Uint32(sealed) != checksum([]byte(bucket), []byte(key), sealed[4:]) {
		return nil, fmt.Errorf("the value of %x in %q is not what was written", key, bucket)
	}
	return sealed[4:], nil
}
