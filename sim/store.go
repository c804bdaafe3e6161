package sim

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Store keeps a card's image. A Card calls it from one goroutine at a time.
type Store interface {
	// Load returns the image, or an error that is fs.ErrNotExist if there is
	// none yet.
	Load() ([]byte, error)
	// Save replaces the image. After an error the old one is still whole.
	Save(image []byte) error
}

// FileStore keeps an image in a file, mode 0600.
type FileStore struct {
	path string
}

// File keeps the image in the file at path. Save writes a new file beside it,
// syncs and renames, so that the file is always one whole image. The file
// holds keys and is readable by its owner only.
func File(path string) *FileStore { return &FileStore{path} }

func (s *FileStore) String() string { return s.path }

// Load reads the file.
func (s *FileStore) Load() ([]byte, error) { return os.ReadFile(s.path) }

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

// Save replaces the file.
func (s *FileStore) Save(image []byte) (err error) {
	if err := s.Writable(); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), "."+filepath.Base(s.path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(image); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), s.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

// syncDir makes a rename durable where the system can.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil // no way to open a directory: nothing to do
	}
	defer d.Close()
	_ = d.Sync() // not every file system can
	return nil
}

// MemoryStore keeps an image in memory.
type MemoryStore struct {
	mu    sync.Mutex
	image []byte
}

// Memory keeps the image in memory: a later New with the same store loads the
// same card.
func Memory() *MemoryStore { return new(MemoryStore) }

func (s *MemoryStore) String() string { return "memory" }

// Load returns a copy of the image.
func (s *MemoryStore) Load() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.image == nil {
		return nil, fs.ErrNotExist
	}
	return append([]byte(nil), s.image...), nil
}

// Save keeps a copy of the image.
func (s *MemoryStore) Save(image []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.image = append(s.image[:0:0], image...)
	return nil
}
