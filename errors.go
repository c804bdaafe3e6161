package desfire

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// ErrBusy reports that a Card was used by two goroutines at once.
var ErrBusy = errors.New("desfire: the card is in use by another goroutine; a Card belongs to one at a time")

// ErrClosed reports the use of a Card after Close.
var ErrClosed = errors.New("desfire: the card was closed")

// CommandError is the card's refusal of a command. It unwraps to the status:
//
//	errors.Is(err, wire.StatusPermissionDenied)
//
// No error status is ever authenticated: whoever controls the air can forge
// one.
type CommandError struct {
	Command string // name of the command
	Status  wire.Status
	App     AID
	Session string // why a session that the caller counted on is gone, if it is
	Hint    string // what to do about it, if we know
}

func (e *CommandError) Error() string {
	s := fmt.Sprintf("desfire: %s: %v", e.Command, e.Status.Error())
	if e.App != wire.PICC {
		s = fmt.Sprintf("desfire: %s in application %v: %v", e.Command, e.App, e.Status.Error())
	}
	if e.Session != "" {
		s += "; " + e.Session
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the status.
func (e *CommandError) Unwrap() error { return e.Status }

// TransportError means that the card could not be talked to: it left the
// field, the reader is gone, or time ran out.
type TransportError struct {
	Command string
	Err     error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("desfire: %s: no answer from the card: %v", e.Command, e.Err)
}

// Unwrap returns the transport's error.
func (e *TransportError) Unwrap() error { return e.Err }

// IntegrityError is an answer that cannot be trusted: a wrong MAC or CRC, a
// wrong length, a broken chain. The session is already gone.
type IntegrityError struct {
	Command string
	Err     error
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf("desfire: %s: the answer cannot be trusted: %v", e.Command, e.Err)
}

// Unwrap returns what was wrong with the answer.
func (e *IntegrityError) Unwrap() error { return e.Err }

// OutcomeUnknownError means that a command which changes the card at once, or
// makes pending changes happen, may or may not have been carried out: it may
// have reached the card, and no authentic answer came back. Present the card
// again and look.
type OutcomeUnknownError struct {
	Command string
	Partial bool // a write of several frames, which the card may have done in part
	Err     error
}

func (e *OutcomeUnknownError) Error() string {
	s := fmt.Sprintf("desfire: %s may or may not have happened: %v", e.Command, e.Err)
	if e.Partial {
		s = fmt.Sprintf("desfire: %s may have happened, not happened, or happened in part: %v", e.Command, e.Err)
	}
	return s
}

// Unwrap returns the cause: a *TransportError or *IntegrityError.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// UnsupportedError means that the card cannot do this at all. It unwraps to
// errors.ErrUnsupported.
type UnsupportedError struct {
	What       string // command or feature
	Generation Generation
	Reason     string
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("desfire: %s: not possible with a %v card", e.What, e.Generation)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Unwrap returns errors.ErrUnsupported.
func (e *UnsupportedError) Unwrap() error { return errors.ErrUnsupported }

// ArgumentError is an argument that no card could accept. Nothing was sent.
type ArgumentError struct {
	Command string
	Err     error
}

func (e *ArgumentError) Error() string { return fmt.Sprintf("desfire: %s: %v", e.Command, e.Err) }

// Unwrap returns what is wrong with the argument.
func (e *ArgumentError) Unwrap() error { return e.Err }

// NotDESFireError reports a card that does not understand DESFire commands.
type NotDESFireError struct {
	ATR    []byte
	Reason string
}

func (e *NotDESFireError) Error() string {
	s := "desfire: this is not a DESFire card"
	if len(e.ATR) > 0 {
		s += fmt.Sprintf(" (ATR %X)", e.ATR)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// SafeToRetry reports whether the job that returned err can be repeated from
// SelectApplication on without doing anything twice: the link failed or an
// answer could not be trusted, and nothing has happened. It is never about the
// single command. A refusal by the card and an unknown outcome are not safe.
func SafeToRetry(err error) bool {
	var unknown *OutcomeUnknownError
	var link *TransportError
	var integrity *IntegrityError
	if errors.As(err, &unknown) || errors.As(err, new(*PartialWriteError)) {
		return false
	}
	return errors.As(err, &link) || errors.As(err, &integrity)
}

// sent reports whether a transport's error may have come after bytes had left.
func sent(err error) bool {
	var s interface{ Sent() bool }
	if errors.As(err, &s) {
		return s.Sent()
	}
	return true
}

// removed reports whether a transport's error says that the card left.
func removed(err error) bool {
	var r interface{ Removed() bool }
	return errors.As(err, &r) && r.Removed()
}

// classify turns what went wrong after a command was sealed into the error the
// caller gets. frames counts the answers that had come.
func classify(command string, effect wire.Effect, frames int, partial bool, err error) error {
	var malformed *frame.MalformedError
	var out error
	switch {
	case errors.As(err, &malformed), errors.As(err, new(*wire.FormatError)), errors.As(err, new(*openError)):
		out = &IntegrityError{command, err}
	default:
		out = &TransportError{command, err}
		if frames == 0 && !sent(err) {
			return out
		}
	}
	if effect == wire.EffectImmediate || effect == wire.EffectCommit {
		return &OutcomeUnknownError{command, partial, out}
	}
	return out
}

// openError marks an error of Channel.Open.
type openError struct{ err error }

func (e *openError) Error() string { return e.err.Error() }
func (e *openError) Unwrap() error { return e.err }

// lostCard reports whether err means that the connection to the card is of no
// more use.
func lostCard(err error) bool {
	var link *TransportError
	return errors.As(err, &link) || errors.Is(err, ErrClosed)
}
