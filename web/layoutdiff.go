package web

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/wire"
)

// diffRow is a line of the difference between a card and a layout.
type diffRow struct {
	Class   string // add, chg, del, bad, held or empty: as it should be
	Indent  int    // 0 to 2
	Word    string // what Class says, for who does not see it
	Text    string
	Is, To  string // of a change
	Note    string
	Address string // where the layout says so
}

// diffCount counts a difference.
type diffCount struct{ Made, Changed, Deleted, Impossible, Held int }

var diffWords = map[string]string{"add": "made", "chg": "changed", "del": "deleted", "bad": "impossible", "held": "left out"}

// spot is a place, or a file or key in it.
type spot struct {
	place     wire.Place
	file, key int // -1: none
}

func spotOf(w perso.Where) spot {
	s := spot{w.Place, -1, -1}
	if w.File != nil {
		s.file = int(*w.File)
	}
	if w.Key != nil {
		s.key = int(*w.Key)
	}
	return s
}

// atSpot is what a plan and a comparison say of one spot.
type atSpot struct {
	steps             []perso.Step
	keep, extra       []perso.Note
	impossible, held  []perso.Note
	diffs             []perso.Difference
	created, deleted  bool
	changes, contents []perso.Step
}

// differ writes a difference line by line.
type differ struct {
	doc   *yaml.Document
	spots map[spot]*atSpot
	seen  map[spot]bool
	order []spot // of what a plan says, for what the layout does not name
	rows  []diffRow
	count diffCount
}

// diffOf says in what a card differs from a layout, by the plan for it and by what was
// read of the card before.
func diffOf(doc *yaml.Document, plan *perso.Plan, diffs []perso.Difference) ([]diffRow, diffCount) {
	d := &differ{doc: doc, spots: map[spot]*atSpot{}, seen: map[spot]bool{}}
	for _, s := range plan.Steps {
		a := d.at(spotOf(s.Where))
		a.steps = append(a.steps, s)
		switch s.Kind {
		case perso.CreateApplication, perso.CreateFile:
			a.created = true
			d.count.Made++
		case perso.DeleteApplication, perso.DeleteFile:
			a.deleted = true
			d.count.Deleted++
		case perso.WriteData, perso.SetValue, perso.WriteRecords:
			a.contents = append(a.contents, s)
		default:
			a.changes = append(a.changes, s)
		}
	}
	each := func(notes []perso.Note, to func(*atSpot) *[]perso.Note) {
		for _, n := range notes {
			list := to(d.at(spotOf(n.Where)))
			*list = append(*list, n)
		}
	}
	each(plan.Keep, func(a *atSpot) *[]perso.Note { return &a.keep })
	each(plan.Extra, func(a *atSpot) *[]perso.Note { return &a.extra })
	each(plan.Impossible, func(a *atSpot) *[]perso.Note { return &a.impossible })
	each(plan.Held, func(a *atSpot) *[]perso.Note { return &a.held })
	d.count.Impossible, d.count.Held = len(plan.Impossible), len(plan.Held)
	for _, x := range diffs {
		if a := d.at(spotOf(x.Where)); x.Unproven == "" {
			a.diffs = append(a.diffs, x)
		}
	}
	d.all()
	return d.rows, d.count
}

func (d *differ) at(s spot) *atSpot {
	a := d.spots[s]
	if a == nil {
		a = &atSpot{}
		d.spots[s] = a
		d.order = append(d.order, s)
	}
	return a
}

func (d *differ) all() {
	o := d.doc.Overview()
	card := spot{wire.Place{}, -1, -1}
	d.head(card, 0, "The card", strings.Join(o.Generations, ", "))
	d.key(spot{wire.Place{}, -1, 0}, 1, "PICC master key", o.Master)
	for i := range o.Applications {
		d.application(&o.Applications[i])
	}
	for _, s := range d.order { // what the layout does not name
		if !d.seen[s] {
			w := perso.Where{Place: s.place}
			if s.file >= 0 {
				no := wire.FileNo(s.file)
				w.File = &no
			}
			if s.key >= 0 {
				no := wire.KeyNo(s.key)
				w.Key = &no
			}
			indent := 0
			if s.file >= 0 || s.key >= 0 {
				indent = 1
			}
			d.head(s, indent, upper(w.String()), "")
		}
	}
}

func (d *differ) application(o *yaml.OverviewApp) {
	here := spot{o.Application, -1, -1}
	new := d.spots[here] != nil && d.spots[here].created
	keys := fmt.Sprintf("%d %s keys", len(o.Keys), strings.ToUpper(o.KeyType))
	if len(o.Keys) == 1 {
		keys = "1 " + strings.ToUpper(o.KeyType) + " key"
	}
	d.head(here, 0, strings.TrimSpace(o.Application.String()+" "+o.Name), keys)
	for _, k := range o.Keys {
		id, err := keystore.ParseID(k.Key)
		if err != nil {
			continue
		}
		if set, no, ok := id.Number(); ok && set == 0 {
			d.keyOf(spot{o.Application, -1, int(no)}, fmt.Sprintf("key %d", no), k.Name, new)
		}
	}
	for i := range o.Files {
		d.file(o.Application, &o.Files[i])
	}
	for _, s := range d.order { // further keys and files of the place
		if s.place == o.Application && !d.seen[s] && (s.key >= 0 || s.file >= 0) {
			text := fmt.Sprintf("key %d", s.key)
			if s.file >= 0 {
				text = fmt.Sprintf("file %d", s.file)
			}
			d.head(s, 1, text, "")
		}
	}
}

