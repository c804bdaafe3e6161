package mobile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// Codes of a Failure: the names that the desfire tool has for its exit codes.
const (
	CodeRefused      = "refused"         // the card refused
	CodeUsage        = "usage"           // the app asked for what makes no sense
	CodeNoCard       = "no-card"         // the card left, is another one, or is in use
	CodeAuth         = "authentication"  // the authentication failed
	CodeRight        = "right"           // a right or a key is missing
	CodeNotAuthentic = "not-authentic"   // not authentic, or a verification failed
	CodeUnknown      = "unknown-outcome" // it may have happened, or in part
	CodeImpossible   = "not-possible"    // not possible with this card
	CodeInput        = "input"           // an input or a file is bad
	CodeDiffers      = "differs"         // what was compared differs
	CodeReplay       = "replay"          // genuine, but seen before
	CodeInterrupted  = "interrupted"     // Cancel
)

// Values of Failure.Happened.
const (
	HappenedYes     = "yes"
	HappenedNo      = "no"
	HappenedUnknown = "unknown"
)

// Failure is why a job failed, for programs and for people.
type Failure struct {
	Code     string // one of the codes
	Happened string // whether the change that was asked for was made: "yes", "no" or "unknown"; of a job that only reads "no"
	Lost     bool   // the card left or the connection failed: present it again
	What     string // in words, in one line; it never holds a key
	Next     string // what to do, where that is known
	Status   string // what the card answered, four hexadecimal digits; empty if it was no refusal
	Detail   string // JSON that the job has found all the same, such as the receipt of a purse; may be empty
}

// Explain makes a Failure of an error that this package gave. Of any other error it has the words alone.
func Explain(err error) *Failure {
	var j *jobError
	switch {
	case err == nil:
		return &Failure{Happened: HappenedYes, What: "done"}
	case errors.As(err, &j):
		f := j.Failure
		return &f
	}
	return explain(err)
}

// jobError is an error of this package.
type jobError struct {
	Failure
	err error
}

func (e *jobError) Error() string { return e.What }
func (e *jobError) Unwrap() error { return e.err }

// failed is an error as apps get it; nil of nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	var j *jobError
	if errors.As(err, &j) {
		return j
	}
	return &jobError{*explain(err), err}
}

// with adds what a job has found all the same.
func with(err error, detail any) error {
	f := explain(err)
	var failure error
	if f.Detail, failure = encode(detail); failure != nil {
		f.Detail = ""
	}
	return &jobError{*f, err}
}

func coded(code string, err error) error {
	f := explain(err)
	f.Code = code
	return &jobError{*f, err}
}

func usage(format string, args ...any) error {
	return coded(CodeUsage, fmt.Errorf(format, args...))
}

func busy(what string) error {
	return coded(CodeNoCard, fmt.Errorf("another job is under way with %s: wait for it, or call Cancel", what))
}

// prefixes say which package an error is from.
var prefixes = regexp.MustCompile(`(^|: |; |\()(?:(?:desfire|rekey|keystore|unlock|keyring|perso|dump|purse|boltjournal|layout): )+`)

func explain(err error) *Failure {
	f := &Failure{Code: codeIn(err), Happened: HappenedNo, Lost: desfire.Lost(err)}
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	f.What = visible.Text(keystore.Hide(prefixes.ReplaceAllString(text, "$1")))
	if refused := desfire.Refusal(err); refused != nil {
		f.Status = fmt.Sprintf("%04X", uint16(refused.Status))
	}
	if f.Code == CodeUnknown {
		f.Happened = HappenedUnknown
	}
	switch {
	case f.Happened == HappenedUnknown:
		f.Next = "Present the same card again, and find out before it is repeated."
	case f.Lost:
		f.Next = "Present the card again."
	}
	return f
}

// ranked are the codes of which the first wins where several errors came together.
var ranked = []string{CodeUnknown, CodeUsage, CodeNotAuthentic, CodeInterrupted, CodeReplay, CodeDiffers, CodeInput, CodeImpossible, CodeRight, CodeAuth, CodeNoCard, CodeRefused}

// codeIn is the code of an error.
func codeIn(err error) string {
	found := map[string]bool{}
	walk(err, func(e error) { found[codeOf(e)] = true })
	for _, c := range ranked {
		if found[c] {
			return c
		}
	}
	return CodeRefused
}

func walk(err error, tell func(error)) {
	if err == nil {
		return
	}
	tell(err)
	switch e := err.(type) {
	case *jobError: // it was said already what it means
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), tell)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			walk(inner, tell)
		}
	}
}

// codeOf is what one error of a tree says; empty if nothing.
func codeOf(err error) string {
	switch e := err.(type) {
	case *jobError:
		return e.Code
	case *desfire.OutcomeUnknownError, *desfire.PartialWriteError, *purse.InDoubtError, *purse.OpenEntryError:
		return CodeUnknown
	case *desfire.TransportError:
		if e.Changed {
			return CodeUnknown
		}
		return CodeNoCard
	case *desfire.IntegrityError:
		if e.Changed {
			return CodeUnknown
		}
		return CodeNotAuthentic
	case *linkError, *desfire.NotDESFireError, *desfire.SessionLostError, *desfire.BrokenError, *perso.WrongCardError, *rekey.HeldError, *boltjournal.LockedError:
		return CodeNoCard
	case *desfire.WeakMethodError, *unlock.ContradictionError, *purse.BlockedError:
		return CodeNotAuthentic
	case *desfire.ProtectionError, *desfire.NoRightError, *desfire.FileSettingsError, *keystore.NotFoundError, *unlock.NoKeyError, *unlock.NeverError, *unlock.PlainError, *perso.KeyError:
		return CodeRight
	case *desfire.UnsupportedError, *key.OpaqueError, *purse.ConfigError, *purse.RequestError:
		return CodeImpossible
	case *desfire.ArgumentError, *keyring.FileError, *fs.PathError, *perso.LayoutError, *perso.StaleError, yaml.Errors, *yaml.Error, *sdm.FormatError, *purse.JournalError, *purse.FingerprintError, *boltjournal.FormatError, *boltjournal.DamagedError, *boltjournal.FailedError:
		return CodeInput
	case *unlock.MismatchError, *unlock.RefusedKeyError:
		return CodeAuth
	case *perso.NameError:
		return CodeUsage
	case *desfire.CommandError:
		return codeOfStatus(e.Status)
	}
	switch err {
	case errCancelled, context.Canceled:
		return CodeInterrupted
	case context.DeadlineExceeded:
		return CodeNoCard
	case sdm.ErrReplay:
		return CodeReplay
	case sdm.ErrMAC, sdm.ErrPICCData:
		return CodeNotAuthentic
	case keystore.ErrNoUID:
		return CodeRight
	case keystore.ErrLocked:
		return CodeAuth
	case keyring.ErrNotTrusted:
		return CodeInput
	}
	return ""
}

// codeOfStatus is what a refusal says.
func codeOfStatus(s wire.Status) string {
	switch s {
	case wire.StatusAuthenticationError:
		return CodeAuth
	case wire.StatusPermissionDenied, wire.StatusISOSecurityStatus:
		return CodeRight
	case wire.StatusIllegalCommand, wire.StatusISOInsNotSupported:
		return CodeImpossible
	}
	return CodeRefused
}
