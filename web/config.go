package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/trace"
)

// Config says what the page shows and may do. The zero value has a simulated
// card and no reader.
type Config struct {
	// Source reports readers and cards; nil: there is none but the simulated one.
	Source desfire.Source
	// Place is the name of Source, for people.
	Place string

	// Keys are those that the page works with; nil: none. They stay in the process.
	Keys keystore.Store
	// KeyNames lists them for people; nil: they are not listed.
	KeyNames func(context.Context) ([]KeyName, error)
	// TraceKeys are keys to open what passed between reader and card with; nil: none.
	// uid may be empty. They stay in the process.
	TraceKeys func(ctx context.Context, uid []byte) []trace.Key

	// Journal is what purses remember; nil: purse.Memory. Those on the simulated card have a
	// Memory of their own, so that nothing that was played is in it.
	Journal purse.Journal
	// Purse is the purse that Journal is of, for its value file; keys and journal are those of
	// this Config. nil: each value file is used as the card tells it, against accidents.
	Purse *purse.Config
	// KeyJournal remembers changes of keys; nil: keys are not changed.
	KeyJournal rekey.Journal

	// Play is the reader with the simulated card, the last of the readers; nil: New
	// makes one.
	Play *play.Bench

	// Layouts are offered by name; nil: those of examples/layouts.
	Layouts []LayoutFile

	// Fleet is shown in a view of its own, the first; nil: there is none. One that is a
	// fleet.Operator as well can be run from there.
	Fleet fleet.View
	// OnDemand leaves cards alone until somebody looks at one of them: others use them, or
	// there are many.
	OnDemand bool

	// Remote lets other computers in; nil: this one only, whatever address the
	// program listens at.
	Remote *Remote

	Logger *slog.Logger     // nil is silent
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
}

// KeyName is what people see of a key.
type KeyName struct {
	Name   string
	Type   key.Type
	Facts  keystore.Facts
	Source string // where it is kept, for people
}

// Words are what people see of a key beside its name.
func (k KeyName) Words() string {
	s := cmp.Or(k.Facts.Type, "type not known")
	switch {
	case !k.Facts.NoVersion:
		s += fmt.Sprintf(", version %02X", k.Facts.Version)
	case k.Facts.Type != "":
		s += ", version not stated"
	}
	return s
}

// LayoutFile is a layout as people write it.
type LayoutFile struct {
	Name string // for people
	Text []byte
	Row  map[string]string // an example of what fills its columns; may be nil
}
