// Package manpage makes manual pages of a tree of cobra commands, from what their help
// says: a page of the program, one for each of its verbs with the verbs in it, and one
// for each topic.
package manpage

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Config says what the commands do not.
type Config struct {
	Section int       // of the program and its verbs: 1, or 8 for what an operator runs
	Version string    // of the program
	Date    time.Time // of that version
	Whole   bool      // all verbs on the page of the program

	Topic  func(*cobra.Command) bool     // is it a page of help, and no verb? nil for none
	Group  func(*cobra.Command) bool     // does it nothing itself, but has verbs? nil: if it cannot run
	Global func(*cobra.Command) []string // names of the flags of the root that act on a verb, nil for none
}

// Page is one manual page. Name is that of its file, as "desfire-ls.1"; Text is
// written with the macros of man(7).
type Page struct {
	Name string
	Text []byte
}

// Pages are the pages of a program, in the order of its commands. What is hidden has
// none.
func (c Config) Pages(root *cobra.Command) []Page {
	p := c.page(root, c.Section)
	p.head(root, "DESCRIPTION")
	var pages []Page
	var also []string
	if c.Whole {
		p.section("VERBS")
		for _, cmd := range visible(root) {
			p.verb(cmd)
		}
	} else {
		p.index(root)
		for _, cmd := range root.Commands() {
			switch {
			case c.topic(cmd):
				pages = append(pages, c.about(cmd))
				also = append(also, p.reference(cmd, 7))
			case cmd.IsAvailableCommand() && cmd.Name() != "help":
				pages = append(pages, c.verbs(cmd))
			}
		}
	}
	p.options("OPTIONS", root.Flags())
	p.options("OPTIONS OF MANY VERBS", root.PersistentFlags())
	p.seeAlso(also)
	return append([]Page{p.done()}, pages...)
}

func (c Config) topic(cmd *cobra.Command) bool { return c.Topic != nil && c.Topic(cmd) }

func (c Config) group(cmd *cobra.Command) bool {
	if c.Group != nil {
		return c.Group(cmd)
	}
	return !cmd.Runnable()
}

// visible are the verbs in a command.
func visible(cmd *cobra.Command) (verbs []*cobra.Command) {
	for _, v := range cmd.Commands() {
		if v.IsAvailableCommand() && v.Name() != "help" {
			verbs = append(verbs, v)
		}
	}
	return verbs
}

// page begins a page.
func (c Config) page(cmd *cobra.Command, section int) *writer {
	w := &writer{conf: c, name: strings.ReplaceAll(cmd.CommandPath(), " ", "-"), number: section}
	program := cmd.Root().Name()
	date := c.Date.UTC().Format("2006-01-02")
	fmt.Fprintf(&w.b, ".TH %s %d %s %s %s\n", quoted(strings.ToUpper(w.name)), section, date, quoted(program+" "+c.Version), quoted("Manual of "+program))
	w.line(".nh")
	w.line(".ad l")
	w.section("NAME")
	w.line(escape(w.name) + ` \- ` + escape(lower(cmd.Short)))
	return w
}

// verbs is the page of a verb of the root.
func (c Config) verbs(cmd *cobra.Command) Page {
	w := c.page(cmd, c.Section)
	w.head(cmd, "DESCRIPTION")
	w.examples("EXAMPLES", cmd)
	w.options("OPTIONS", cmd.LocalNonPersistentFlags())
	w.global(cmd)
	if verbs := visible(cmd); len(verbs) > 0 {
		w.section("VERBS")
		for _, v := range verbs {
			w.verb(v)
		}
	}
	w.seeAlso([]string{w.reference(cmd.Root(), c.Section)})
	return w.done()
}

// about is the page of a topic.
func (c Config) about(cmd *cobra.Command) Page {
	w := c.page(cmd, 7)
	w.section("DESCRIPTION")
	w.text(cmd.Long)
	w.seeAlso([]string{w.reference(cmd.Root(), c.Section)})
	return w.done()
}

