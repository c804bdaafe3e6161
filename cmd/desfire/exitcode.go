package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/place"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// Exit codes. They are documented, and do not change.
const (
	exitDone        = 0
	exitRefused     = 1 // the card refused
	exitUsage       = 2
	exitNoCard      = 3  // no card or reader, the wrong one, or in use
	exitAuth        = 4  // the authentication failed
	exitRight       = 5  // a right is missing
	exitNotGenuine  = 6  // not authentic, or a verification failed
	exitUnknown     = 7  // it may have happened, or in part: look at the card
	exitImpossible  = 8  // not possible with this card
	exitInput       = 9  // an input or a file is bad
	exitDiffers     = 10 // what was compared differs
	exitReplay      = 11 // genuine, but seen before
	exitInterrupted = 130
)

// codeNames are the exit codes as the JSON of an error has them.
var codeNames = map[int]string{
	exitRefused: "refused", exitUsage: "usage", exitNoCard: "no-card", exitAuth: "authentication", exitRight: "right",
	exitNotGenuine: "not-authentic", exitUnknown: "unknown-outcome", exitImpossible: "not-possible", exitInput: "input",
	exitDiffers: "differs", exitReplay: "replay", exitInterrupted: "interrupted",
}

// codeError is an error whose exit code the verb has decided.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// withCode decides the exit code of an error.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codeError{code, err}
}

// ranked are the codes of which the first wins where several errors came
// together.
var ranked = []int{exitUnknown, exitNotGenuine, exitInterrupted, exitReplay, exitDiffers, exitInput, exitImpossible, exitRight, exitAuth, exitNoCard, exitRefused}

// worst is the code that wins.
func worst(codes ...int) int {
	for _, r := range ranked {
		for _, c := range codes {
			if c == r {
				return r
			}
		}
	}
	for _, c := range codes {
		if c != exitDone {
			return c
		}
	}
	return exitDone
}

// exitCode is the code of an error.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted) || ctx.Err() != nil && errors.Is(err, context.Canceled) && !inDoubt(err):
		return exitInterrupted
	case errors.As(err, new(*usageError)):
		return exitUsage
	}
	var codes []int
	for _, e := range errorsIn(err) {
		if decided, ok := e.(*codeError); ok {
			codes = append(codes, decided.code)
			continue
		}
		if c := codeOf(e); c != exitDone {
			codes = append(codes, c)
		}
	}
	if inDoubt(err) {
		codes = append(codes, exitUnknown)
	}
	if c := worst(codes...); c != exitDone {
		return c
	}
	return exitRefused
}

// codeOf is what one error of a tree says; exitDone if nothing.
func codeOf(err error) int {
	switch e := err.(type) {
	case *desfire.IntegrityError:
		return exitNotGenuine
	case *desfire.WeakMethodError:
		return exitNotGenuine
	case *desfire.ProtectionError, *desfire.NoRightError, *desfire.FileSettingsError:
		return exitRight
	case *desfire.UnsupportedError:
		return exitImpossible
	case *desfire.ArgumentError, *ndef.SpaceError, *ndef.FormatError, *fs.PathError:
		return exitInput
	case *desfire.TransportError, *desfire.NotDESFireError, *place.NoCardError, *filelock.HeldError, *sim.LockedError, *rekey.HeldError, *place.SeveralError, *place.InUseError, *pcsc.OpError, *tcp.Error, *desfire.SessionLostError, *desfire.BrokenError:
		return exitNoCard
	case *keystore.NotFoundError, *unlock.NoKeyError, *unlock.NeverError, *unlock.PlainError:
		return exitRight
	case *unlock.MismatchError, *unlock.RefusedKeyError:
		return exitAuth
	case *keyring.FileError:
		return exitInput
	case *unlock.ContradictionError:
		return exitNotGenuine
	case *perso.KeyError:
		return exitRight
	case *perso.LayoutError:
		return exitInput
	case *perso.WrongCardError:
		return exitNoCard
	case *noApplicationError:
		return exitRefused
	case *rekey.RiskError:
		return exitRefused
	case *ledger.NoFileError:
		return exitRefused
	case *desfire.CommandError:
		return codeOfStatus(e.Status)
	}
	return codeOfSentinel(err)
}

// codeOfSentinel is what an error says that is a value and no type.
func codeOfSentinel(err error) int {
	switch err {
	case sdm.ErrReplay:
		return exitReplay
	case ndef.ErrReadOnly:
		return exitRight
	case sdm.ErrMAC, sdm.ErrPICCData, tmac.ErrMismatch, originality.ErrNotSigned:
		return exitNotGenuine
	case keystore.ErrLocked:
		return exitAuth
	case pcsc.ErrUnavailable, pcsc.ErrRemoved, pcsc.ErrReset:
		return exitNoCard
	case trace.ErrFormat, trace.ErrEmpty, place.ErrAddress:
		return exitInput
	}
	return exitDone
}

// codeOfStatus is what a refusal says.
func codeOfStatus(s wire.Status) int {
	switch s {
	case wire.StatusAuthenticationError:
		return exitAuth
	case wire.StatusPermissionDenied, wire.StatusISOSecurityStatus:
		return exitRight
	case wire.StatusIllegalCommand, wire.StatusISOInsNotSupported:
		return exitImpossible
	}
	return exitRefused
}
