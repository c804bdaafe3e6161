package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// FileStore keeps an image in a file, mode 0600. It is a Locker.
type FileStore struct {
	path    string
	program string

	mu     sync.Mutex
	lock   *filelock.Lock // nil: not locked
	target string         // where path led when it was locked
}

var _ Locker = (*FileStore)(nil)

// File keeps the image in the file at path, or the one that a link there leads
// to. Save writes a new file beside it, .NAME.new, syncs and renames, so that the
// file is always one whole image; what a killed process has left of a new file is
// removed by the next lock. The file holds keys and is readable by its owner only.
//
// The lock is the operating system's, on a file .NAME.lock beside the image. It
// is there on Unix and Windows; elsewhere nothing is locked.
func File(path string) *FileStore { return &FileStore{path: path, program: filepath.Base(os.Args[0])} }

// HeldBy sets the program that another process is told while s is locked. It is
// the name of the running one otherwise. It returns s.
func (s *FileStore) HeldBy(program string) *FileStore {
	s.program = program
	return s
}

func (s *FileStore) String() string { return s.path }

// maxImage is more than the largest card takes: 32 KiB of memory, in which the
// smallest thing that has a place of its own, a key, takes 32 bytes or more.
const maxImage = 4 << 20

// Load reads the file. It takes no lock: the file is always a whole image.
func (s *FileStore) Load() ([]byte, error) {
	info, err := os.Stat(s.path) // opening what is no file could block
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", s.path)
	case info.Size() > maxImage:
		return nil, s.tooLarge()
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxImage+1))
	if err == nil && len(b) > maxImage {
		err = s.tooLarge()
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *FileStore) tooLarge() error {
	return fmt.Errorf("%s has more than %d MiB: no card image is so large, take another file", s.path, maxImage>>20)
}

// Writable fails if the file is write-protected, which replacing it by
// renaming would not notice.
func (s *FileStore) Writable() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("%s is write-protected, and a card changes: make it writable (chmod u+w) or copy it: %w", s.path, fs.ErrPermission)
	}
	return nil
}

// Save replaces the file, under the lock of s or one for as long as it takes.
func (s *FileStore) Save(image []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		if err := s.take(); err != nil {
			return err
		}
		defer s.release()
	}
	if err := s.Writable(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := newName(s.target)
	if err := writeNew(name, image); err != nil {
		os.Remove(name)
		return err
	}
	if err := os.Rename(name, s.target); err != nil {
		os.Remove(name)
		return err
	}
	wholefile.SyncFolder(filepath.Dir(s.target))
	return nil
}

// newName is the one name that a new image has until it is whole.
func newName(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".new")
}

// writeNew makes a file that nobody has seen before and makes it durable.
func writeNew(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// follow is where the links at path lead, also if nothing is there.
func follow(path string) (string, error) {
	for range 40 { // as deep as systems go
		link, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", fmt.Errorf("%s: too many links", path)
}
