package batch

import (
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
)

// Layouts says what the card of a row should be.
type Layouts interface {
	// Columns are those that Layout needs.
	Columns() []string
	// Layout is what the card of a row should be; nil is any row: what all cards have in
	// common, with contents that differ left out. It may be called from several goroutines.
	Layout(row map[string]string) (*perso.Layout, error)
	// Hash tells one version of a layout from another.
	Hash() string
}

// Config says how a batch of cards is made. Layouts and Book are required.
type Config struct {
	Layouts Layouts

	// Perso has the key stores and the journal of key changes. The stores are asked by several
	// goroutines, the journal by one at a time. Save and OnStep are not used: see OnRow
	// and Config.OnStep. Of a layout with what can never be undone, cards are made only if
	// Irreversible names all of it.
	Perso perso.Config

	// Table has the rows; nil: all cards are the same, and take no rows.
	Table *Table

	// Book is the file that remembers which card has which row. It is made if need be,
	// in a folder that is there. See Book.
	Book string

	// Results is the file that gets a line for each card: CSV if its name ends in
	// .csv, else JSON lines. It is made of the book, and written from its beginning
	// when a batch is opened. Empty: none.
	Results string

	// Rotate: cards are not made; their keys are changed. Table and Used are not used.
	Rotate *Rotation

	// Used takes cards that have applications of the layout already, and are not in the
	// book: what they hold is replaced. Without it they are left alone, since another
	// book may have given them a row. Where a column of the table names cards it makes no
	// difference.
	Used bool

	// NewLayout goes on with another layout than the book was begun with. Cards that are
	// done stay as they are.
	NewLayout bool

	// Releasing is the row that Release is to free: it is not compared with what it was
	// when a card got it.
	Releasing string

	// OnRow, if there is one, is told which row a card is to have, or has, before it is
	// bound or changed. An error leaves the card alone, as it is.
	OnRow func(Offer) error

	// OnStep, if there is one, is told each step before it begins. It is called from
	// the goroutine of the card.
	OnStep func(Step)

	// Program is what another one is told while the book is locked; empty: the running
	// one.
	Program string

	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Rotation changes the keys of cards, each card once. Perso.Want has the new keys, Perso.Have
// those that cards may hold now. Cards that hold none of them, or lack applications of the
// layout, are unfit, and so are those that the book says are not finished.
type Rotation struct {
	To byte // version, by which the book tells rotations apart
}

// Offer is a card that is about to be made or finished.
type Offer struct {
	UID    keystore.UID
	Proved bool // the card has told its identifier in a session with a secret key
	Reader string
	Row    string            // name; empty without a table
	Values map[string]string // of the row; nil without a table
	Begun  bool              // it has the row already: it is finished, or was failed
	Plan   *perso.Plan       // what is left to do
}

// Step is where the making of a card is.
type Step struct {
	UID    keystore.UID
	Reader string
	Row    string
	perso.Progress
}

// Outcome is what became of a presented card.
type Outcome string

// Outcomes.
const (
	Done      Outcome = "done"      // made, and verified
	Already   Outcome = "already"   // the book says that it is done, or it holds the keys of a rotation; it was left alone
	HalfDone  Outcome = "half done" // it has its row, and was lost on the way: present it again, to any reader
	Failed    Outcome = "failed"    // it has its row, and cannot be made what it should be, as it is
	Unfit     Outcome = "unfit"     // it cannot be made what it should be: it got no row, and was left alone
	NoRow     Outcome = "no row"    // no row is for it, or none is left; it was left alone
	Declined  Outcome = "declined"  // by OnRow; it was left alone
	Busy      Outcome = "busy"      // it says that it is the card on another reader; it was left alone
	Untouched Outcome = "untouched" // it was lost, or an error came, before it had a row
)

// Result is what became of a presented card.
type Result struct {
	UID      keystore.UID // empty if it is not known
	Proved   bool         // the card has told it in a session with a secret key
	Reader   string
	Row      string // name; empty if it has none
	Outcome  Outcome
	Reasons  []string     // why it is not done, or what of it could not be compared or proved
	Keys     []KeyVersion // that it was proved to hold
	Time     time.Time    // of the outcome
	Duration time.Duration
}

// Status is how far a batch is.
type Status struct {
	Rows   int // of the table; 0 without one
	Free   int // rows that no card has
	Bound  int // cards that are begun
	Made   int // cards that are done
	Failed int

	Here    int           // cards that were done since Open
	PerHour float64       // cards, of late; 0 if not known
	Left    time.Duration // for the free rows, at that rate; 0 if not known
}
