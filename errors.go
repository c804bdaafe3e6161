package desfire

import (
	"errors"
	"fmt"
	"strings"

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
// No error status is ever authenticated: whoever controls the air can forge one
// (Proven). To know that nothing happened, look at the card. Where changes may
// have been pending, transactions go on after a selection, or Settle.
type CommandError struct {
	Command string // name of the command
	On      string // what it was about, if that is one thing: "file 1", "application F21190"
	Status  wire.Status
	App     AID
	Session string // why a session that the caller counted on is gone, if it is
	Hint    string // what to do about it, if we know
}

func (e *CommandError) Error() string {
	s := "desfire: " + e.Command
	if e.On != "" {
		s += " of " + e.On
	}
	if e.App != wire.PICC && !strings.HasPrefix(e.On, "application") {
		s += " in application " + e.App.String()
	}
	s += ": " + e.Status.Error()
	if e.Session != "" {
		s += "; " + e.Session
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Proven reports whether it is certain that the card refused. It never is: this
// is what came over the air.
func (e *CommandError) Proven() bool { return false }

// Unwrap returns the status.
func (e *CommandError) Unwrap() error { return e.Status }

// TransportError means that the card could not be talked to: it left the
// field, the reader is gone, or time ran out.
type TransportError struct {
	Command string
	Err     error
	// Changed: since the last selection something was changed on the card, or
	// may have been. The job must not be repeated blindly.
	Changed bool
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("desfire: %s: no answer from the card: %v", e.Command, e.Err)
}

// Unwrap returns the transport's error.
func (e *TransportError) Unwrap() error { return e.Err }

// IntegrityError is an answer that cannot be trusted: a wrong MAC or CRC, a
// wrong length, a broken chain, a refusal with data, a status that the command
// does not have (a *CommandError), or that does not exist. The session is already
// gone.
type IntegrityError struct {
	Command string
	Err     error
	Changed bool // as in TransportError
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf("desfire: %s: the answer cannot be trusted: %v", e.Command, e.Err)
}

// Unwrap returns what was wrong with the answer.
func (e *IntegrityError) Unwrap() error { return e.Err }

// OutcomeUnknownError means that a command which changes the card at once, or
// makes pending changes happen, may or may not have been carried out: it may
// have reached the card, and no authentic answer came back. A refusal of a
// commit while changes were pending is none: no status is authentic. Present
// the card again and look; Card.Settle makes sure that nothing happens later.
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

// Unwrap returns the cause: a *TransportError, *IntegrityError or *CommandError.
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
// answer could not be trusted, and nothing has been changed since the last
// selection. It is never about the single command. A refusal by the card, an
// unknown outcome and a partial write are not safe.
//
// It counts on a selection that reached the card: against a relay, which may
// keep it back and commit later what was pending, call Settle first.
//
// An error of another package that has SafeToRetry() bool and returns false
// there makes it false; nothing makes it true.
func SafeToRetry(err error) bool {
	safe, broke := retry(err)
	return safe && broke
}

// retry walks an error's tree: safe unless something in it says no, broke if
// the link or an answer failed.
func retry(err error) (safe, broke bool) {
	safe = true
	switch e := err.(type) {
	case nil:
		return true, false
	case *OutcomeUnknownError, *PartialWriteError:
		return false, false
	case *TransportError:
		safe, broke = !e.Changed, true
	case *IntegrityError:
		safe, broke = !e.Changed, true
	case *BrokenError:
		return !e.Changed, true
	case interface{ SafeToRetry() bool }:
		safe = e.SafeToRetry()
	}
	for _, inner := range unwrap(err) {
		s, b := retry(inner)
		safe, broke = safe && s, broke || b
	}
	return safe, broke
}

func unwrap(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
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

// failure is what is known of a command whose answer failed.
type failure struct {
	command string
	effect  wire.Effect
	whole   bool // the whole command may have reached the card
	partial bool // the card may have done a part of what it has not yet whole
	changed bool // as in TransportError
}

// done reports whether the card may have changed something: it carries a
// command out once it has it whole, and only writes in several frames that are
// not enciphered before (command reference 2.4).
func (f failure) done() bool {
	return (f.effect == wire.EffectImmediate || f.effect == wire.EffectCommit) && (f.whole || f.partial)
}

// classify turns what went wrong after a command was sealed into the error the
// caller gets.
func (f failure) classify(err error) error {
	var out error
	switch {
	case errors.As(err, new(*frame.MalformedError)), errors.As(err, new(*untrustedError)):
		out = &IntegrityError{f.command, err, f.changed}
	default:
		out = &TransportError{f.command, err, f.changed}
	}
	if f.done() {
		return &OutcomeUnknownError{f.command, f.partial, out}
	}
	return out
}

// untrustedError marks what is wrong with an answer.
type untrustedError struct{ err error }

func (e *untrustedError) Error() string { return e.err.Error() }
func (e *untrustedError) Unwrap() error { return e.err }

// lostCard reports whether err means that the connection to the card is of no
// more use.
func lostCard(err error) bool {
	var link *TransportError
	return errors.As(err, &link) || errors.Is(err, ErrClosed)
}

// Refusal is the card's no in an error: what a card that is there answered. It
// is nil if there is none, or only one that cannot be trusted or leaves open
// what happened. Whoever controls the air can make a card say no.
func Refusal(err error) *CommandError {
	var refused *CommandError
	switch {
	case errors.As(err, new(*IntegrityError)), errors.As(err, new(*OutcomeUnknownError)), errors.As(err, new(*TransportError)):
		return nil
	case errors.As(err, &refused):
		return refused
	}
	return nil
}