func (d *differ) keyOf(s spot, text, name string, new bool) {
	d.key(s, 1, text, name)
	if last := &d.rows[len(d.rows)-1]; new && last.Class == "chg" {
		last.Class, last.Word = "add", diffWords["add"]
		last.Note = strings.TrimPrefix(last.Note, "changed to ")
		d.count.Changed--
	}
}

// key is one line, of a key.
func (d *differ) key(s spot, indent int, text, name string) {
	a := d.at(s)
	d.seen[s] = true
	row := diffRow{Indent: indent, Text: strings.TrimSpace(text + " " + name)}
	for _, n := range a.keep {
		row.Note = n.Text
	}
	for _, x := range a.changes {
		row.Class = "chg"
		d.count.Changed++
		if _, to, ok := strings.Cut(x.Words, " to "); ok {
			row.Note = "changed to " + to
		}
	}
	for _, x := range a.diffs {
		if row.Class == "chg" {
			row.Text, row.Is, row.To, row.Note = row.Text+", "+x.What, x.Is, x.Want, ""
		}
	}
	d.add(s, row)
	d.notes(a, indent+1)
}

func (d *differ) file(p wire.Place, o *yaml.OverviewFile) {
	s := spot{p, int(o.No), -1}
	text := fmt.Sprintf("file %d", o.No)
	if o.Name != "" {
		text += " " + o.Name
	}
	about := o.Type + ", " + o.Size
	if o.Mode != "" {
		about += ", mode " + strings.ToLower(o.Mode)
	}
	new := d.spots[s] != nil && d.spots[s].created
	d.head(s, 1, text, about)
	if !new {
		return
	}
	var rights []string
	for _, x := range o.Rights {
		rights = append(rights, x.Act+" "+strings.ReplaceAll(x.Who, ", ", " or "))
	}
	if len(rights) > 0 {
		d.rows = append(d.rows, diffRow{Class: "add", Word: diffWords["add"], Indent: 2, Text: strings.Join(rights, "; ")})
	}
}

// head is the line of a spot, and below it what else is said of it.
func (d *differ) head(s spot, indent int, text, note string) {
	a := d.at(s)
	if d.seen[s] {
		return
	}
	d.seen[s] = true
	row := diffRow{Indent: indent, Text: text, Note: note}
	switch {
	case a.deleted:
		row.Class, row.Note = "del", "deleted"
		for _, x := range a.steps {
			if x.Replaces {
				row.Note = "deleted, with what it holds"
			}
		}
	case a.created:
		row.Class = "add"
	case len(a.extra) > 0:
		row.Note = "not in the layout: left as it is"
	}
	d.add(s, row)
	if a.deleted {
		return
	}
	if !a.created {
		for _, x := range a.diffs {
			if x.What != "application" && x.What != "file" && !d.impossible(a, x) {
				d.rows = append(d.rows, diffRow{Class: "chg", Word: diffWords["chg"], Indent: indent + 1, Text: x.What, Is: asText(x.Is), To: asText(x.Want)})
			}
		}
	}
	class := "chg"
	if a.created {
		class = "add"
	}
	for _, list := range [][]perso.Step{a.changes, a.contents} {
		for _, x := range list {
			if class == "chg" {
				d.count.Changed++
				if len(a.diffs) > 0 && (x.Kind == perso.ChangeFileSettings || x.Kind == perso.ChangeKeySettings || x.Kind == perso.WriteData) {
					continue // the lines above say it
				}
			}
			d.rows = append(d.rows, diffRow{Class: class, Word: diffWords[class], Indent: indent + 1, Text: x.Words})
		}
	}
	d.notes(a, indent+1)
}

// impossible reports whether a difference is one that stays.
func (d *differ) impossible(a *atSpot, x perso.Difference) bool {
	return len(a.impossible) > 0 && len(a.changes) == 0
}

// notes are what stays as it is though the layout says otherwise.
func (d *differ) notes(a *atSpot, indent int) {
	for _, n := range a.impossible {
		d.rows = append(d.rows, diffRow{Class: "bad", Word: diffWords["bad"], Indent: indent, Text: n.Text})
	}
	for _, n := range a.held {
		d.rows = append(d.rows, diffRow{Class: "held", Word: diffWords["held"], Indent: indent, Text: n.Name, Note: n.Text})
	}
}

func (d *differ) add(s spot, row diffRow) {
	row.Word = diffWords[row.Class]
	w := perso.Where{Place: s.place}
	if s.file >= 0 {
		no := wire.FileNo(s.file)
		w.File = &no
	}
	if line, column := d.doc.Position(w); line > 0 {
		row.Address = fmt.Sprintf("%d:%d", line, column)
	}
	d.rows = append(d.rows, row)
}

// asText is a value as a comparison has it: bytes that are text, as text.
func asText(s string) string {
	b := uidOf(s)
	if len(s) < 4 || len(b) == 0 {
		return s
	}
	text := strings.TrimRight(string(b), "\x00")
	for _, c := range text {
		if c < ' ' || c > '~' {
			return s
		}
	}
	if text == "" {
		return s
	}
	return text + " (" + s + ")"
}
