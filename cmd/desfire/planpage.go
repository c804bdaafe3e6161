package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/perso"
)

// page is where plans and differences go: to stdout as the result of a verb, or to
// stderr before there is one.
type page struct {
	screen.Palette
	out    *screen.Stream
	width  int
	column int // how wide names of things are, at least
}

// results is the page of what a verb was asked for.
func (a *app) results() page { return page{Palette: a.out, out: a.stdout, width: a.columns()} }

// remarks is the page of what is no result.
func (a *app) remarks() page { return page{Palette: a.err, out: a.stderr, width: a.columns()} }

func (p page) printf(format string, args ...any) { _ = screen.Fprintf(p.out, format, args...) }

// wrapped prints a text folded to the terminal, further lines indented by two more.
func (p page) wrapped(indent, text string) {
	text = prefixes.Cut(text)
	for i, line := range screen.Wrap(screen.Visible(text), max(p.width-len(indent)-2, 30)) {
		if i > 0 {
			line = "  " + line
		}
		p.printf("%s%s\n", indent, line)
	}
}

// notes prints notes below a title, those of one place together.
func (p page) notes(style screen.Style, title string, notes []perso.Note) {
	if len(notes) == 0 {
		return
	}
	p.printf("%s\n", style.Render(title))
	last := ""
	for _, n := range notes {
		where := n.Where.String()
		if where != last {
			p.wrapped("  ", where)
		}
		last = where
		p.wrapped("    ", strings.TrimSpace(n.Text))
	}
}

// planWords are what a plan is called where it is printed.
type planWords struct {
	extra    string // title of what is on the card besides
	left     string // title of notes that no plan has
	leftOver []perso.Note
	hint     string // behind the warnings
	kept     bool   // list what is as it should be
}

// plan prints a plan.
func (p page) plan(plan *perso.Plan, words planWords) {
	var forever []perso.Note
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.Forever != "" {
			forever = append(forever, perso.Note{Where: perso.Where{Place: s.Place}, Text: s.Words + ": " + s.Forever})
		}
	}
	switch n := len(plan.Steps); n {
	case 0:
		p.printf("%s\n", p.Title.Render("Nothing to do"))
	default:
		p.printf("%s %s\n", p.Title.Render("To do:"), p.Dim.Render(fmt.Sprintf("%s, about %s and %s of memory", count(n, "step"), count(plan.Exchanges(), "exchange"), count(plan.Bytes(), "byte"))))
		for i := range plan.Steps {
			text := plan.Steps[i].Words
			if plan.Steps[i].Replaces {
				text += " (what it holds is lost)"
			}
			p.wrapped("  ", text)
		}
	}
	if words.kept {
		p.notes(p.Title, "As it should be", plan.Keep)
	}
	p.notes(p.Bad, "Never to be undone", forever)
	p.notes(p.Warn, "Never to be undone, and not asked for: left as it is", named(plan.Held))
	p.notes(p.Title, words.extra, plan.Extra)
	p.notes(p.Title, words.left, words.leftOver)
	p.notes(p.Warn, "Warnings", plan.Warnings)
	if words.hint != "" {
		p.printf("  %s\n", words.hint)
	}
	p.notes(p.Bad, "Impossible", plan.Impossible)
}

// named puts into the text of notes how what they are about is asked for.
func named(held []perso.Note) []perso.Note {
	held = slices.Clone(held)
	for i, n := range held {
		if n.Name != "" {
			held[i].Text += ": --irreversible " + n.Name
		}
	}
	return held
}

// unproven prints what could not be compared or proved.
func (p page) unproven(title string, list []perso.Difference) {
	for _, d := range list {
		p.wrapped("", fmt.Sprintf("%s: %s of %v: %s", title, d.What, d.Where, d.Unproven))
	}
}
