package phone

import (
	"errors"

	"github.com/go-desfire/desfire/internal/filelock"
)

// servedError says that another program, or another part of this one, listens with the
// same book.
type servedError struct{ held *filelock.HeldError }

func (e *servedError) Error() string {
	return "the phones are served by another program" + e.held.Holder()
}
func (e *servedError) Unwrap() error { return e.held }

// InUse reports that this passes.
func (e *servedError) InUse() bool { return true }

// serving locks a book for one server at a time.
func (b *Book) serving() (*filelock.Lock, error) {
	lock, err := filelock.Take(filelock.Name(b.path+".serve"), "desfire")
	var held *filelock.HeldError
	if errors.As(err, &held) {
		return nil, &servedError{held}
	}
	return lock, err
}
