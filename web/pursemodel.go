package web

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// purseView is the view of a purse.
type purseView struct {
	Reader, ReaderAsked, EntryAsked string

	UID   string // of the card here, empty if there is none or it is not known
	Error error  // of what was asked for last

	Busy *jobView // somebody else's work with this card

	// Empty says that there is nothing to show of a card, and what to do.
	Empty, EmptyDo string

	Files   []fileChoice // several value files
	File    string       // the one that is shown
	Title   string
	About   string
	Reading bool          // the value is being read
	Problem *purseProblem // why it was not

	Values    *purseValues
	Can       []changeKind // what may be done now
	Why       string       // why nothing may
	Terms     *termsView
	Certainty []string

	RequestID string // for a new change
	Turn      string // names its form: what is typed into it stays while it is the same
	Job       *jobView

	ledger *ledger
	Of     string // word of that journal
	Both   bool   // there are two

	List   *ledgerPage
	Pick   ledgerPick
	Entry  *entryView
	Away   []awayEntry // open, on cards that are not here
	Digits string      // of the card, to confirm

	Blocked *blockedView // the card here
}

// fileChoice is one of several value files.
type fileChoice struct {
	Name, Words string
	Shown       bool
}

// purseProblem is why a value could not be read: what, and what to do.
type purseProblem struct {
	Title, Do string
	Facts     [][2]string
	Again     bool // another try may help
}

// purseValues are the numbers of a purse.
type purseValues struct {
	Known     bool  // the value was read
	Settled   int32 // before what is open, else as it was read
	Doubt     int64 // by what is open
	Now       int32 // as it was read
	Lower     int32
	Upper     int32
	Limited   string
	Gauge     *gauge
	Protected string // how it was read
	Sum       bool   // Settled and Now fit with what is open
}

// changeKind is a change that a person may make.
type changeKind struct {
	Word, Name string // of the form, and on the button
}

// awayEntry is an open entry whose card is not here.
type awayEntry struct {
	ID, Number, UID string
	Words           string
}

// blockedView is a card from which nothing is taken.
type blockedView struct {
	UID, App, Why string
}

// valuesOf are the numbers of a value file: as a look read them, or as the card's
// settings tell them.
func valuesOf(f *foundFile, look *purse.View) *purseValues {
	fs := f.File.Settings
	v := &purseValues{Lower: fs.Lower, Upper: fs.Upper, Limited: "off"}
	if fs.Flags.Has(wire.ValueLimitedCredit) {
		v.Limited = "on, nothing to give back"
		if fs.LimitedCredit > 0 {
			v.Limited = fmt.Sprintf("up to %s", grouped(fs.LimitedCredit))
		}
	}
	if look == nil {
		return v
	}
	for _, x := range look.Values {
		if x.File != f.No {
			continue
		}
		v.Known, v.Settled, v.Now = true, x.Value, x.Value
		v.Protected = "Read in a session"
		if x.Source == purse.FromClear {
			v.Protected = "Told in clear: anybody could have said it"
		}
		if e := look.Open; e != nil {
			v.open(e, x)
		}
		v.Gauge = gaugeOf(fs.Lower, fs.Upper, int64(v.Settled), v.Doubt)
		if v.Doubt != 0 && !v.Sum {
			v.Gauge = gaugeOf(fs.Lower, fs.Upper, int64(v.Now), 0)
		}
	}
	return v
}

// open puts an entry that is open into the numbers.
func (v *purseValues) open(e *purse.Entry, now purse.ValueBefore) {
	for _, b := range e.Values {
		if b.File != now.File {
			continue
		}
		v.Settled, v.Doubt = b.Value, e.Signed(b.File)
		v.Sum = now.Value == b.Value || int64(now.Value) == int64(b.Value)+v.Doubt
	}
}

// problemOf puts an error of a look into words.
func problemOf(f *foundFile, err error) *purseProblem {
	p := &purseProblem{Title: "The value could not be read", Do: err.Error(), Again: true}
	var none *unlock.NoKeyError
	var other *unlock.MismatchError
	var plain *unlock.PlainError
	var refused *unlock.RefusedKeyError
	switch {
	case errors.As(err, &none), errors.As(err, &plain), errors.Is(err, keystore.ErrNotFound):
		who := ""
		if g, ok := inspect.RightsOf(f.File.Settings).Of(inspect.ActGetValue); ok {
			who = g.Who()
		}
		p.Title, p.Do = fmt.Sprintf("%s asks for a key that is not here", f.Words()), "The keyring of this process has none of the keys that read the value. Its settings can be seen, its value cannot. Start the page with a keyring that has one: desfire web --keys FILE."
		p.Facts = [][2]string{{"Wanted", who + " of " + f.Place.Words()}}
	case errors.As(err, &other):
		p.Title = "The key here is not the key of this card"
		p.Facts = [][2]string{{"Why", err.Error()}}
		p.Do = "Nothing was tried, so that no failed attempt is counted. Start the page with the key that the card has."
	case errors.As(err, &refused):
		p.Title, p.Do = "The card refused the key", err.Error()+". It was not tried again: some cards count failures."
	case errors.As(err, new(*desfire.IntegrityError)):
		p.Title, p.Do = "The answer cannot be trusted", err.Error()+". The value it carries is not shown and not used. Read again in a new session."
	case desfire.Lost(err):
		p.Title, p.Do = "The card left while it was read", "Lay it on the reader again: it is read by itself."
	case errors.As(err, new(*purse.ConfigError)):
		p.Title, p.Do, p.Again = "This file is no purse", err.Error(), false
	}
	return p
}

// signedNumber is a number with its sign, of a movement.
func signedNumber(n int64) string {
	if n < 0 {
		return "− " + grouped(-n)
	}
	return "+ " + grouped(n)
}

// Shows reports whether an entry is the one that is opened.
func (v *purseView) Shows(id purse.ID) bool { return v.Entry != nil && v.Entry.Entry.ID == id }

// Next is the number of the page n pages on.
func (v *purseView) Next(n int) int { return min(max(v.List.Page+n, 1), v.List.Pages) }

// Short is the ID of an entry with its middle left out.
func (v *entryView) Short() string {
	s := strings.ToUpper(v.Entry.ID.String())
	if len(s) != 32 {
		return s
	}
	return s[:12] + " … " + v.Number
}

// Digits are what a person types to confirm something about the card.
func (v *entryView) Digits() string { return digitsOf(v.Entry.UID) }

// Number is that of the ID.
func (r ledgerRow) Number() string { return entryNo(r.ID) }

// Happened reports whether that is the decision.
func (r ledgerRow) Happened() bool { return r.Decision == purse.Happened }

// ledgers says which journal is shown.
func (v *purseView) says(x *ledgers) {
	v.Both, v.Of = x.cards != x.play, "cards"
	if v.ledger == x.play && v.Both {
		v.Of = "play"
	}
}
