package boltjournal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/purse"
)

// The file of notes: a head of notesHeadSize bytes, which is written over, and
// behind it the events that are not in the database yet.
//
//	head:   notesMagic, size 4, checksum 4, JSON of notesHead, zeros
//	event:  size 4, checksum 4, revision 8, JSON
//
// The checksums are over the salt as well, which is another one each time a journal is
// opened, so that what an earlier use has left in the file is never read.
const (
	notesMagic    = "dfpurse\n"
	notesHeadSize = 512
	noteHeader    = 16
)

// notesName is the file of notes of a journal.
func notesName(path string) string { return path + ".notes" }

// notesHead is what the notes witness of the database.
type notesHead struct {
	Format     int              `json:"format"`
	Generation purse.Generation `json:"generation"`
	Opens      uint64           `json:"opens"`
	Revision   uint64           `json:"revision"` // what the database had when this was written
	Sequence   uint32           `json:"sequence"` // no ID has a higher one
	Database   string           `json:"database"` // identity of its file
	Salt       purse.Hex        `json:"salt"`
}

// notes is the open file.
type notes struct {
	f    *os.File
	at   int64 // where the next event goes
	salt string
	sync bool
}

// createNotes makes the file, or takes the one that is there.
func createNotes(name string) (*notes, error) {
	switch info, err := os.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &FormatError{name, "is no file: the notes of a journal belong there"}
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, 8)
	_, _ = rand.Read(salt)
	return &notes{f: f, at: notesHeadSize, salt: string(salt), sync: true}, nil
}

// mark writes the head over.
func (n *notes) mark(h notesHead) error {
	h.Format, h.Salt = format, purse.Hex(n.salt)
	text, err := json.Marshal(&h)
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, notesHeadSize), notesMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // far less
	b = binary.BigEndian.AppendUint32(b, checksum([]byte(notesMagic), text))
	b = append(b, text...)
	if len(b) > notesHeadSize {
		return fmt.Errorf("boltjournal: a head of %d bytes", len(b))
	}
	_, err = n.f.WriteAt(b[:notesHeadSize], 0)
	return err
}

// append adds an event.
func (n *notes) append(revision uint64, encoded []byte) error {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, noteHeader+len(encoded)), uint32(len(encoded))) //nolint:gosec // maxEvent at most
	b = binary.BigEndian.AppendUint32(b, n.checksum(revision, encoded))
	b = binary.BigEndian.AppendUint64(b, revision)
	b = append(b, encoded...)
	if _, err := n.f.WriteAt(b, n.at); err != nil {
		return err
	}
	n.at += int64(len(b))
	return nil
}

func (n *notes) checksum(revision uint64, encoded []byte) uint32 {
	return checksum([]byte(n.salt), binary.BigEndian.AppendUint64(nil, revision), encoded)
}

// flush makes the head durable, and forgets what is behind it.
func (n *notes) flush() error {
	if err := n.f.Truncate(n.at); err != nil {
		return err
	}
	if !n.sync {
		return nil
	}
	return n.f.Sync()
}

// written is what a file of notes holds.
type written struct {
	head   notesHead
	events []writtenEvent
	broken string // why nothing of it can be used; empty if it can
}

type writtenEvent struct {
	event   *event
	encoded []byte
}

// readNotes reads the file of notes of a database that has so many events. What
// cannot be read is no error: the notes are what a loss of power may take.
func readNotes(name string, revision uint64) (written, error) {
	var w written
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.broken = "there is no " + name + " beside it"
		return w, nil
	case err != nil:
		return w, err
	case !info.Mode().IsRegular():
		return w, &FormatError{name, "is no file: the notes of a journal belong there"}
	}
	f, err := os.Open(name)
	if err != nil {
		return w, err
	}
	defer f.Close()
	var b [notesHeadSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		if !errors.Is(err, io.EOF) {
			return w, err
		}
		w.broken = name + " is cut off"
		return w, nil
	}
	text := b[len(notesMagic)+8:]
	size := binary.BigEndian.Uint32(b[len(notesMagic):])
	if string(b[:len(notesMagic)]) != notesMagic || uint64(size) > uint64(len(text)) ||
		binary.BigEndian.Uint32(b[len(notesMagic)+4:]) != checksum([]byte(notesMagic), text[:size]) {
		w.broken = name + " does not begin as notes do"
		return w, nil
	}
	if err := json.Unmarshal(text[:size], &w.head); err != nil {
		w.broken = name + ": " + err.Error()
		return w, nil
	}
	if w.head.Format != format && w.head.Format != firstFormat {
		return w, newer(name, w.head.Format)
	}
	w.events = readEvents(&notes{f: f, at: notesHeadSize, salt: string(w.head.Salt)}, revision)
	return w, nil
}

// readEvents reads those that follow a revision; up to it they are in the database.
func readEvents(n *notes, revision uint64) (events []writtenEvent) {
	for {
		var h [noteHeader]byte
		if _, err := n.f.ReadAt(h[:], n.at); err != nil {
			return events
		}
		size, at := binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint64(h[8:])
		if size > maxEvent {
			return events
		}
		encoded := make([]byte, size)
		if _, err := n.f.ReadAt(encoded, n.at+noteHeader); err != nil || binary.BigEndian.Uint32(h[4:]) != n.checksum(at, encoded) {
			return events
		}
		n.at += noteHeader + int64(size)
		if at <= revision && len(events) == 0 {
			continue
		}
		e, err := decodeEvent(encoded)
		if err != nil || at != e.Revision || at != revision+1 {
			return events
		}
		revision = at
		events = append(events, writtenEvent{e, encoded})
	}
}