// writer writes one page.
type writer struct {
	b      strings.Builder
	conf   Config
	name   string
	number int
	headed bool // nothing stands below the last heading yet
}

func (w *writer) done() Page {
	return Page{fmt.Sprintf("%s.%d", w.name, w.number), []byte(w.b.String())}
}

func (w *writer) section(name string) { w.line(".SH " + quoted(name)) }

func (w *writer) reference(cmd *cobra.Command, section int) string {
	return fmt.Sprintf(".BR %s (%d)", escape(strings.ReplaceAll(cmd.CommandPath(), " ", "-")), section)
}

// head is how a command is called, and what it does.
func (w *writer) head(cmd *cobra.Command, name string) {
	w.section("SYNOPSIS")
	for i, l := range w.usage(cmd) {
		if i > 0 {
			w.line(".br")
		}
		w.line(l)
	}
	w.section(name)
	if cmd.Long == "" {
		w.prose(cmd.Short + ".")
	}
	w.text(cmd.Long)
}

// usage is how a command is called: its name in bold.
func (w *writer) usage(cmd *cobra.Command) (lines []string) {
	bold := func(rest string) string {
		return strings.TrimSpace(`\fB` + escape(cmd.CommandPath()) + `\fR ` + escape(strings.TrimSpace(rest)))
	}
	if cmd.Runnable() && !w.conf.group(cmd) {
		lines = append(lines, bold(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())))
	}
	if len(visible(cmd)) > 0 {
		lines = append(lines, bold("VERB ..."))
	}
	return lines
}

// verb is a verb, and those in it, as a part of the page of another.
func (w *writer) verb(cmd *cobra.Command) {
	w.line(".SS " + quoted(cmd.CommandPath()))
	w.prose(cmd.Short + ".")
	w.line(".PP")
	for i, l := range w.usage(cmd) {
		if i > 0 {
			w.line(".br")
		}
		w.line(l)
	}
	if cmd.Long != "" {
		w.line(".PP")
		w.text(cmd.Long)
	}
	if cmd.HasExample() {
		w.line(".PP")
		w.line("Examples:")
		w.verbatim(cmd.Example)
	}
	w.flags(cmd.LocalNonPersistentFlags())
	w.global(cmd)
	for _, v := range visible(cmd) {
		w.verb(v)
	}
}

// index is which verbs a program has, group by group.
func (w *writer) index(root *cobra.Command) {
	w.section("VERBS")
	for _, g := range root.Groups() {
		w.line(".SS " + quoted(strings.TrimSuffix(g.Title, ":")))
		for _, cmd := range visible(root) {
			if cmd.GroupID == g.ID {
				w.line(".TP")
				w.line(w.reference(cmd, w.conf.Section))
				w.prose(cmd.Short + ".")
			}
		}
	}
}

func (w *writer) examples(name string, cmd *cobra.Command) {
	if cmd.HasExample() {
		w.section(name)
		w.verbatim(cmd.Example)
	}
}

func (w *writer) options(name string, flags *pflag.FlagSet) {
	if shown(flags) {
		w.section(name)
		w.flags(flags)
	}
}

// global names the flags of the root that act on a verb.
func (w *writer) global(cmd *cobra.Command) {
	if w.conf.Global == nil {
		return
	}
	if names := w.conf.Global(cmd); len(names) > 0 {
		w.line(".PP")
		w.line("Flags of many verbs that act on this one:")
		for i, n := range names {
			end := ","
			if i == len(names)-1 {
				end = "."
			}
			w.line(".BR " + escape(n) + " " + end)
		}
	}
}

func (w *writer) seeAlso(pages []string) {
	if len(pages) == 0 {
		return
	}
	w.section("SEE ALSO")
	w.line(strings.Join(pages, " ,\n"))
}

// lower is a sentence as it stands behind a dash: acronyms and names stay.
func lower(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
