package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
