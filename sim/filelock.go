package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/filelock"
)

// The lock of an image is on a file beside it, because saving replaces the image.
// That file has no key in it.

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
	lock, err := filelock.Take(filelock.Name(target), s.program)
	var held *filelock.HeldError
	switch {
	case errors.As(err, &held):
		return &LockedError{Image: s.path, Program: held.Program, PID: held.PID}
	case errors.Is(err, fs.ErrNotExist):
		return &folderError{filepath.Dir(target), err}
	case err != nil:
		return fmt.Errorf("lock %s: %w", s.path, err)
	}
	s.lock, s.target = lock, target
	_ = os.Remove(newName(target)) // half a save, of a process that was killed
	return nil
}

// folderError says that there is no place for an image.
type folderError struct {
	folder string
	err    error
}

func (e *folderError) Error() string {
	return fmt.Sprintf("folder %s does not exist: make it first", e.folder)
}
func (e *folderError) Unwrap() error { return e.err }

func (s *FileStore) release() error {
	if s.lock == nil {
		return nil
	}
	err := s.lock.Release()
	s.lock = nil
	return err
}
