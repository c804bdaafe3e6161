package keyring

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-desfire/desfire/keystore"
)

// ErrNoUID says that a key is derived from the UID of the card, and that the Ref
// has none.
var ErrNoUID = keystore.ErrNoUID

// ErrNotTrusted says that a key comes from a program, and that the keyring is not
// one from which programs run.
var ErrNotTrusted = errors.New("this keyring runs no programs")

// FileError says what is wrong in a keyring, and where. It never shows a key.
type FileError struct {
	File         string
	Line, Column int // from 1; 0 is the whole file
	Reason       string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("keyring: %s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("keyring: %s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// A place in the file.
type position struct{ line, column int }

// fault is a FileError that does not know its file yet.
func (p position) fault(format string, args ...any) *FileError {
	return &FileError{Line: p.line, Column: p.column, Reason: fmt.Sprintf(format, args...)}
}

// shown quotes text from the file, unless it is long or may hold a key or a part
// of one.
func shown(text string) string {
	if hexRun(text) >= 8 || len(text) > 40 {
		return "(not shown)"
	}
	return strconv.Quote(text)
}

// hexRun is the length of the longest run of hexadecimal digits, whatever
// separates them.
func hexRun(text string) (longest int) {
	run := 0
	for _, c := range text {
		switch {
		case strings.ContainsRune("0123456789abcdefABCDEF", c):
			run++
			longest = max(longest, run)
		case unicode.IsLetter(c):
			run = 0
		}
	}
	return longest
}
