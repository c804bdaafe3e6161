package sim

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

// The lock of an image is on a file beside it, because saving replaces the image.
// That file tells who holds the lock, has no key in it, and goes when the lock is
// given up. After a kill it stays, without a lock, until the next one.

// errHeld is what tryLock returns while another open file has the lock.
var errHeld = errors.New("held by another")

// Lock takes the image for this store alone.
func (s *FileStore) Lock() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		return &LockedError{Image: s.path, Program: s.program, PID: os.Getpid()}
	}
	return s.take()
}

// Unlock gives the image free.
func (s *FileStore) Unlock() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release()
}

func (s *FileStore) take() error {
	target, err := follow(s.path)
	if err != nil {
		return err
	}
	f, err := s.open(filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".lock"))
	if err != nil {
		return err
	}
	// Without a place to write it in, the holder stays nameless.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), s.program), 0)
	s.lock, s.target = f, target
	_ = os.Remove(newName(target)) // half a save, of a process that was killed
	return nil
}

// open opens and locks the lock file.
func (s *FileStore) open(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|openNoFollow, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", s.path, err)
		}
		if err := tryLock(f); err != nil {
			locked := &LockedError{Image: s.path}
			locked.PID, locked.Program = holder(f)
			f.Close()
			if errors.Is(err, errHeld) {
				return nil, locked
			}
			return nil, fmt.Errorf("lock %s: %w", s.path, err)
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
			return nil, fmt.Errorf("lock %s: %w", s.path, err)
		}
	}
}

func (s *FileStore) release() error {
	if s.lock == nil {
		return nil
	}
	if removeLocked {
		_ = os.Remove(s.lock.Name())
	}
	err := s.lock.Close()
	s.lock = nil
	return err
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
