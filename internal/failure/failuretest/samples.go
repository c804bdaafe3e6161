// Package failuretest has an error of every kind that package failure knows, for the tests of programs that
// tell codes of errors.
package failuretest

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/phone"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// Sample is an error and the code that every program has for it.
type Sample struct {
	Err  error
	Code failure.Code
}

// Samples are errors of every kind. They have no contents: nothing but their codes may be asked for.
func Samples() []Sample {
	refusal := func(s wire.Status) error { return &desfire.CommandError{Status: s} }
	return []Sample{
		{&desfire.OutcomeUnknownError{}, failure.Unknown},
		{&desfire.PartialWriteError{}, failure.Unknown},
		{&desfire.TransportError{}, failure.NoCard},
		{&desfire.TransportError{Changed: true}, failure.Unknown},
		{&desfire.IntegrityError{}, failure.NotAuthentic},
		{&desfire.IntegrityError{Changed: true}, failure.Unknown},
		{&desfire.BrokenError{}, failure.NoCard},
		{&desfire.BrokenError{Changed: true}, failure.Unknown},
		{&desfire.ProvisionError{State: desfire.ProvisionUndone + 1}, failure.Unknown},
		{&desfire.NotDESFireError{}, failure.NoCard},
		{&desfire.SessionLostError{}, failure.NoCard},
		{&desfire.ReaderError{}, failure.NoCard},
		{&desfire.WeakMethodError{}, failure.NotAuthentic},
		{&desfire.TooFarError{}, failure.NotAuthentic},
		{&desfire.ProtectionError{}, failure.Right},
		{&desfire.NoRightError{}, failure.Right},
		{&desfire.FileSettingsError{}, failure.Right},
		{&desfire.UnsupportedError{}, failure.NotPossible},
		{&desfire.ArgumentError{}, failure.Input},
		{refusal(wire.StatusAuthenticationError), failure.Auth},
		{refusal(wire.StatusPermissionDenied), failure.Right},
		{refusal(wire.StatusISOSecurityStatus), failure.Right},
		{refusal(wire.StatusIllegalCommand), failure.NotPossible},
		{refusal(wire.StatusISOInsNotSupported), failure.NotPossible},
		{refusal(wire.StatusBoundaryError), failure.Refused},
		{&place.NoCardError{}, failure.NoCard},
		{&place.SeveralError{}, failure.NoCard},
		{&place.InUseError{}, failure.NoCard},
		{place.ErrAddress, failure.Input},
		{context.DeadlineExceeded, failure.NoCard},
		{&selftest.WrongCardError{}, failure.NoCard},
		{&selftest.NotDeliveredError{}, failure.NotPossible},

		{&keystore.NotFoundError{}, failure.Right},
		{keystore.ErrNoUID, failure.Right},
		{keystore.ErrLocked, failure.Auth},
		{&keyring.FileError{}, failure.Input},
		{keyring.ErrNotTrusted, failure.Input},
		{&key.OpaqueError{}, failure.NotPossible},
		{&unlock.NoKeyError{}, failure.Right},
		{&unlock.NeverError{}, failure.Right},
		{&unlock.PlainError{}, failure.Right},
		{&unlock.MismatchError{}, failure.Auth},
		{&unlock.RefusedKeyError{}, failure.Auth},
		{&unlock.ContradictionError{}, failure.NotAuthentic},
		{&rekey.RiskError{}, failure.Refused},
		{&rekey.HeldError{}, failure.NoCard},

		{&perso.WrongCardError{}, failure.NoCard},
		{&perso.KeyError{}, failure.Right},
		{&perso.NameError{}, failure.Usage},
		{&perso.LayoutError{}, failure.Input},
		{&perso.StaleError{}, failure.Input},
		{&yaml.Error{}, failure.Input},
		{yaml.Errors{}, failure.Input},

		{&fs.PathError{}, failure.Input},
		{&os.LinkError{}, failure.Input},
		{&exec.Error{}, failure.Input},
		{&exec.ExitError{}, failure.Input},
		{io.ErrShortWrite, failure.Input},
		{&filelock.HeldError{}, failure.NoCard},
		{&strictjson.Error{}, failure.Input},
		{&ndef.SpaceError{}, failure.Input},
		{&ndef.FormatError{}, failure.Input},
		{ndef.ErrReadOnly, failure.Right},
		{&sdm.FormatError{}, failure.Input},
		{&sdm.SettingsError{}, failure.Input},
		{sdm.ErrReplay, failure.Replay},
		{sdm.ErrMAC, failure.NotAuthentic},
		{sdm.ErrPICCData, failure.NotAuthentic},
		{tmac.ErrMismatch, failure.NotAuthentic},
		{originality.ErrNotSigned, failure.NotAuthentic},
		{trace.ErrFormat, failure.Input},
		{trace.ErrEmpty, failure.Input},

		{&purse.InDoubtError{}, failure.Unknown},
		{&purse.OpenEntryError{}, failure.Unknown},
		{&purse.BlockedError{}, failure.NotAuthentic},
		{&purse.ConfigError{}, failure.NotPossible},
		{&purse.RequestError{}, failure.NotPossible},
		{&purse.OtherCardError{}, failure.NoCard},
		{&purse.NoFileError{}, failure.Refused},
		{&purse.JournalError{}, failure.Input},
		{&purse.FingerprintError{}, failure.Input},
		{&boltjournal.FormatError{}, failure.Input},
		{&boltjournal.DamagedError{}, failure.Input},
		{&boltjournal.FailedError{}, failure.Input},
		{&boltjournal.LockedError{}, failure.NoCard},

		{&phone.Error{}, failure.NoCard},
		{&phone.ByeError{}, failure.NoCard},
		{&phone.ByeError{Code: phone.WrongCode}, failure.NotAuthentic},
		{&phone.ByeError{Code: phone.NotPaired}, failure.Right},
		{&phone.ByeError{Code: phone.Replaced}, failure.Right},
		{phone.ErrNoPhones, failure.NoCard},
		{phone.ErrUnknownPhone, failure.NoCard},
		{phone.ErrSilent, failure.NoCard},
		{phone.ErrWrongDigits, failure.NotAuthentic},
		{phone.ErrOtherComputer, failure.NotAuthentic},
		{phone.ErrTooMany, failure.Refused},
		{phone.ErrDenied, failure.Refused},
		{phone.ErrUnconfirmed, failure.Refused},
	}
}
