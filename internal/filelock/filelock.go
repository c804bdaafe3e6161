// Package filelock keeps a second process, or a second user in this one, from a
// file. The lock is the operating system's and ends with its process; it is on a
// file beside the one that is kept, which tells who holds it.
package filelock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// errHeld is what tryLock returns while another open file has the lock.
var errHeld = errors.New("held by another")

// HeldError says that another has the lock.
type HeldError struct {
	Program string // empty if unknown
	PID     int    // 0 if unknown
}

func (e *HeldError) Error() string { return "held by another program" + e.Holder() }

// Holder names the holder in parentheses, with a blank before; it is empty if
// nothing is known.
func (e *HeldError) Holder() string {
	switch {
	case e.PID != 0 && e.Program != "":
		return fmt.Sprintf(" (%s, pid %d)", e.Program, e.PID)
	case e.PID != 0:
		return fmt.Sprintf(" (pid %d)", e.PID)
	}
	return ""
}

// Lock is a lock that is held.
type Lock struct{ f *os.File }

// Name is the lock file of a file: .NAME.lock beside it.
func Name(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock")
}

// Take makes and locks the lock file of that name, without waiting, and writes
// into it who holds it. It fails with a *HeldError while another has it. After
// a kill the file stays, without a lock, until the next one.
func Take(name, program string) (*Lock, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	// Without a place to write it in, the holder stays nameless.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), program), 0)
	return &Lock{f}, nil
}

// open opens and locks the lock file.
func open(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|openNoFollow, 0o600)
		if err != nil {
			return nil, err
		}
		if err := tryLock(f); err != nil {
			held := new(HeldError)
			held.PID, held.Program = holder(f)
			f.Close()
			if errors.Is(err, errHeld) {
				return nil, held
			}
			return nil, err
		}
		// The holder before may have removed the file after we opened it.
		mine, err := f.Stat()
		if err == nil {
			if there, err := os.Lstat(name); err == nil && os.SameFile(mine, there) {
				return f, nil
			}
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// Release gives the lock up and removes its file where the system can.
func (l *Lock) Release() error {
	if removeLocked {
		_ = os.Remove(l.f.Name())
	}
	return l.f.Close()
}

// holder reads who has the lock, as far as that has been written.
func holder(f *os.File) (pid int, program string) {
	b, _ := io.ReadAll(io.NewSectionReader(f, 0, 256))
	first, rest, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 0 {
		return 0, ""
	}
	return pid, strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, rest)
}
