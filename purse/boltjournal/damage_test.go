package boltjournal_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// A bit of a key that is turned, or a value of before in the place of the last one,
// leaves a database without contradictions that has forgotten a request or an open
// entry. It is told before anything is read of it.
func TestKeysAndOldValues(t *testing.T) {
	whole := fuzzed(t)
	path := filepath.Join(t.TempDir(), "purse.db")
	damaged := func(what string, spoil func(b *bolt.Bucket) error, bucket string) {
		t.Helper()
		whole.put(t, path)
		db, err := bolt.Open(path, 0o600, nil)
		must(t, err)
		must(t, db.Update(func(tx *bolt.Tx) error { return spoil(tx.Bucket([]byte(bucket))) }))
		must(t, db.Close())
		var e *boltjournal.DamagedError
		for _, o := range []boltjournal.Options{{}, {ReadOnly: true}} {
			j, err := boltjournal.Open(path, o)
			if !errors.As(err, &e) {
				t.Errorf("%s of %s: %v", what, bucket, err)
			}
			if err == nil {
				_ = j.Close()
			}
		}
	}
	for _, name := range []string{"entries", "ids", "requests", "open", "states", "generations"} {
		damaged("a turned bit in a key", func(b *bolt.Bucket) error {
			k, v := b.Cursor().First()
			k, v = bytes.Clone(k), bytes.Clone(v)
			if err := b.Delete(k); err != nil {
				return err
			}
			k[len(k)-1] ^= 0x40
			return b.Put(k, v)
		}, name)
	}
	before := map[string]map[string][]byte{}
	older := fuzzedTo(t, fuzzedCalls-12)
	older.put(t, path)
	read(t, path, before)
	for _, name := range []string{"ids", "states"} { // the others are never replaced
		damaged("a value of before", func(b *bolt.Bucket) error {
			for k, old := range before[name] {
				if v := b.Get([]byte(k)); v != nil && !bytes.Equal(v, old) {
					return b.Put([]byte(k), old)
				}
			}
			return errors.New("nothing has changed in " + name)
		}, name)
	}
}

// read reads all buckets but the head.
func read(t *testing.T, path string, to map[string]map[string][]byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if string(name) == "head" {
				return nil
			}
			to[string(name)] = map[string][]byte{}
			return b.ForEach(func(k, v []byte) error {
				to[string(name)][string(k)] = bytes.Clone(v)
				return nil
			})
		})
	}))
}
