package purse

import (
	"context"
	"errors"
	"fmt"
)

// ChangeLog is what a Journal may be besides, so that what changes in it can be told to a
// centre: each entry has a number that counts up with each of its changes. A number is
// never given out twice, also where a loss of power took the change that had it; numbers have gaps.
// Package journaltest checks what is said here. What is said of errors and contexts of a Journal holds here.
type ChangeLog interface {
	Journal

	// Changes returns what changed after a number, in the order of the numbers, at most limit
	// of them: each entry once, as it is now, with the number of its last change.
	Changes(ctx context.Context, after uint64, limit int) ([]Logged, error)
	// LastChange is the number of the last change; 0 if there was none.
	LastChange(ctx context.Context) (uint64, error)
	// Changed returns a channel that is closed with the next change, or with Close.
	Changed() <-chan struct{}

	// Find remembers, written, what a settlement here found of an entry of another journal. It is a
	// change; the entries of this journal stay as they are.
	Find(ctx context.Context, f *Found) error

	// Mark remembers a few bytes under a name, written; Marked returns them, nil if there are none.
	// A loss of power may take the last ones.
	Mark(ctx context.Context, name string, value []byte) error
	Marked(ctx context.Context, name string) ([]byte, error)

	// Forget removes, durably, entries that are decided, whose last change has number upTo or one before,
	// which began and were decided before a time. It keeps the last entry of each card and application, an
	// attempt of a request of which an earlier one or the last one stays, and states. What was found of entries of
	// others goes as well. It returns how many entries are gone.
	Forget(ctx context.Context, upTo uint64, before Time) (int, error)
}

// Logged is what changed: Entry or Found.
type Logged struct {
	Seq   uint64 `json:"seq"`
	Entry *Entry `json:"entry,omitempty"`
	Found *Found `json:"found,omitempty"`
}

// Found is what a settlement found of an entry that another journal began. Who gets it
// believes of the entry what its own journal says, not what is told here.
type Found struct {
	ID ID `json:"id"`
	CardApp
	Outcome Outcome `json:"outcome"`
}

// Bounds of marks.
const (
	maxMarks    = 16
	maxMarkName = 64
	maxMark     = 4096
)

// Check finds what makes a finding none that a journal keeps.
func (f *Found) Check() error {
	switch {
	case f == nil:
		return errors.New("purse: no finding")
	case f.ID.IsZero():
		return errors.New("purse: a finding of no transaction")
	case f.UID == "" || f.App == "":
		return fmt.Errorf("purse: what was found of transaction %v names no card and application", f.ID)
	case f.Outcome.Decision < InDoubt || f.Outcome.Decision > DidNot:
		return fmt.Errorf("purse: what was found of transaction %v: %v is no decision", f.ID, f.Outcome.Decision)
	}
	return f.CardApp.check()
}

// Clone returns a copy that shares no memory with f; nil of nil.
func (f *Found) Clone() *Found {
	if f == nil {
		return nil
	}
	c := *f
	c.Outcome = f.Outcome.Clone()
	return &c
}

// CheckMark finds what makes a mark none that a journal keeps beside as many others.
func CheckMark(name string, value []byte, others int) error {
	switch {
	case name == "" || len(name) > maxMarkName:
		return fmt.Errorf("purse: a mark has a name of %d bytes; 1 to %d", len(name), maxMarkName)
	case len(value) > maxMark:
		return fmt.Errorf("purse: mark %q has %d bytes; %d at most", name, len(value), maxMark)
	case others >= maxMarks:
		return fmt.Errorf("purse: there are %d marks, and another one, %q, is too many", others, name)
	}
	return nil
}

// Forgettable reports whether a journal may forget an entry of which nothing has happened since a time. What
// else keeps it, ChangeLog.Forget says.
func (e *Entry) Forgettable(before Time) bool {
	if e.IsOpen() || !e.Began.Before(before.Time) {
		return false
	}
	for i := range e.Outcomes {
		if !e.Outcomes[i].Time.Before(before.Time) {
			return false
		}
	}
	return true
}
