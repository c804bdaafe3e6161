package main

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/tree"
	"github.com/go-desfire/desfire/inspect"
)

// printTree prints applications and files for people.
func (a *app) printTree(c *inspect.Card) {
	p := a.out
	head := p.title.Render(c.Name)
	if c.FreeMemory != nil {
		head += fmt.Sprintf(", %d bytes free", *c.FreeMemory)
	}
	t := tree.Root(head).EnumeratorStyle(p.dim.PaddingRight(1)).IndenterStyle(p.dim.PaddingRight(1))
	for i := range c.Applications {
		app := &c.Applications[i]
		node := tree.Root(appLine(p, app))
		for _, m := range app.Missing {
			node.Child(p.warn.Render(m.Words()))
		}
		wide, fold := 0, false
		for _, f := range app.Files {
			wide = max(wide, len(f.SizeWords()))
		}
		for _, f := range app.Files {
			if room := width(a.stdout); room > 0 && lipgloss.Width(fileLine(p, &f, wide, false)) > room-treeIndent {
				fold = true
			}
		}
		for _, f := range app.Files {
			node.Child(fileLine(p, &f, wide, fold))
		}
		t.Child(node)
	}
	a.printf("%s\n", t)
	for _, m := range c.Missing {
		a.printf("%s\n", p.warn.Render(m.Words()))
	}
	if c.Applications != nil && len(c.Applications) == 0 {
		a.printf("No applications on the card\n")
	}
}

// appLine is an application in one line.
func appLine(p palette, app *inspect.Application) string {
	line := p.name.Render(app.Place.String())
	if len(app.Wire) > 0 {
		line += p.dim.Render("  sent as " + spaced(app.Wire))
	}
	if s := app.KeySettings; s != nil {
		line += "  " + count(s.Keys, s.KeyType+" key")
	}
	if len(app.ISOID) > 0 {
		line += fmt.Sprintf("  ISO %X", []byte(app.ISOID))
	}
	if len(app.DFName) > 0 {
		line += fmt.Sprintf("  DF %X", []byte(app.DFName))
	}
	if len(app.KeyVersions) > 0 {
		versions := make([]string, len(app.KeyVersions))
		for i, v := range app.KeyVersions {
			versions[i] = fmt.Sprintf("%02X", v.Version)
		}
		line += "  key versions " + p.number.Render(strings.Join(versions, " "))
	}
	return line
}

// treeIndent is how far the line of a file is indented.
const treeIndent = 8

// fileLine is a file in one line, or folded into two; what it shows by secure
// dynamic messaging has a line of its own.
func fileLine(p palette, f *inspect.File, wide int, fold bool) string {
	no := p.number.Render(fmt.Sprintf("%2s", strconv.Itoa(int(f.No))))
	if m := f.MissingPart(inspect.PartSettings); m != nil {
		return no + "  " + p.warn.Render(m.Words())
	}
	size := f.SizeWords()
	line := fmt.Sprintf("%s  %-8s  %s%s  %-5s", no, f.Type, size, pad(size, wide), f.Comm)
	if fold {
		line = strings.TrimRight(line, " ") + "\n    " + p.dim.Render(f.Words)
	} else {
		line += "  " + p.dim.Render(f.Words)
	}
	if f.SDM != nil {
		line += "\n    " + p.name.Render("SDM "+f.SDM.Words)
	}
	return line
}
