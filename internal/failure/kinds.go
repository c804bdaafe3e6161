package failure

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"

	"github.com/go-desfire/desfire"
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

// Of is what one error says by itself, whatever it wraps; None if nothing.
func Of(err error) Code {
	for _, of := range []func(error) Code{ofCard, ofKeys, ofFiles, ofPurse, ofPhone} {
		if c := of(err); c != None {
			return c
		}
	}
	return None
}

// ofCard is what an error of talking to a card says.
func ofCard(err error) Code {
	switch e := err.(type) {
	case *desfire.OutcomeUnknownError, *desfire.PartialWriteError:
		return Unknown
	case *desfire.TransportError:
		return unlessChanged(e.Changed, NoCard)
	case *desfire.IntegrityError:
		return unlessChanged(e.Changed, NotAuthentic)
	case *desfire.BrokenError:
		return unlessChanged(e.Changed, NoCard)
	case *desfire.ProvisionError:
		return unlessChanged(e.State != desfire.ProvisionUndone, None)
	case *desfire.NotDESFireError, *desfire.SessionLostError, *desfire.ReaderError, *place.NoCardError, *place.SeveralError, *place.InUseError:
		return NoCard
	case *desfire.WeakMethodError, *desfire.TooFarError:
		return NotAuthentic
	case *desfire.ProtectionError, *desfire.NoRightError, *desfire.FileSettingsError:
		return Right
	case *desfire.UnsupportedError, *selftest.NotDeliveredError:
		return NotPossible
	case *desfire.ArgumentError:
		return Input
	case *perso.WrongCardError, *selftest.WrongCardError:
		return NoCard
	case *desfire.CommandError:
		return ofStatus(e.Status)
	}
	switch err {
	case context.DeadlineExceeded:
		return NoCard
	case place.ErrAddress:
		return Input
	}
	return None
}

// unlessChanged is c, where nothing may have been changed.
func unlessChanged(changed bool, c Code) Code {
	if changed {
		return Unknown
	}
	return c
}

// ofStatus is what a refusal says.
func ofStatus(s wire.Status) Code {
	switch s {
	case wire.StatusAuthenticationError:
		return Auth
	case wire.StatusPermissionDenied, wire.StatusISOSecurityStatus:
		return Right
	case wire.StatusIllegalCommand, wire.StatusISOInsNotSupported:
		return NotPossible
	}
	return Refused
}

// ofKeys is what an error of finding, using or changing keys says.
func ofKeys(err error) Code {
	switch err.(type) {
	case *keystore.NotFoundError, *unlock.NoKeyError, *unlock.NeverError, *unlock.PlainError, *perso.KeyError:
		return Right
	case *unlock.MismatchError, *unlock.RefusedKeyError:
		return Auth
	case *unlock.ContradictionError:
		return NotAuthentic
	case *key.OpaqueError:
		return NotPossible
	case *keyring.FileError:
		return Input
	case *rekey.RiskError:
		return Refused
	case *rekey.HeldError:
		return NoCard
	}
	switch err {
	case keystore.ErrNoUID:
		return Right
	case keystore.ErrLocked:
		return Auth
	case keyring.ErrNotTrusted:
		return Input
	}
	return None
}

// ofFiles is what an error of inputs, and of what is checked without a card, says.
func ofFiles(err error) Code {
	switch err.(type) {
	case *fs.PathError, *os.LinkError, *exec.Error, *exec.ExitError, *strictjson.Error, *ndef.SpaceError, *ndef.FormatError, *sdm.FormatError, *sdm.SettingsError,
		*perso.LayoutError, *perso.StaleError, yaml.Errors, *yaml.Error:
		return Input
	case *filelock.HeldError:
		return NoCard
	case *perso.NameError:
		return Usage
	}
	switch err {
	case trace.ErrFormat, trace.ErrEmpty, io.ErrShortWrite:
		return Input
	case sdm.ErrReplay:
		return Replay
	case ndef.ErrReadOnly:
		return Right
	case sdm.ErrMAC, sdm.ErrPICCData, tmac.ErrMismatch, originality.ErrNotSigned:
		return NotAuthentic
	}
	return None
}

// ofPurse is what an error of a purse or its journal says.
func ofPurse(err error) Code {
	switch err.(type) {
	case *purse.InDoubtError, *purse.OpenEntryError:
		return Unknown
	case *purse.BlockedError:
		return NotAuthentic
	case *purse.ConfigError, *purse.RequestError:
		return NotPossible
	case *purse.OtherCardError:
		return NoCard
	case *purse.NoFileError:
		return Refused
	case *purse.JournalError, *purse.FingerprintError, *boltjournal.FormatError, *boltjournal.DamagedError, *boltjournal.FailedError:
		return Input
	case *boltjournal.LockedError:
		return NoCard
	}
	return None
}

// ofPhone is what an error of a phone that is a reader says.
func ofPhone(err error) Code {
	switch e := err.(type) {
	case *phone.Error:
		return NoCard
	case *phone.ByeError:
		switch e.Code {
		case phone.WrongCode:
			return NotAuthentic
		case phone.NotPaired, phone.Replaced:
			return Right
		}
		return NoCard
	}
	switch err {
	case phone.ErrNoPhones, phone.ErrUnknownPhone, phone.ErrSilent:
		return NoCard
	case phone.ErrWrongDigits, phone.ErrOtherComputer:
		return NotAuthentic
	case phone.ErrTooMany, phone.ErrDenied, phone.ErrUnconfirmed:
		return Refused
	}
	return None
}
