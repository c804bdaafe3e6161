package boltjournal

import (
	"encoding/binary"

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
	text := `{"format": 2}`
	b := append([]byte(notesMagic), 0, 0, 0, byte(len(text)))
	b = binary.BigEndian.AppendUint32(b, checksum([]byte(notesMagic), []byte(text)))
	return append(append(b, text...), make([]byte, 600)...)
}

// Syncs reports whether what is written is made durable.
func (j *Journal) Syncs() bool { return !j.db.bolt.NoSync && j.notes.sync }
