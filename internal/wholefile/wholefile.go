// Package wholefile writes files of which half would be worse than nothing.
package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Name is the file that a name leads to: where links end, or the name itself if
// nothing is there.
func Name(name string) string {
	if at, err := filepath.EvalSymlinks(name); err == nil {
		return at
	}
	return name
}

// SyncFolder makes new names in a folder last, where the system can.
func SyncFolder(path string) {
	d, err := os.Open(path)
	if err != nil {
		return // no way to open a folder: nothing to do
	}
	_ = d.Sync() // not every file system can
	_ = d.Close()
}

// Write makes write's output what name holds: afterwards, and after a loss of power, it is all of it;
// where Write failed or did not end, it is that or what was there before. Only the owner may read it. A link stays one, and a device or
// a pipe is written to and not replaced. Until it is complete it is a file that
// begins with prefix, in the same folder.
func Write(name, prefix string, write func(io.Writer) error) error {
	return WriteAs(name, prefix, 0o600, write)
}

// WriteAs is Write for a file with other rights, of which the process takes away
// what it takes away of all.
func WriteAs(name, prefix string, perm fs.FileMode, write func(io.Writer) error) error {
	name = Name(name)
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	return beside(name, prefix, perm, write, os.Rename)
}

// New is WriteAs for a name that nothing has yet. If something has it by then, the
// error is an [fs.ErrExist], and it stays as it is.
func New(name, prefix string, perm fs.FileMode, write func(io.Writer) error) error {
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	return beside(name, prefix, perm, write, func(made, name string) error {
		err := os.Link(made, name)
		if err == nil {
			return os.Remove(made)
		}
		if _, there := os.Lstat(name); there == nil {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		return os.Rename(made, name) // no links on this file system
	})
}

// beside writes a file in the folder of name, and puts it there when it is
// complete.
func beside(name, prefix string, perm fs.FileMode, write func(io.Writer) error, put func(made, name string) error) (err error) {
	f, err := makeBeside(name, prefix, perm)
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
	if err = put(f.Name(), name); err == nil {
		SyncFolder(filepath.Dir(name))
	}
	return err
}

// makeBeside is os.CreateTemp with rights.
func makeBeside(name, prefix string, perm fs.FileMode) (*os.File, error) {
	for {
		at := filepath.Join(filepath.Dir(name), prefix+strconv.FormatUint(rand.Uint64(), 10)) //nolint:gosec // a name, no secret
		f, err := os.OpenFile(at, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
