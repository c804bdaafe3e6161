package perso

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

// Memory is what a layout takes of a card that has nothing on it, in bytes. What
// things cost was measured on EV2 cards; others may differ by a few blocks of 32
// bytes.
type Memory struct {
	Total        int
	Applications []AppMemory // in the order of the layout
}

// AppMemory is what an application takes, with all its files.
type AppMemory struct {
	Place wire.Place
	Bytes int
	// Given is set for a delegated application: Bytes is its quota, which its files
	// must fit in, and Needs what they and it take.
	Given bool
	Needs int
}

// Memory says what the layout takes on cards of a generation. On DESFire Light and
// NTAG 424 DNA everything is there from the factory, and nothing is given out.
func (l *Layout) Memory(g wire.Generation) Memory {
	var m Memory
	if g.FixedName() != nil {
		return m
	}
	for i := range l.Applications {
		a := &l.Applications[i]
		app := AppMemory{Place: a.Place, Bytes: a.cost()}
		for j := range a.Files {
			app.Bytes += a.Files[j].cost()
		}
		if app.Needs = app.Bytes; a.Delegated != nil {
			app.Given, app.Bytes = true, int(a.Delegated.Quota)*blocks.Size
		}
		m.Total += app.Bytes
		m.Applications = append(m.Applications, app)
	}
	return m
}

// CardSize is a memory that cards of a generation are sold with.
type CardSize struct {
	Name  string // 2K, as in their names
	Bytes int    // that applications and files may take; of D40 the nominal size
}

// CardSizes are the sizes of a generation, the smallest first; none for DESFire Light
// and NTAG 424 DNA, which give out none. The numbers of EV1 and later are those of an
// empty card (AN12752).
func CardSizes(g wire.Generation) []CardSize {
	switch g {
	case wire.D40:
		return []CardSize{{"4K", 4096}}
	case wire.EV1:
		return []CardSize{{"2K", 2304}, {"4K", 4864}, {"8K", 7936}}
	case wire.EV2:
		return []CardSize{{"2K", 2560}, {"4K", 5120}, {"8K", 8192}, {"16K", 16384}, {"32K", 32768}}
	case wire.EV3:
		return []CardSize{{"2K", 2560}, {"4K", 5120}, {"8K", 8192}, {"16K", 16384}}
	}
	return nil
}

// Fits is the smallest card of a generation that has room for the layout; ok is false
// if none has. Where a generation gives out no memory every layout fits, and the size
// has no name.
func (m Memory) Fits(g wire.Generation) (size CardSize, ok bool) {
	sizes := CardSizes(g)
	if len(sizes) == 0 {
		return CardSize{}, true
	}
	i := slices.IndexFunc(sizes, func(s CardSize) bool { return m.Total <= s.Bytes })
	if i < 0 {
		return CardSize{}, false
	}
	return sizes[i], true
}

// Words says it in a sentence, for a generation.
func (m Memory) Words(g wire.Generation) string {
	if g.FixedName() != nil {
		return fmt.Sprintf("%v: everything is there from the factory", g)
	}
	if size, ok := m.Fits(g); ok {
		return fmt.Sprintf("%v: about %s, fits %s and larger", g, plural(m.Total, "byte"), size.Name)
	}
	return fmt.Sprintf("%v: about %s, fits no card", g, plural(m.Total, "byte"))
}

// cost is what an application takes without its files, in bytes.
func (a *Application) cost() int {
	keys := a.KeyCount
	if a.KeySets != nil {
		keys *= int(a.KeySets.NoKeySets)
	}
	return int(blocks.Application(keys, a.ISOID != 0))
}

// cost is what a file takes, in bytes.
func (f *File) cost() int {
	s := &f.Settings
	return int(blocks.File(s.Type, int64(s.Size), int64(s.RecordSize), int64(s.MaxRecords)))
}
