package phone

import (
	"errors"
	"fmt"
)

// Error is a failure of an exchange with a card at a phone.
type Error struct {
	Op    string // "open", "transmit", "reconnect"
	Phone string // its name
	Err   error

	sent, removed, inUse bool
}

func (e *Error) Error() string { return fmt.Sprintf("phone:%s: %s: %v", e.Phone, e.Op, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sent reports whether any byte of the command may have left this computer. What the
// phone says of it is not believed.
func (e *Error) Sent() bool { return e.sent }

// Removed reports whether the card, or the phone with it, has gone.
func (e *Error) Removed() bool { return e.removed }

// InUse reports whether another part of this program has the card.
func (e *Error) InUse() bool { return e.inUse }

// Causes.
var (
	ErrClosed   = errors.New("transport is closed")
	ErrFinished = errors.New("the activation of the card is over: call Reconnect")
	ErrBusy     = errors.New("another exchange is under way")
	ErrInUse    = errors.New("another transport has the card")
	ErrGone     = errors.New("the card is gone")
	ErrLeft     = errors.New("the phone is gone")

	// ErrSilent: nothing was heard of the other end for seconds.
	ErrSilent = errors.New("nothing was heard of the other end any more")
	// ErrServerClosed: the Server, or the Link, was closed.
	ErrServerClosed = errors.New("closed")
)

// Code is why one end ends a connection.
type Code string

// Codes.
const (
	NotPaired  Code = "not-paired" // the computer does not know the phone: it never did, or has revoked it
	NoPairing  Code = "no-pairing" // the computer is not pairing now
	Busy       Code = "busy"       // the computer is pairing with another phone
	WrongCode  Code = "wrong-code" // the digits that were typed are not those of the phone
	Late       Code = "late"       // it took too long
	Given      Code = "given-up"   // a person gave it up
	Replaced   Code = "replaced"   // another connection has the same credential
	Broken     Code = "protocol"   // the other end broke the protocol
	GoingAway  Code = "going-away" // the program ends
	TooMany    Code = "too-many"   // too many pairings have failed, or too many connections
	NotAllowed Code = "internal"   // the computer could not do it
)

// ByeError says that the other end has ended the connection, and why.
type ByeError struct {
	Code Code
	Text string // of the other end, visible; it may be empty
}

func (e *ByeError) Error() string {
	s := map[Code]string{
		NotPaired: "the computer does not know this phone, or has revoked it: pair it anew",
		NoPairing: "the computer is not pairing now: begin it there first, with desfire phone pair",
		Busy:      "the computer is pairing with another phone",
		WrongCode: "other digits were typed at the computer: somebody may stand between the two; nothing was paired",
		Late:      "it took too long",
		Given:     "it was given up at the other end",
		Replaced:  "another program or phone uses the same credential: if that is not you, revoke it at the computer",
		Broken:    "the other end says that the protocol was broken",
		GoingAway: "the other end has ended",
		TooMany:   "too many tries: wait ten minutes",
	}[e.Code]
	if s == "" {
		s = "the other end has ended the connection"
	}
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	return s
}

// Is reports whether target is a ByeError with the same code.
func (e *ByeError) Is(target error) bool {
	t, ok := target.(*ByeError)
	return ok && t.Code == e.Code && t.Text == ""
}

// protocolError is what the other end did that it may not.
type protocolError struct{ err error }

func (e *protocolError) Error() string { return "the protocol was broken: " + e.err.Error() }
func (e *protocolError) Unwrap() error { return e.err }

func broken(format string, args ...any) error {
	return &protocolError{fmt.Errorf(format, args...)}
}
