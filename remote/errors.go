package remote

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Error is a failure to do something with a card elsewhere.
type Error struct {
	Op     string // "connect", "transmit"
	Reader string // AGENT/READER
	Err    error  // one of those below, that of the context, of NATS, or a *RefusedError

	sent, removed bool
}

func (e *Error) Error() string { return fmt.Sprintf("nats:%s: %s: %v", e.Reader, e.Op, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sent reports whether the card may have seen the command.
func (e *Error) Sent() bool { return e.sent }

// Removed reports whether the card is gone, or its agent.
func (e *Error) Removed() bool { return e.removed }

// InUse reports whether somebody else has the card.
func (e *Error) InUse() bool {
	var r *RefusedError
	return errors.As(e.Err, &r) && r.Refusal.InUse
}

// RefusedError is what an agent said no with.
type RefusedError struct{ Refusal Refusal }

func (e *RefusedError) Error() string { return e.Refusal.Text }

// Is makes a refusal because of the lease ErrLease.
func (e *RefusedError) Is(target error) bool {
	return target == ErrLease && (e.Refusal.Code == RefusedLease || e.Refusal.Code == RefusedBoot)
}

// Causes of errors.
var (
	ErrClosed   = errors.New("transport is closed")
	ErrFinished = errors.New("connection is finished: call Reconnect")
	ErrBusy     = errors.New("another exchange is under way")
	// ErrLease: the lease is over, and with it what was done under it: a session, what
	// was pending. Reconnect asks for another one.
	ErrLease = errors.New("the lease is over: it could not be renewed in time")
	// ErrNoAgent: nothing was sent, since nobody listens.
	ErrNoAgent = errors.New("no agent of that name is connected")
	// ErrNotConnected: nothing was sent, since there is no connection to the fleet.
	ErrNotConnected = errors.New("not connected to the fleet")
	// ErrNoAnswer: whether the card has seen it is not known.
	ErrNoAnswer = errors.New("the agent did not answer in time")
	// ErrCut: whether the card has seen it is not known.
	ErrCut = errors.New("the connection to the fleet broke before the answer came")
)

// Unsent is the error of something that was to be sent by conn. Where it says that there
// is no connection, as NATS does in words of its own, it wraps ErrNotConnected and says
// why, as far as that is known.
func Unsent(conn *nats.Conn, err error) error {
	if !errors.Is(err, nats.ErrReconnectBufExceeded) {
		return err
	}
	if why := conn.LastError(); why != nil && !errors.Is(why, nats.ErrReconnectBufExceeded) {
		return fmt.Errorf("%w: %w", ErrNotConnected, why)
	}
	return ErrNotConnected
}
