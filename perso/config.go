package perso

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
)

// Config says how a card is made. The zero value, and nil, leave all keys as
// they are.
type Config struct {
	// Have has the keys that cards hold now. The keys of a new application and
	// the PICC master key of a new card are known without it where they are zero.
	Have keystore.Store
	// Want has the keys that cards shall hold, and those of transaction MAC files
	// (keystore.RoleTransactionMAC). Keys that it lacks stay.
	Want keystore.Store

	// Journal gets an entry for each key before it is changed. It is required
	// where keys are. What a rekey.History holds of changes whose outcome is not
	// known is settled first.
	Journal rekey.Journal

	// Values restores values and records as well: what they stand for, money or
	// entries, would exist twice. Without it new value files begin with 0, or
	// the limit that is next to it, new record files empty, and those that are
	// there are left alone and not compared.
	Values bool

	// Budget is how many authentications with a key of the card may fail while
	// it is found out which one it holds, where its version does not tell; 0
	// means 2, enough to tell an old key from a new one.
	Budget int

	// ReaderID is what CommitReaderID names this reader by, in applications whose
	// transactions need it.
	ReaderID [16]byte

	// Prune deletes applications and files that are on the card and not in the layout.
	// Value files that hold something, or do not tell what, only if Irreversible names
	// them. Their memory comes back with FormatPICC only.
	Prune bool

	// Irreversible names what can never be undone and may be done all the same: names
	// of the function Irreversible, and files or applications whose value may be lost
	// (F48121/2). What it does not name is in Plan.Held, and the rest is done without.
	// Another name is a *NameError.
	Irreversible []string

	// Save, if there is one, saves a plan again that is in a file: before its first step,
	// as begun, so that it can be gone on with if this program ends in the middle, and
	// after its last, as done, so that nobody does it twice. After an error before the
	// first step nothing is done.
	Save func(*Plan) error

	// Rotate changes keys and nothing else, and Verify then compares nothing else but
	// key settings: files, settings and options stay. An application with key sets gets its new keys
	// all at once: one of its sets is loaded with them and becomes the active one.
	Rotate bool

	// OnStep, if there is one, is told each step before it begins.
	OnStep func(Progress)
}

// Progress is where Apply is.
type Progress struct {
	Step Step
	N    int // of this step, from 1
	Of   int
}

// WrongCardError means that the card is not the one that the plan was made for,
// or that it changed in between.
type WrongCardError struct {
	Want, Is string // identifiers, hexadecimal; equal if the card was changed
	Reason   string
}

func (e *WrongCardError) Error() string {
	if e.Want != e.Is {
		return fmt.Sprintf("perso: the plan was made for card %s, this is card %s", e.Want, e.Is)
	}
	return fmt.Sprintf("perso: the plan does not hold any more: %s; make a new one", e.Reason)
}

// StepError is a step that failed. Apply can be repeated.
type StepError struct {
	Step  Step
	N, Of int
	Err   error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("perso: step %d of %d, %s: %v", e.N, e.Of, e.Step.Words, e.Err)
}

// Unwrap returns what went wrong.
func (e *StepError) Unwrap() error { return e.Err }

// KeyError means that no key for something is at hand.
type KeyError struct {
	Where  Where
	Reason string
	Err    error // may be nil
}

func (e *KeyError) Error() string {
	s := fmt.Sprintf("perso: %v: %s", e.Where, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns why.
func (e *KeyError) Unwrap() error { return e.Err }

func isKeyError(err error) bool { return errors.As(err, new(*KeyError)) }

var errNoJournal = errors.New("perso: keys are to be changed, and there is no journal: without one a card that is lost in the middle leaves nobody knowing which key it holds")

var errNoLayout = errors.New("perso: this plan was not made by NewPlan: make one of its layout, or give a saved one its layout with Bind")

func hexText(uid []byte) string { return fmt.Sprintf("%X", uid) }
