package main

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2/tree"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
)

// treeIndent is what the branches of the tree take, at each level.
const treeIndent = 4

// printTree prints applications and files for people, folded to the terminal.
func (a *app) printTree(c *inspect.Card) {
	p, room := a.out, screen.Columns(a.stdout)
	head := screen.Visible(c.Name)
	if c.FreeMemory != nil {
		head += screen.Sprintf(", %d bytes free", *c.FreeMemory)
	}
	heads := screen.Wrap(head, room)
	for i, h := range heads {
		heads[i] = p.Title.Render(h)
	}
	head = screen.Join(heads, "\n")
	branches := p.Dim.Lipgloss().PaddingRight(1)
	t := tree.Root(string(head)).EnumeratorStyle(branches).IndenterStyle(branches)
	for i := range c.Applications {
		app := &c.Applications[i]
		node := tree.Root(string(appLine(p, app, less(room, treeIndent))))
		for _, m := range app.Missing {
			node.Child(string(missingLine(p, &m, less(room, 2*treeIndent), "")))
		}
		lines := fileLines{p: p, room: less(room, 2*treeIndent)}
		lines.measure(app.Files)
		for j := range app.Files {
			node.Child(string(lines.line(&app.Files[j])))
		}
		t.Child(node)
	}
	for line := range strings.Lines(t.String()) {
		a.printf("%s\n", screen.Text(strings.TrimRight(line, " \n"))) // folded lines are padded
	}
	for _, m := range c.Missing {
		a.printf("%s\n", missingLine(p, &m, room, "  "))
	}
	if c.Applications != nil && len(c.Applications) == 0 {
		a.printf("No applications on the card\n")
	}
}

// less is what is left of a width; 0 stays no limit.
func less(room, n int) int {
	if room <= 0 {
		return 0
	}
	return max(room-n, 20)
}

// missingLine is what could not be read.
func missingLine(p screen.Palette, m *inspect.Missing, room int, indent screen.Text) screen.Text {
	lines := screen.Wrap(screen.Visible(m.Words()), less(room, len(indent)))
	for i, l := range lines {
		lines[i] = p.Warn.Render(l)
	}
	return screen.Join(lines, "\n"+indent)
}

// appLine is an application in one line, or folded into several.
func appLine(p screen.Palette, app *inspect.Application, room int) screen.Text {
	parts := []screen.Text{p.Name.Render(app.Place.String())}
	add := func(format string, args ...any) { parts = append(parts, screen.Sprintf(format, args...)) }
	if len(app.Wire) > 0 {
		parts = append(parts, p.Dim.Render("sent as "+spaced(app.Wire)))
	}
	if s := app.KeySettings; s != nil {
		add("%s", count(s.Keys, s.KeyType+" key"))
	}
	if len(app.ISOID) > 0 {
		add("ISO %X", []byte(app.ISOID))
	}
	if len(app.DFName) > 0 {
		add("DF %X", []byte(app.DFName))
	}
	if len(app.KeyVersions) > 0 {
		versions := make([]string, len(app.KeyVersions))
		for i, v := range app.KeyVersions {
			versions[i] = fmt.Sprintf("%02X", v.Version)
		}
		add("key versions %s", p.Number.Render(strings.Join(versions, " ")))
	}
	if app.KnownAs != "" {
		add("%s", app.KnownAs)
	}
	return screen.Join(screen.Fold(parts, "  ", less(room, 2)), "\n  ")
}

// fileLines are the files of an application in lines of one form.
type fileLines struct {
	p    screen.Palette
	room int
	size int  // width of the longest size
	fold bool // a line would not fit
}

func (l *fileLines) measure(files []inspect.File) {
	for i := range files {
		l.size = max(l.size, len(files[i].SizeWords()))
	}
	for i := range files {
		l.fold = l.fold || l.room > 0 && screen.Width(l.line(&files[i])) > l.room
	}
}

// line is a file in one line, or folded into several; what it shows by secure
// dynamic messaging has a line of its own.
func (l *fileLines) line(f *inspect.File) screen.Text {
	const indent = "    "
	no := l.p.Number.Render(fmt.Sprintf("%2s", strconv.Itoa(int(f.No))))
	if m := f.MissingPart(inspect.PartSettings); m != nil {
		return no + "  " + missingLine(l.p, m, less(l.room, len(indent)), indent)
	}
	room := 0
	if l.fold {
		room = less(l.room, len(indent))
	}
	below := func(words string) []screen.Text { return screen.Wrap(screen.Visible(words), room) }
	size := f.SizeWords()
	first := screen.Sprintf("%s  %-8s  %s%s  %-5s", no, f.Type, size, screen.Pad(size, l.size), f.Comm)
	var lines []screen.Text
	if l.fold {
		if room > 0 && screen.Width(first) > l.room {
			lines = screen.Fold([]screen.Text{no, screen.Visible(f.Type), screen.Visible(size), screen.Visible(f.Comm)}, "  ", room)
		} else {
			lines = append(lines, screen.Text(strings.TrimRight(string(first), " ")))
		}
		lines = append(lines, below(f.Words)...)
	} else {
		lines = append(lines, first+"  "+screen.Visible(f.Words))
	}
	if f.SDM != nil {
		for _, s := range below("SDM " + f.SDM.Words) {
			lines = append(lines, l.p.Name.Render(s))
		}
	}
	return screen.Join(lines, "\n"+indent)
}
