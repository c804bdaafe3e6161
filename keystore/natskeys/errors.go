package natskeys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
)

// Errors, for errors.Is.
var (
	// ErrAway: the key service did not answer.
	ErrAway = errors.New("the key service does not answer")

	// ErrRefused: a rule of the policy does not allow it, or no rule could.
	ErrRefused = errors.New("the key service refuses it")

	// ErrBusy: too much at once, or too often; later it may be done.
	ErrBusy = errors.New("the key service has no room for it now")

	// ErrOver: the handshake took too long, or the key service was started anew.
	ErrOver = errors.New("the handshake is over")

	// ErrHandshakeOnly: the key was asked to cipher.
	ErrHandshakeOnly = errors.New("a key in the centre of a fleet answers handshakes of cards and ciphers nothing")
)

// AwayError says that the key service did not answer. It is ErrAway and what it unwraps to.
type AwayError struct {
	Err  error // of NATS, or of the context
	sent bool
}

func (e *AwayError) Error() string { return fmt.Sprintf("%v: %v", ErrAway, e.Err) }

// Is makes it ErrAway.
func (e *AwayError) Is(target error) bool { return target == ErrAway }

// Unwrap is the error of NATS, or of the context.
func (e *AwayError) Unwrap() error { return e.Err }

// Sent reports whether the question may have reached the key service.
func (e *AwayError) Sent() bool { return e.sent }

// Temporary reports whether it may go better later: unless the caller gave up.
func (e *AwayError) Temporary() bool { return !errors.Is(e.Err, context.Canceled) }

// AnswerError is what the key service answered in place of what it was asked for.
type AnswerError struct {
	Code  remote.KeyCode
	Rule  string        // of the policy, where it is one that refuses
	Text  string        // for people
	After time.Duration // when to ask again; 0: nobody knows
	Trace string        // under which the centre's log has it
}

func (e *AnswerError) Error() string {
	s := "key service: "
	if e.Rule != "" {
		s += "refused by " + e.Rule + ": "
	}
	s += e.Text
	if e.After > 0 {
		s += fmt.Sprintf(" (again in %v)", e.After.Round(100*time.Millisecond))
	}
	if e.Trace != "" {
		s += ", trace " + e.Trace
	}
	return s
}

// Is maps codes to the errors of this package, and of packages key and keystore.
func (e *AnswerError) Is(target error) bool {
	switch e.Code {
	case remote.KeyPolicy, remote.KeyNever:
		return target == ErrRefused
	case remote.KeyRate, remote.KeyBusy:
		return target == ErrBusy
	case remote.KeyOver:
		return target == ErrOver
	case remote.KeyProof:
		return target == key.ErrProof
	case remote.KeyNotFound:
		return target == keystore.ErrNotFound
	case remote.KeyNoUID:
		return target == keystore.ErrNoUID
	case remote.KeyLocked:
		return target == keystore.ErrLocked
	}
	return false
}

// Temporary reports whether it may go better later.
func (e *AnswerError) Temporary() bool {
	switch e.Code {
	case remote.KeyRate, remote.KeyBusy, remote.KeyOver, remote.KeyChanged, remote.KeyAudit, remote.KeyFailed:
		return true
	}
	return false
}
