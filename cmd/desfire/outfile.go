package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/wholefile"
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

// halfMade begins the names of files that are not complete.
const halfMade = ".desfire-"

// writeOut writes a file with a result, of which nobody sees half. One that exists
// is overwritten with --force only, and stays as it is if the new one cannot be
// written.
func (a *app) writeOut(path string, data []byte, perm fs.FileMode) error {
	save := wholefile.New
	if st, err := os.Stat(path); a.force || err == nil && !st.Mode().IsRegular() {
		save = wholefile.WriteAs
	}
	err := save(path, halfMade, perm, bytesOf(data))
	switch {
	case errors.Is(err, fs.ErrExist):
		return existsAlready(path)
	case errors.Is(err, fs.ErrNotExist):
		return noFolder(path, err)
	}
	return err
}

func bytesOf(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// noFolder is the error of a file in a folder that is not there.
func noFolder(path string, err error) error {
	return withCode(exitInput, fmt.Errorf("folder %s does not exist: %w", filepath.Dir(wholefile.Name(path)), err))
}

// writeNewFile writes a file that does not exist yet, for its owner alone.
func writeNewFile(path string, text []byte) error {
	return newFileError(path, wholefile.New(path, halfMade, 0o600, bytesOf(text)))
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
