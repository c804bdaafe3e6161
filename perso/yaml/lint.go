package yaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// Finding is something about a layout that whoever wrote it should know.
type Finding struct {
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// Severity says how much a Finding matters.
type Severity string

// Severities.
const (
	SeverityError   Severity = "error"   // cards cannot become so, or are lost
	SeverityWarning Severity = "warning" // weaker, or less, than most would want
	SeverityNote    Severity = "note"    // what follows from the layout and may surprise
)

// Lint says what about the layout is wrong, weak or surprising, in the order of its
// lines. No card is needed.
func (d *Document) Lint() []Finding {
	l := &linter{Document: d}
	l.generations()
	l.level()
	l.keyDefs()
	l.sameKeys()
	for i := range d.apps {
		l.application(i)
	}
	l.randomUID()
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(l.found)
}

type linter struct {
	*Document
	found []Finding
}

func (l *linter) add(at yamlnode.Position, s Severity, format string, args ...any) {
	l.found = append(l.found, Finding{at.Line, at.Column, s, fmt.Sprintf(format, args...)})
}

// generations says what they lack, and what memory the layout takes.
func (l *linter) generations() {
	for _, g := range l.layout.Generations {
		for _, n := range l.layout.Lacks(g) {
			l.add(l.position(n.Where), SeverityError, "%v: %s", n.Where, n.Text)
		}
		m := l.layout.Memory(g)
		severity := SeverityNote
		if _, ok := m.Fits(g); !ok {
			severity = SeverityError
		}
		l.add(l.card.at, severity, "memory of %s", m.Words(g))
		for i, a := range m.Applications {
			if a.Given && a.Needs > a.Bytes {
				l.add(l.apps[i].at, SeverityError, "%s takes about %d bytes, and its quota is %d", l.appWords(i), a.Needs, a.Bytes)
			}
		}
	}
}

// Position is where the layout says what w is about, for what a plan or a comparison
// says of it: line and column, from 1.
func (d *Document) Position(w perso.Where) (line, column int) {
	p := d.position(w)
	return p.Line, p.Column
}

// position is where the layout says what w is about.
func (d *Document) position(w perso.Where) yamlnode.Position {
	for i := range d.layout.Applications {
		a := &d.layout.Applications[i]
		if a.Place != w.Place {
			continue
		}
		for j := range a.Files {
			if w.File != nil && a.Files[j].No == *w.File {
				return d.apps[i].files[j].at
			}
		}
		return d.apps[i].at
	}
	return d.card.at
}

// appWords names an application.
func (d *Document) appWords(i int) string {
	a := &d.layout.Applications[i]
	if a.Label != "" {
		return a.Label
	}
	return a.Place.Words()
}

// level judges the card itself.
func (l *linter) level() {
	c := l.layout.Card
	if l.applies() && (c == nil || l.card.master == nil) {
		l.add(l.card.at, SeverityWarning, "no PICC master key is named: it stays as it is, zeros on a new card, and whoever holds the card may delete everything")
	}
	if c == nil {
		return
	}
	if s := c.KeySettings; s != nil {
		l.settings(l.card.members["settings"], l.card.at, *s, true, "the card")
		if s.Has(wire.SettFreeCreate) {
			l.add(l.card.at, SeverityWarning, "everybody may create applications, and fill the card with them")
		}
	}
	for _, g := range l.layout.Generations {
		if names := perso.Unnamed(c.Options, g); len(names) > 0 {
			l.add(l.card.at, SeverityError, "%s cards take some switches together and tell none of them: say in options what %s shall be, true or false", lower(g), strings.Join(names, ", "))
		}
	}
	for _, o := range c.Options {
		at := l.card.options[o.Name]
		if o.Setting != nil {
			if risk := perso.OptionRisk(o.Setting); risk != "" {
				l.add(at, SeverityWarning, "%s: %s", o.Name, risk)
			}
		}
		if o.Name == "no-format" {
			l.add(at, SeverityWarning, "no-format: the memory of files and applications that are deleted never comes back, and a mistake on the card stays for ever")
		}
	}
}

// applies reports whether cards have keys and settings of their own level.
func (l *linter) applies() bool {
	return slices.ContainsFunc(l.layout.Generations, func(g wire.Generation) bool { return g.FixedName() == nil })
}

func (l *linter) settings(n *node, otherwise yamlnode.Position, s wire.KeySett1, ofCard bool, what string) {
	at := otherwise
	if n != nil {
		at = n.Position
	}
	for _, r := range inspect.RulesOf(s, ofCard) {
		if r.Forever {
			l.add(at, SeverityWarning, "of %s, %s %s: that cannot be undone", what, r.What, r.Rule)
		}
	}
}

// application judges one with its files.
func (l *linter) application(i int) {
	a, x := l.apps[i], &l.layout.Applications[i]
	what := l.appWords(i)
	if s := x.KeySettings; s != nil {
		l.settings(a.members["settings"], a.at, *s, false, what)
		if s.Has(wire.SettFreeCreate) {
			l.add(a.at, SeverityWarning, "everybody may create and delete files of %s", what)
		}
		switch s.ChangeKey() {
		case wire.Free:
			l.add(a.at, SeverityNote, "each key of %s changes itself: whoever has one, in a reader, can lock the others out of it", what)
		case wire.Never:
			l.add(a.at, SeverityWarning, "no key of %s but its master key can ever be changed", what)
		}
	}
	for no := range x.KeyCount {
		if a.name(wire.KeyNo(no)) == "" {
			l.add(a.at, SeverityWarning, "key %d of %s has no name: it stays as new applications have it, zeros or the default key, which others may know", no, what)
		}
	}
	for j := range a.files {
		l.file(i, j)
	}
}
