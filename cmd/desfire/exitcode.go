package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/keystore/pkcs11"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/pn532"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/gate"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
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
var codeNames = map[int]failure.Code{
	exitRefused: failure.Refused, exitUsage: failure.Usage, exitNoCard: failure.NoCard, exitAuth: failure.Auth, exitRight: failure.Right,
	exitNotGenuine: failure.NotAuthentic, exitUnknown: failure.Unknown, exitImpossible: failure.NotPossible, exitInput: failure.Input,
	exitDiffers: failure.Differs, exitReplay: failure.Replay, exitInterrupted: failure.Interrupted,
}

// exitOf is the exit code of what a failure comes down to.
func exitOf(c failure.Code) int {
	for code, name := range codeNames {
		if name == c {
			return code
		}
	}
	return exitDone
}

// codeError is an error whose exit code the verb has decided.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// withCode decides the exit code of an error: what is wrapped has no say any more,
// but for an unknown outcome, which always wins. That a read was interrupted says
// nothing about what it would have read.
func withCode(code int, err error) error {
	if err == nil || code == exitInput && errors.Is(err, errInterrupted) {
		return err
	}
	return &codeError{code, err}
}

// worst is the code that wins.
func worst(codes ...int) int {
	var names []failure.Code
	for _, c := range codes {
		names = append(names, codeNames[c])
	}
	if w := failure.Worst(names...); w != failure.None {
		return exitOf(w)
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
	if err == nil {
		return exitDone
	}
	codes := failure.In(err, func(err error) (failure.Code, bool) { return ownCode(ctx, err) })
	if inDoubt(err) {
		codes = append(codes, failure.Unknown)
	}
	return exitOf(cmp.Or(failure.Worst(codes...), failure.Refused))
}

// ownCode is what an error says that only this tool meets. Where a code was decided, what lies below says
// nothing more.
func ownCode(ctx context.Context, err error) (code failure.Code, all bool) {
	switch e := err.(type) {
	case *codeError:
		return codeNames[e.code], true
	case *usageError:
		return failure.Usage, true
	case *pn532.LineError:
		return failure.NoCard, true
	}
	if err == errInterrupted || ctx.Err() != nil && (err == context.Canceled || err == context.Cause(ctx)) {
		return failure.Interrupted, false
	}
	return codeNames[codeOf(err)], false
}

// codeOf is what one error says that only this tool meets; exitDone if nothing.
func codeOf(err error) int {
	switch e := err.(type) {
	case *dump.FormatError, *sim.ImageError, *pkcs11.PINError, *pkcs11.NotFoundError, pkcs11.Error:
		return exitInput
	case *sim.LockedError, *pcsc.OpError, *pn532.Error, *tcp.Error, *batch.HeldError, *natskeys.AwayError:
		return exitNoCard
	case *natskeys.AnswerError:
		return codeOfAnswer(e)
	case *batch.TableError, *batch.ColumnsError, *batch.RowError, *batch.RowChangedError, *batch.LayoutChangedError, *batch.BookError, *batch.ResultsError:
		return exitInput
	case *noApplicationError:
		return exitRefused
	}
	switch err {
	case errSelftestFailed:
		return exitNotGenuine
	case pkcs11.ErrNoModule:
		return exitInput
	case pcsc.ErrUnavailable, pcsc.ErrRemoved, pcsc.ErrReset:
		return exitNoCard
	}
	return codeOfFleet(err)
}

// codeOfFleet is what an error of a fleet says.
func codeOfFleet(err error) int {
	switch e := err.(type) {
	case *remote.Error, *remote.NoReaderError:
		return exitNoCard
	case *remote.VersionError:
		return exitImpossible
	case *admin.RefusedError:
		return exitRefused
	case *gate.UnansweredError:
		return exitUnknown
	case *gate.NoCardError:
		return exitNoCard
	case *gate.OrderError:
		return codesOfOrders[e.Code]
	}
	switch err {
	case remote.ErrNoAgent, remote.ErrNotConnected, remote.ErrNoAnswer, remote.ErrCut, remote.ErrLease, admin.ErrAway, gate.ErrAway:
		return exitNoCard
	case admin.ErrSilent:
		return exitUnknown
	case remote.ErrMessage:
		return exitNotGenuine
	}
	return exitDone
}

// codesOfOrders are those of orders that a gate did not make.
var codesOfOrders = map[gate.Code]int{
	gate.CodeReader: exitNoCard, gate.CodeRequest: exitImpossible, gate.CodeBusy: exitNoCard, gate.CodeEnding: exitNoCard, gate.CodeNoCard: exitNoCard,
	gate.CodeCard: exitRefused, gate.CodeLimit: exitRefused, gate.CodeBlocked: exitNotGenuine, gate.CodeOpen: exitUnknown, gate.CodeKeys: exitRight,
	gate.CodeJournal: exitInput, gate.CodeFailed: exitRefused,
}
