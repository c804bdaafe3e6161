package sim

import (
	"fmt"
	"io/fs"
	"sync"

	"github.com/go-desfire/desfire/internal/filelock"
)

// Store keeps a card's image. A Card calls it from one goroutine at a time.
type Store interface {
	// Load returns the image, or an error that is fs.ErrNotExist if there is
	// none yet.
	Load() ([]byte, error)
	// Save replaces the image, without keeping the slice. After an error the old
	// one is still whole.
	Save(image []byte) error
}

// Locker is a Store that one card at a time may have, in this process or
// another. New locks it, and Card.Lift and Card.Close unlock it. Card.Return and
// Card.Present lock it again and load what another card has saved meanwhile.
type Locker interface {
	Store
	// Lock takes the image, without waiting. It fails with a *LockedError while
	// another card has it. A lock ends with its process, however that ends.
	Lock() error
	Unlock() error
}

// LockedError says that a card's image is already on some reader.
type LockedError struct {
	Image   string
	Program string // that holds it; empty if unknown
	PID     int    // of its process; 0 if unknown
}

func (e *LockedError) Error() string {
	held := filelock.HeldError{Program: e.Program, PID: e.PID}
	return fmt.Sprintf("%s lies on another reader%s: take it away first", e.Image, held.Holder())
}

// InUse reports that it passes when the other lets go of the image.
func (e *LockedError) InUse() bool { return true }

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
