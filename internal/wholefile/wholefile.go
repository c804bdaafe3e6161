// Package wholefile writes files of which half would be worse than nothing.
package wholefile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Name is the file that a name leads to: where links end, or the name itself if
// nothing is there.
func Name(name string) string {
	if at, err := filepath.EvalSymlinks(name); err == nil {
		return at
	}
	return name
}

// Write makes write's output what name holds: afterwards it is all of it, or what
// was there before. Only the owner may read it. A link stays one, and a device or
// a pipe is written to and not replaced. Until it is complete it is a file that
// begins with prefix, in the same folder.
func Write(name, prefix string, write func(io.Writer) error) (err error) {
	name = Name(name)
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(name), prefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
