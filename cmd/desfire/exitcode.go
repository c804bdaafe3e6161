package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/keystore/pkcs11"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/gate"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/selftest"
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

// withCode decides the exit code of an error: what is wrapped has no say any more,
// but for an unknown outcome, which always wins. That a read was interrupted says
// nothing about what it would have read.
func withCode(code int, err error) error {
	if err == nil || code == exitInput && errors.Is(err, errInterrupted) {
		return err
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
	if err == nil {
		return exitDone
	}
	codes := codesIn(ctx, err)
	if inDoubt(err) {
		codes = append(codes, exitUnknown)
	}
	switch c := worst(codes...); {
	case c == exitUnknown:
		return c
	case slices.Contains(codes, exitUsage):
		return exitUsage
	case c == exitDone:
		return exitRefused
	default:
		return c
	}
}

// codesIn are the codes of the errors of a tree. Where a code was decided, what
// lies below says nothing more.
func codesIn(ctx context.Context, err error) (codes []int) {
	switch e := err.(type) {
	case *codeError:
		return []int{e.code}
	case *usageError:
		return []int{exitUsage}
	case *pn532.LineError:
		return []int{exitNoCard}
	}
	if err == errInterrupted || ctx.Err() != nil && (err == context.Canceled || err == context.Cause(ctx)) {
		codes = append(codes, exitInterrupted)
	} else if c := codeOf(err); c != exitDone {
		codes = append(codes, c)
	}
	for _, inner := range directlyIn(err) {
		codes = append(codes, codesIn(ctx, inner)...)
	}
	return codes
}

// codeOf is what one error of a tree says; exitDone if nothing.
func codeOf(err error) int {
	switch e := err.(type) {
	case *desfire.IntegrityError:
		return exitNotGenuine
	case *desfire.ProvisionError:
		if e.State != desfire.ProvisionUndone {
			return exitUnknown
		}
	case *desfire.WeakMethodError:
		return exitNotGenuine
	case *desfire.ProtectionError, *desfire.NoRightError, *desfire.FileSettingsError:
		return exitRight
	case *desfire.UnsupportedError:
		return exitImpossible
	case *desfire.ArgumentError, *ndef.SpaceError, *ndef.FormatError, *fs.PathError, *os.LinkError, *dump.FormatError, *sim.ImageError, *strictjson.Error, *sdm.FormatError, *sdm.SettingsError:
		return exitInput
	case *desfire.TransportError, *desfire.NotDESFireError, *place.NoCardError, *filelock.HeldError, *sim.LockedError, *rekey.HeldError, *place.SeveralError, *place.InUseError, *pcsc.OpError, *pn532.Error, *tcp.Error, *desfire.SessionLostError, *desfire.BrokenError:
		return exitNoCard
	case *keystore.NotFoundError, *unlock.NoKeyError, *unlock.NeverError, *unlock.PlainError:
		return exitRight
	case *unlock.MismatchError, *unlock.RefusedKeyError:
		return exitAuth
	case *keyring.FileError, *exec.Error, *exec.ExitError, *pkcs11.PINError, *pkcs11.NotFoundError, pkcs11.Error:
		return exitInput
	case *selftest.WrongCardError:
		return exitNoCard
	case *selftest.NotDeliveredError:
		return exitImpossible
	case *key.OpaqueError:
		return exitImpossible
	case *natskeys.AwayError:
		return exitNoCard
	case *natskeys.AnswerError:
		return codeOfAnswer(e)
	case *desfire.TooFarError:
		return exitNotGenuine
	case *desfire.ReaderError:
		return exitNoCard
	case *unlock.ContradictionError:
		return exitNotGenuine
	case *perso.KeyError:
		return exitRight
	case *perso.LayoutError, *perso.StaleError, yaml.Errors, *yaml.Error:
		return exitInput
	case *perso.NameError:
		return exitUsage
	case *batch.TableError, *batch.ColumnsError, *batch.RowError, *batch.RowChangedError, *batch.LayoutChangedError, *batch.BookError, *batch.ResultsError:
		return exitInput
	case *batch.HeldError:
		return exitNoCard
	case *perso.WrongCardError:
		return exitNoCard
	case *noApplicationError:
		return exitRefused
	case *rekey.RiskError:
		return exitRefused
	case *ledger.NoFileError:
		return exitRefused
	case *ledger.ConfigError, *ledger.RequestError:
		return exitImpossible
	case *ledger.JournalError, *ledger.FingerprintError:
		return exitInput
	case *boltjournal.LockedError:
		return exitNoCard
	case *boltjournal.FormatError, *boltjournal.DamagedError, *boltjournal.FailedError:
		return exitInput
	case *ledger.BlockedError:
		return exitNotGenuine
	case *ledger.OpenEntryError:
		return exitUnknown
	case *desfire.CommandError:
		return codeOfStatus(e.Status)
	}
	if c := codeOfFleet(err); c != exitDone {
		return c
	}
	if c := codeOfPhone(err); c != exitDone {
		return c
	}
	return codeOfSentinel(err)
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

// codeOfSentinel is what an error says that is a value and no type.
func codeOfSentinel(err error) int {
	switch err {
	case sdm.ErrReplay:
		return exitReplay
	case ndef.ErrReadOnly:
		return exitRight
	case sdm.ErrMAC, sdm.ErrPICCData, tmac.ErrMismatch, originality.ErrNotSigned:
		return exitNotGenuine
	case errSelftestFailed:
		return exitNotGenuine
	case keystore.ErrNoUID:
		return exitRight
	case keystore.ErrLocked:
		return exitAuth
	case keyring.ErrNotTrusted, pkcs11.ErrNoModule, io.ErrShortWrite:
		return exitInput
	case context.DeadlineExceeded:
		return exitNoCard
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
