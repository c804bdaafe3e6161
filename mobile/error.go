package mobile

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
)

// Codes of a Failure: the names that the desfire tool has for its exit codes.
const (
	CodeRefused      = string(failure.Refused)      // the card refused
	CodeUsage        = string(failure.Usage)        // the app asked for what makes no sense
	CodeNoCard       = string(failure.NoCard)       // the card left, is another one, or is in use
	CodeAuth         = string(failure.Auth)         // the authentication failed
	CodeRight        = string(failure.Right)        // a right or a key is missing
	CodeNotAuthentic = string(failure.NotAuthentic) // not authentic, or a verification failed
	CodeUnknown      = string(failure.Unknown)      // it may have happened, or in part
	CodeImpossible   = string(failure.NotPossible)  // not possible with this card
	CodeInput        = string(failure.Input)        // an input or a file is bad
	CodeDiffers      = string(failure.Differs)      // what was compared differs
	CodeReplay       = string(failure.Replay)       // genuine, but seen before
	CodeInterrupted  = string(failure.Interrupted)  // Cancel
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
	f.Detail, _ = encode(detail) // empty if it cannot be written
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

// prefixes are the names of packages that people need not read.
var prefixes = failure.NewPrefixes()

func explain(err error) *Failure {
	f := &Failure{Code: codeIn(err), Happened: HappenedNo, Lost: desfire.Lost(err)}
	f.What = visible.Text(keystore.Hide(prefixes.Line(err.Error())))
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

// codeIn is the code of an error.
func codeIn(err error) string {
	return string(cmp.Or(failure.Worst(failure.In(err, ownCode)...), failure.Refused))
}

// ownCode is what an error of this package says.
func ownCode(err error) (code failure.Code, all bool) {
	switch e := err.(type) {
	case *jobError: // it was said already what it means
		return failure.Code(e.Code), true
	case *linkError:
		return failure.NoCard, false
	}
	if err == errCancelled || err == context.Canceled {
		return failure.Interrupted, false
	}
	return failure.None, false
}
