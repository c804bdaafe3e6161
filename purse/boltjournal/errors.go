package boltjournal

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/filelock"
)

// LockedError says that another has the journal open.
type LockedError struct {
	Journal string
	Program string // that has it; empty if unknown
	PID     int    // of its process; 0 if unknown
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is in use%s: one program at a time has a journal", e.Journal, e.held().Holder())
}

// Unwrap returns what the lock says.
func (e *LockedError) Unwrap() error { return e.held() }

func (e *LockedError) held() *filelock.HeldError {
	return &filelock.HeldError{Program: e.Program, PID: e.PID}
}

// FormatError says that a file is no journal, or one of a newer version of this
// package. It was not changed.
type FormatError struct {
	File string
	What string
}

func (e *FormatError) Error() string { return e.File + " " + e.What }

// DamagedError says that a journal does not hold what was written to it. It was not
// changed.
type DamagedError struct {
	File string
	What string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: %s; keep it for evidence, and put a backup in its place or begin a new journal", e.File, e.What)
}

// FailedError says that a journal could not write, now or before. It writes nothing
// any more until it is closed and opened again.
type FailedError struct {
	Journal string
	Err     error
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("%s could not be written and has to be opened again: %v", e.Journal, e.Err)
}

// Unwrap returns what the system said.
func (e *FailedError) Unwrap() error { return e.Err }
