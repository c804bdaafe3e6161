package main

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2/tree"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
)

// printTree prints applications and files for people.
func (a *app) printTree(c *inspect.Card) {
	p := a.out
	head := p.Title.Render(c.Name)
	if c.FreeMemory != nil {
		head += screen.Sprintf(", %d bytes free", *c.FreeMemory)
	}
	branches := p.Dim.Lipgloss().PaddingRight(1)
	t := tree.Root(string(head)).EnumeratorStyle(branches).IndenterStyle(branches)
	for i := range c.Applications {
		app := &c.Applications[i]
		node := tree.Root(string(appLine(p, app)))
		for _, m := range app.Missing {
			node.Child(string(p.Warn.Render(m.Words())))
		}
		wide, fold := 0, false
		for _, f := range app.Files {
			wide = max(wide, len(f.SizeWords()))
		}
		for _, f := range app.Files {
			if room := screen.Columns(a.stdout); room > 0 && screen.Width(fileLine(p, &f, wide, false)) > room-treeIndent {
				fold = true
			}
		}
		for _, f := range app.Files {
			node.Child(string(fileLine(p, &f, wide, fold)))
		}
		t.Child(node)
	}
	a.printf("%s\n", screen.Text(t.String()))
	for _, m := range c.Missing {
		a.printf("%s\n", p.Warn.Render(m.Words()))
	}
	if c.Applications != nil && len(c.Applications) == 0 {
		a.printf("No applications on the card\n")
	}
}

// appLine is an application in one line.
func appLine(p screen.Palette, app *inspect.Application) screen.Text {
	line := p.Name.Render(app.Place.String())
	if len(app.Wire) > 0 {
		line += p.Dim.Render("  sent as " + spaced(app.Wire))
	}
	if s := app.KeySettings; s != nil {
		line += screen.Sprintf("  %s", count(s.Keys, s.KeyType+" key"))
	}
	if len(app.ISOID) > 0 {
		line += screen.Sprintf("  ISO %X", []byte(app.ISOID))
	}
	if len(app.DFName) > 0 {
		line += screen.Sprintf("  DF %X", []byte(app.DFName))
	}
	if len(app.KeyVersions) > 0 {
		versions := make([]string, len(app.KeyVersions))
		for i, v := range app.KeyVersions {
			versions[i] = fmt.Sprintf("%02X", v.Version)
		}
		line += "  key versions " + p.Number.Render(strings.Join(versions, " "))
	}
	return line
}

// treeIndent is how far the line of a file is indented.
const treeIndent = 8

// fileLine is a file in one line, or folded into two; what it shows by secure
// dynamic messaging has a line of its own.
func fileLine(p screen.Palette, f *inspect.File, wide int, fold bool) screen.Text {
	no := p.Number.Render(fmt.Sprintf("%2s", strconv.Itoa(int(f.No))))
	if m := f.MissingPart(inspect.PartSettings); m != nil {
		return no + "  " + p.Warn.Render(m.Words())
	}
	size := f.SizeWords()
	line := screen.Sprintf("%s  %-8s  %s%s  %-5s", no, f.Type, size, screen.Pad(size, wide), f.Comm)
	if fold {
		line = screen.Text(strings.TrimRight(string(line), " ")) + "\n    " + screen.Visible(f.Words)
	} else {
		line += "  " + screen.Visible(f.Words)
	}
	if f.SDM != nil {
		line += "\n    " + p.Name.Render("SDM "+f.SDM.Words)
	}
	return line
}
