package perso_test

import (
	"slices"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// A card that was read is compared with what it was made of as Verify does, and with
// what it was not made of.
func TestCompare(t *testing.T) {
	for _, g := range wire.Generations {
		layout := rich(g)
		conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Irreversible: perso.Irreversible()}
		picc := newPICC(t, g)
		apply(t, picc, layout, conf)
		card := readAll(t, picc, conf.Want)
		differences := func(c *inspect.Card, l *perso.Layout) (list []string) {
			t.Helper()
			all, err := perso.Compare(c, l)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range all {
				if d.Unproven == "" {
					list = append(list, d.String())
				}
			}
			return list
		}
		fromCard, _ := perso.FromCard(card)
		for _, l := range []*perso.Layout{layout, fromCard} {
			if list := differences(card, l); len(list) > 0 {
				t.Errorf("%v: %q", g, list)
			}
		}
		// One difference each.
		change := func(what string, f func(l *perso.Layout)) {
			t.Helper()
			l, _ := perso.FromCard(card)
			f(l)
			if list := differences(card, l); len(list) != 1 {
				t.Errorf("%v: %s: %q", g, what, list)
			}
		}
		last := len(fromCard.Applications) - 1
		withData := func(l *perso.Layout) *perso.File {
			for i := range l.Applications {
				for j := range l.Applications[i].Files {
					if f := &l.Applications[i].Files[j]; len(f.Data) > 0 {
						return f
					}
				}
			}
			return nil
		}
		change("content", func(l *perso.Layout) { withData(l).Data[0] ^= 1 })
		change("rights", func(l *perso.Layout) { f := withData(l); f.Settings.Access.Read ^= 1 })
		change("key version", func(l *perso.Layout) { *l.Applications[0].Keys[0].Version ^= 1 })
		change("generation", func(l *perso.Layout) { l.Generations = []wire.Generation{(g + 1) % 5} })
		if g.FixedName() != nil {
			continue
		}
		change("application that is missing", func(l *perso.Layout) {
			l.Applications = append(l.Applications, perso.Application{Place: wire.Place{AID: 0xABCDEF}, KeyCount: 1})
		})
		change("application besides", func(l *perso.Layout) { l.Applications = slices.Delete(l.Applications, last, last+1) })
		change("file besides", func(l *perso.Layout) { l.Applications[last].Files = l.Applications[last].Files[1:] })
		change("settings of the card", func(l *perso.Layout) { *l.Card.KeySettings ^= 2 })

		// What was not read is no difference.
		all, err := perso.Compare(&inspect.Card{Generation: g}, layout)
		if err != nil || len(all) == 0 || perso.Differs(all) {
			t.Errorf("%v, of which nothing was read: %v %v", g, all, err)
		}
	}
}
