package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// mayWrite is the error of a file that is there already and would be lost.
// Verbs ask before they turn to the card.
func (a *app) mayWrite(path string) error {
	if path == "" || a.force {
		return nil
	}
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return nil // writing it will tell; devices and pipes lose nothing
	}
	return existsAlready(path)
}

func existsAlready(path string) error {
	return advise(withCode(exitInput, fmt.Errorf("%s exists already", path)), "--force overwrites it.")
}

// writeOut writes a file with a result. One that exists is overwritten with
// --force only.
func (a *app) writeOut(path string, data []byte, perm fs.FileMode) (err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if st, err := os.Stat(path); a.force || err == nil && !st.Mode().IsRegular() {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, perm)
	switch {
	case errors.Is(err, fs.ErrExist):
		return existsAlready(path)
	case err != nil:
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil && flags&os.O_EXCL != 0 {
		_ = os.Remove(path) // half of what was made here
	}
	return err
}

// writeNewFile writes a file that does not exist yet, for its owner alone.
func writeNewFile(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return newFileError(path, err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(path)
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// newFileError is the error of a file that could not be made.
func newFileError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return withCode(exitInput, fmt.Errorf("%s exists already: remove it first, or take another name", path))
	case errors.Is(err, fs.ErrNotExist):
		return withCode(exitInput, fmt.Errorf("folder %s does not exist", filepath.Dir(path)))
	}
	return err
}
