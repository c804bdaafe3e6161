package boltjournal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/internal/wholefile"
)

// create makes an empty journal. It is there when it is complete.
func (j *Journal) create(at string) error {
	if _, err := os.Lstat(notesName(at)); err == nil {
		return &FormatError{j.path, fmt.Sprintf("is missing, and its notes are there: put it back, or remove %s to begin a new journal", notesName(at))}
	}
	dir, prefix := filepath.Dir(at), "."+filepath.Base(at)+".new-"
	f, err := os.CreateTemp(dir, prefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	if err := j.fill(f.Name()); err != nil {
		return fmt.Errorf("%s could not be made: %w", j.path, err)
	}
	j.step("create")
	err = wholefile.New(at, prefix, 0o600, func(w io.Writer) error {
		made, err := os.Open(f.Name())
		if err != nil {
			return err
		}
		defer made.Close()
		_, err = io.Copy(w, made)
		return err
	})
	if err != nil {
		return err
	}
	j.step("created")
	wholefile.SyncFolder(dir)
	return nil
}

// fill makes an empty journal of an empty file, with no generation yet: a copy of it has
// another one.
func (j *Journal) fill(name string) error {
	db, err := bolt.Open(name, 0o600, &bolt.Options{PageSize: pageSize, NoSync: true})
	if err != nil {
		return err
	}
	h := head{Format: format, Counts: map[string]uint64{}}
	l := newLayer(&database{name: j.path, bolt: db}, h)
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
			if name != bucketHead {
				l.head.Counts[name] = 0
			}
		}
		return nil
	})
	if err == nil {
		err = db.Update(l.write)
	}
	return errors.Join(err, db.Close())
}
