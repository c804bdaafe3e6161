package pn532

import (
	"errors"
	"fmt"
)

// Error is a failure of a connection to a card.
type Error struct {
	Op      string // "connect", "transmit"
	Address string // without "pn532:"
	Err     error

	sent, removed bool
}

func (e *Error) Error() string {
	var l *LineError
	if errors.As(e.Err, &l) && l.Address == e.Address { // it names the address itself
		return e.Op + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%v: %s: %v", named(e.Address), e.Op, e.Err)
}

// Unwrap gives the cause: a *LineError, a *StatusError, one of the causes below,
// or that of the context.
func (e *Error) Unwrap() error { return e.Err }

// Sent reports whether any byte of the command may have left.
func (e *Error) Sent() bool { return e.sent }

// Removed reports whether the card is gone, or the chip with it.
func (e *Error) Removed() bool { return e.removed }

// InUse reports whether the card or the device is used by another.
func (e *Error) InUse() bool {
	var u interface{ InUse() bool }
	return errors.As(e.Err, &u) && u.InUse()
}

// Causes of errors.
var (
	ErrClosed   = errors.New("the connection is closed")
	ErrFinished = errors.New("the connection is finished: call Reconnect")
	ErrBusy     = errors.New("another exchange is under way")
	ErrEmpty    = errors.New("a command has at least one byte")
	// ErrRemoved: the card has left the field. A new insertion gives a new
	// connection.
	ErrRemoved = errors.New("the card is gone")
	// ErrReset: the card was without power for a moment and has forgotten all.
	// Reconnect goes on.
	ErrReset = errors.New("the card was without power for a moment")
	// ErrTwice: the chip has acknowledged one command twice, so the line has doubled it,
	// and the card may have done it twice. Where that was seen too late, after the answer,
	// the next command is not sent, and this is its error.
	ErrTwice = errors.New("the chip has taken one command twice, and the card perhaps as well")
	// ErrTaken: there is a connection to this card already.
	ErrTaken error = takenError{}
)

type takenError struct{}

func (takenError) Error() string { return "another connection of this program has the card" }
func (takenError) InUse() bool   { return true }
