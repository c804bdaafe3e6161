package boltjournal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// Open opens the journal in a file, and makes it if need be, in a folder that is there.
// Links are followed. It fails with *LockedError while another has the journal, with
// *FormatError if the file is none, and with *DamagedError if it is not what was
// written: then nothing is changed.
func Open(path string, options Options) (*Journal, error) {
	j := &Journal{path: path, options: options, wake: make(chan struct{})}
	at := wholefile.Name(path)
	err := j.takeLock(at)
	if err == nil {
		err = j.open(at)
	}
	if err != nil {
		return nil, errors.Join(err, j.release())
	}
	return j, nil
}

// takeLock locks the journal. Where there is no place for a lock it can be read.
func (j *Journal) takeLock(at string) error {
	if j.options.ReadOnly || j.options.Existing {
		if _, err := os.Stat(at); err != nil {
			return err
		}
	}
	var err error
	j.lock, err = filelock.Take(filelock.Name(at), cmp.Or(j.options.Program, filepath.Base(os.Args[0])))
	var held *filelock.HeldError
	switch {
	case errors.As(err, &held):
		return &LockedError{j.path, held.Program, held.PID}
	case err != nil && j.options.ReadOnly:
		return nil
	case err != nil:
		return fmt.Errorf("the lock of %s: %w", j.path, err)
	}
	return nil
}

func (j *Journal) open(at string) error {
	if err := j.present(at); err != nil {
		return err
	}
	found, err := j.check(at)
	if err != nil {
		return err
	}
	if err := j.openDatabase(at); err != nil {
		return err
	}
	h, err := readHead(j.db)
	if err != nil {
		return err
	}
	delete(found.counts, bucketHead)
	switch {
	case found.spoiled != nil:
		return &DamagedError{j.path, found.spoiled.Error()}
	case !maps.Equal(found.counts, h.Counts):
		return &DamagedError{j.path, fmt.Sprintf("it should hold %v and holds %v", h.Counts, found.counts)}
	case found.sum != h.Sum:
		return &DamagedError{j.path, "some of its values are not the last ones that were written"}
	}
	return j.begin(at, h)
}

// present makes the file if it is not there, and makes sure that it is one.
func (j *Journal) present(at string) error {
	info, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return j.create(at)
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return &FormatError{j.path, "is a link that leads nowhere"}
	case !info.Mode().IsRegular():
		return &FormatError{j.path, "is no file"}
	}
	return nil
}

// check reads all pages before they are mapped.
func (j *Journal) check(at string) (*checker, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return checkPages(f, info.Size(), j.path)
}

// openDatabase opens the database.
func (j *Journal) openDatabase(at string) error {
	open := func(name string, flag int, perm fs.FileMode) (f *os.File, err error) {
		f, err = os.OpenFile(name, flag&^os.O_CREATE, perm)
		j.db.file = f
		return f, err
	}
	j.db = &database{name: j.path}
	err := j.db.run(func() (err error) {
		j.db.bolt, err = bolt.Open(at, 0o600, &bolt.Options{
			PageSize: pageSize, ReadOnly: j.options.ReadOnly, NoSync: j.options.NoSync, OpenFile: open,
			Timeout: time.Nanosecond, FreelistType: bolt.FreelistMapType,
		})
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return &LockedError{Journal: j.path} // by another name of the file
	case err != nil:
		return fmt.Errorf("%s cannot be opened: %w", j.path, err)
	}
	return nil
}

// begin takes what the notes have, and gives a copy a new generation.
func (j *Journal) begin(at string, h head) error {
	j.marked, j.sequence = h.Revision, h.Sequence
	j.pending = newLayer(j.db, h)
	w, err := readNotes(notesName(at), h.Revision)
	if err != nil {
		return err
	}
	id, err := identity(j.db.file)
	if err != nil {
		return err
	}
	if j.db.first {
		if err := j.upgrade(); err != nil {
			return err
		}
	}
	if h.Opens > 0 {
		j.why = copied(&h, &w, id)
	}
	if w.broken == "" && w.head.Generation == h.Generation {
		if err := j.replay(w.events); err != nil {
			return &DamagedError{notesName(at), err.Error()}
		}
		j.sequence = max(j.sequence, w.head.Sequence)
	}
	if j.options.ReadOnly {
		return nil
	}
	why := j.why
	if h.Opens == 0 {
		why = "it was made"
	}
	if why != "" {
		if err := j.renew(j.pending, why); err != nil {
			return err
		}
	}
	return j.settleIn(at)
}

// replay adds what is in the notes only.
func (j *Journal) replay(events []writtenEvent) error {
	for _, e := range events {
		l := j.pending.child()
		if err := l.apply(e.event, e.encoded); err != nil {
			return err
		}
		j.pending.take(l)
	}
	return nil
}

// settleIn makes what was found durable, and begins the notes anew.
func (j *Journal) settleIn(at string) (err error) {
	j.pending.head.Opens++
	if j.metas, err = readMetas(j.db.file); err != nil {
		return err
	}
	if err := j.put(j.pending); err != nil {
		return fmt.Errorf("%s could not be written: %w", j.path, err)
	}
	if j.notes, err = createNotes(notesName(at)); err != nil {
		return err
	}
	j.notes.sync = !j.options.NoSync
	j.reserved = j.sequence
	if err := j.mark(); err != nil {
		return err
	}
	j.step("marked")
	if err := j.notes.flush(); err != nil {
		return err
	}
	if j.notes.sync {
		wholefile.SyncFolder(filepath.Dir(at))
	}
	return nil
}
