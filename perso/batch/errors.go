package batch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
)

var errClosed = errors.New("the batch is closed")

// StoppedError means that a batch does not go on: what it must remember cannot be
// written. A card that was begun is in the book, and is finished after the batch was
// opened again.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string {
	return fmt.Sprintf("the batch has stopped: %v; open it again when that is mended", e.Err)
}

// Unwrap returns why.
func (e *StoppedError) Unwrap() error { return e.Err }

// ColumnsError means that a table lacks columns that the layout needs.
type ColumnsError struct {
	Table   string
	Missing []string
	Has     []string
}

func (e *ColumnsError) Error() string {
	return fmt.Sprintf("%s: the layout needs columns that the table does not have: %s; it has %s", e.Table, quoted(e.Missing), quoted(e.Has))
}

func quoted(list []string) string {
	s := make([]string, len(list))
	for i, c := range list {
		s[i] = fmt.Sprintf("%q", c)
	}
	return strings.Join(s, ", ")
}

// LayoutChangedError means that a book belongs to another layout, or another version of
// it.
type LayoutChangedError struct{ Book string }

func (e *LayoutChangedError) Error() string {
	return e.Book + ": it belongs to another layout, or to this one before it was changed: take the one it was begun with, begin a new book, or say that cards are made by the new one from now on"
}

// RowChangedError means that a row that a card has was changed in the table, or is gone.
type RowChangedError struct {
	Table  string
	Line   int // 0 if it is gone
	Row    string
	Column string
	UID    keystore.UID // the card that has the row
	Reason string
}

func (e *RowChangedError) Error() string {
	s := e.Table
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	s += fmt.Sprintf(": row %q", e.Row)
	if e.Column != "" {
		s += fmt.Sprintf(", column %q", e.Column)
	}
	return fmt.Sprintf("%s: %s (card %v has this row)", s, e.Reason, e.UID)
}

// RowError means that no card can be made of a row.
type RowError struct {
	Table string
	Line  int
	Row   string
	Err   error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("%s, line %d: row %q: %v", e.Table, e.Line, e.Row, e.Err)
}

// Unwrap returns why.
func (e *RowError) Unwrap() error { return e.Err }
