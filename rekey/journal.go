package rekey

import (
	"context"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Journal remembers key changes that have begun. Record returns once the entry
// is safe on disk. See FileJournal.
type Journal interface {
	Record(ctx context.Context, e Entry) error
}

// History is a journal that tells what it holds, the oldest entry first.
type History interface {
	Journal
	Entries(ctx context.Context) ([]Entry, error)
}

// Entry is one line of a journal. It never has key bytes.
type Entry struct {
	Time  time.Time      `json:"time"`
	Card  string         `json:"card"` // UID, hexadecimal
	App   wire.AID       `json:"app"`
	Name  string         `json:"name,omitempty"` // DF name, hexadecimal, where the application is known by it
	No    wire.KeyNo     `json:"key"`
	Set   wire.KeySetNo  `json:"set,omitempty"` // 0 is the active key set
	Old   keystore.Facts `json:"old"`
	New   keystore.Facts `json:"new"`
	State State          `json:"state"`
}

// State is what an entry says about its change.
type State string

// States. The last three are outcomes: Changed and Unchanged are written only
// when an authentication has proved the key.
const (
	Begun     State = "begun"
	Changed   State = "changed"
	Unchanged State = "unchanged"
	Unknown   State = "unknown"
)

// Known reports whether s is one of the states.
func (s State) Known() bool {
	return s == Begun || s == Changed || s == Unchanged || s == Unknown
}

// Open reports whether it is left to find out which key the card holds.
func (s State) Open() bool { return s == Begun || s == Unknown }

// SameKey reports whether two entries are about one key of one card: UID, AID,
// DF name, key set and number. An application that was named once by AID and
// once by DF name counts as two: an entry then stays open longer than need be. An
// entry that names no card is about none that could be found again.
func (e *Entry) SameKey(f *Entry) bool {
	return e.Card != "" && e.identity() == f.identity()
}

// identity is what SameKey compares.
type identity struct {
	card string
	app  wire.AID
	name string
	set  wire.KeySetNo
	no   wire.KeyNo
}

func (e *Entry) identity() identity { return identity{e.Card, e.App, e.Name, e.Set, e.No} }

// OpenEntries reports for each entry whether it is the last word about its key
// and says no outcome.
func OpenEntries(entries []Entry) []bool {
	open := make([]bool, len(entries))
	last := make(map[identity]int)
	for i := range entries {
		e := &entries[i]
		open[i] = e.State.Open()
		if before, ok := last[e.identity()]; ok {
			open[before] = false
		}
		if e.Card != "" {
			last[e.identity()] = i
		}
	}
	return open
}
