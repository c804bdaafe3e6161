package boltjournal

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/internal/filelock"
)

// Abandon ends the use of a journal as SIGKILL does: files are closed, nothing is
// written.
func (j *Journal) Abandon() error {
	j.closed = true
	return j.release()
}

// WithStep calls step before and after everything that is written.
func (o Options) WithStep(step func(at string)) Options {
	o.step = step
	return o
}

// NotesName is the file of notes of a journal.
func NotesName(path string) string { return notesName(path) }

// LockName is the lock of a journal.
func LockName(path string) string { return filelock.Name(path) }

// Seal puts the checksum before a value.
func Seal(bucket, key string, v []byte) []byte { return seal(bucket, key, v) }

// NewerNotes are notes of a later format.
func NewerNotes() []byte {
	text := `{"format": 3}`
	b := append([]byte(notesMagic), 0, 0, 0, byte(len(text)))
	b = binary.BigEndian.AppendUint32(b, checksum([]byte(notesMagic), []byte(text)))
	return append(append(b, text...), make([]byte, 600)...)
}

// Syncs reports whether what is written is made durable.
func (j *Journal) Syncs() bool { return !j.db.bolt.NoSync && j.notes.sync }

// Downgrade makes of a closed journal one of the first format.
func Downgrade(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		var h head
		v, err := unseal(bucketHead, bucketHead, tx.Bucket([]byte(bucketHead)).Get([]byte(bucketHead)))
		if err == nil {
			err = json.Unmarshal(v, &h)
		}
		if err != nil {
			return err
		}
		h.Format, h.Changed, h.Sum = firstFormat, 0, 0
		for _, name := range []string{bucketChanges, bucketLast, bucketMarks} {
			delete(h.Counts, name)
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		for name := range h.Counts {
			b := tx.Bucket([]byte(name))
			short := map[string][]byte{}
			err := b.ForEach(func(k, v []byte) error {
				v = v[4:]
				if name == bucketIDs {
					v = v[:12]
					short[string(k)] = append([]byte{}, v...)
				}
				h.Sum += uint64(checksum([]byte(name), k, v))
				return nil
			})
			if err != nil {
				return err
			}
			for k, v := range short {
				if err := b.Put([]byte(k), seal(name, k, v)); err != nil {
					return err
				}
			}
		}
		v, err = json.Marshal(&h)
		if err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketHead)).Put([]byte(bucketHead), seal(bucketHead, bucketHead, v))
	})
	return errors.Join(err, db.Close())
}
