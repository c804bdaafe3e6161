package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-desfire/desfire/examples/layouts"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso/yaml"
)

// plans are the layouts that the page has, and what was planned with them.
type plans struct {
	mu      sync.Mutex
	offered []*layoutDoc
	given   []*layoutDoc // by people, the oldest first
	made    map[string]*madePlan
	jobs    map[string]string // the last job with a layout, by reader
	played  playedKeys
}

func newPlans(offered []LayoutFile) *plans {
	p := &plans{made: map[string]*madePlan{}, jobs: map[string]string{}}
	if offered == nil {
		offered = exampleLayouts()
	}
	for _, f := range offered {
		p.offered = append(p.offered, readLayout(f.Name, f.Text, f.Row))
	}
	return p
}

// exampleLayouts are those that the project has.
func exampleLayouts() (list []LayoutFile) {
	files, err := layouts.Files.ReadDir(".")
	if err != nil {
		return nil
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".yaml")
		if !ok {
			continue
		}
		text, err := layouts.Files.ReadFile(f.Name())
		if err != nil {
			continue
		}
		x := LayoutFile{Name: name, Text: text}
		if rows, err := layouts.Rows(name); err == nil {
			x.Row = rows[0]
		}
		list = append(list, x)
	}
	return list
}

// layoutDoc is a layout that was read. It does not change.
type layoutDoc struct {
	ID, Name, Title string
	lines           []string
	doc             *yaml.Document // nil: it cannot be used
	Findings        []yaml.Finding
	row             map[string]string // an example of what fills its columns
}

// maxLayout is one more byte than a layout may have, so that a longer one is found.
const maxLayout = 1<<20 + 1

// readLayout reads a layout, whatever is wrong with it. It runs and asks nothing, and
// reads no file.
func readLayout(name string, text []byte, row map[string]string) *layoutDoc {
	if len(text) > maxLayout {
		text = text[:maxLayout]
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q\n", name)
	_, _ = sum.Write(text)
	d := &layoutDoc{ID: hex.EncodeToString(sum.Sum(nil)[:8]), Name: name, Title: name, row: row}
	if len(text) < maxLayout {
		d.lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	doc, err := yaml.Read(name, text, nil)
	var bad yaml.Errors
	switch {
	case errors.As(err, &bad):
		for _, e := range bad {
			d.Findings = append(d.Findings, yaml.Finding{Line: e.Line, Column: e.Column, Severity: yaml.SeverityError, Text: e.Text})
		}
	case err != nil:
		d.Findings = []yaml.Finding{{Severity: yaml.SeverityError, Text: err.Error()}}
	default:
		d.doc, d.Findings = doc, doc.Lint()
		if t := doc.Title(); t != "" {
			d.Title = t
		}
	}
	return d
}

// mostGiven is how many layouts of people are kept; the oldest gives way.
const mostGiven = 20

// give keeps a layout of a person.
func (p *plans) give(d *layoutDoc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given = slices.DeleteFunc(p.given, func(x *layoutDoc) bool { return x.ID == d.ID })
	p.given = append(p.given, d)
	if len(p.given) > mostGiven {
		p.given = p.given[1:]
	}
}

// find is a layout by its ID, nil if there is none.
func (p *plans) find(id string) *layoutDoc {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range append(p.given[:len(p.given):len(p.given)], p.offered...) {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// list are the layouts, those of people first, the newest in front.
func (p *plans) list() []*layoutDoc {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.given)
	slices.Reverse(list)
	return append(list, p.offered...)
}

// textLine is a line of a layout, with what is wrong about it.
type textLine struct {
	No       int
	Text     string
	State    string // bad, doubt or empty
	Findings []yaml.Finding
	Gap      bool // lines are left out before it
}

// mostLinesShown is how many lines of a layout are shown whole; of a longer one, those
// around what was found.
const mostLinesShown = 400

// Text are the lines of a layout with what was found about each.
func (d *layoutDoc) Text() (lines []textLine) {
	at := map[int][]yaml.Finding{}
	near := map[int]bool{}
	for _, f := range d.Findings {
		at[f.Line] = append(at[f.Line], f)
		for i := f.Line - 3; i <= f.Line+3; i++ {
			near[i] = true
		}
	}
	gap := false
	for i, text := range d.lines {
		no := i + 1
		if len(d.lines) > mostLinesShown && !near[no] || len(lines) >= mostLinesShown {
			gap = true
			continue
		}
		text = keystore.Hide(text) // somebody may have written a key into it
		if len(text) > 400 {
			text = text[:400] + "…"
		}
		l := textLine{No: no, Text: visible.Text(text), Findings: at[no], Gap: gap}
		gap = false
		for _, f := range l.Findings {
			switch {
			case f.Severity == yaml.SeverityError:
				l.State = "bad"
			case f.Severity == yaml.SeverityWarning && l.State == "":
				l.State = "doubt"
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// Whole are the findings that are about the whole layout.
func (d *layoutDoc) Whole() (list []yaml.Finding) {
	for _, f := range d.Findings {
		if f.Line <= 0 || f.Line > len(d.lines) {
			list = append(list, f)
		}
	}
	return list
}

// Wrong is how many errors it has.
func (d *layoutDoc) Wrong() int { return d.count(yaml.SeverityError) }

// Weak is how many warnings it has.
func (d *layoutDoc) Weak() int { return d.count(yaml.SeverityWarning) }

func (d *layoutDoc) count(s yaml.Severity) (n int) {
	for _, f := range d.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Usable reports whether it can be compared with a card.
func (d *layoutDoc) Usable() bool { return d.doc != nil && d.Wrong() == 0 }

// Overview is what it makes.
func (d *layoutDoc) Overview() *yaml.Overview {
	if d.doc == nil {
		return nil
	}
	return d.doc.Overview()
}

// column is one that a person fills.
type column struct{ Name, Value string }

// columns are those of the layout, with values: those of row, or the example's.
func (d *layoutDoc) columns(row map[string]string) (list []column) {
	if d.doc == nil {
		return nil
	}
	if row == nil {
		row = d.row
	}
	for _, name := range d.doc.Columns() {
		list = append(list, column{name, row[name]})
	}
	return list
}
