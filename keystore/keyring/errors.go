package keyring

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/keystore"
)

// ErrNoUID says that a key is derived from the UID of the card, and that the Ref
// has none.
var ErrNoUID = keystore.ErrNoUID

// ErrNotTrusted says that a key comes from a program or out of a module, and that
// the keyring is not one from which code is run.
var ErrNotTrusted = errors.New("this keyring runs no programs and loads no modules")

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
