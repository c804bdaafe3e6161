package main

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/spf13/cobra"
)

func (a *app) layoutShowCommand() *cobra.Command {
	return wantsLayout(&cobra.Command{
		Use:   "show LAYOUT",
		Short: "Show in words what a layout makes",
		Long: `Show in words what a layout makes: keys and what they are made of, applications,
files, and who may do what with them, by the names of keys; columns that it needs,
and memory that it takes.`,
		Example: `  desfire layout show visitor.yaml
  desfire layout show visitor.yaml --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.readLayout(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			o := l.doc.Overview()
			if a.json {
				return a.emit(layoutShown{l.path, l.doc.Hash(), *o})
			}
			a.printOverview(l.path, o)
			return nil
		},
	})
}

// layoutShown is what layout show prints with --json.
type layoutShown struct {
	Layout string `json:"layout"`
	Hash   string `json:"hash"` // of its text and of the files that it names
	yaml.Overview
}

// overviewColumn is how wide the names of what is shown are.
const overviewColumn = 12

func (a *app) printOverview(path string, o *yaml.Overview) {
	p := a.results()
	name := path
	if o.Name != "" {
		name = o.Name + " (" + path + ")"
	}
	p.printf("%s\n", p.Title.Render(name))
	p.row("  ", "cards", strings.Join(o.Generations, ", "))
	name = "memory"
	for _, m := range o.Memory {
		p.row("  ", name, m.Words)
		name = " "
	}
	p.row("  ", "columns", strings.Join(o.Columns, ", "))
	p.row("  ", "master key", o.Master)
	p.rules(o.Settings)
	p.row("  ", "options", strings.Join(o.Options, "; "))
	p.row("  ", "for ever", strings.Join(o.Irreversible, ", "))
	p.keys(o.CardKeys)
	if len(o.Keys) > 0 {
		p.printf("%s\n", p.Title.Render("Keys"))
	}
	keys := p
	for _, k := range o.Keys {
		keys.column = max(keys.column, screen.Width(k.Name)+2)
	}
	for _, k := range o.Keys {
		text := k.Type
		for i, v := range k.Versions {
			text += []string{" version ", ", "}[min(i, 1)] + fmt.Sprint(v)
		}
		keys.row("  ", k.Name, text+", "+k.Made)
	}
	for i := range o.Applications {
		p.application(&o.Applications[i])
	}
}

// row prints a name and what it is, folded; nothing if it is nothing.
func (p page) row(indent, name, text string) {
	if text == "" {
		return
	}
	width := max(overviewColumn, p.column, screen.Width(name)+1)
	left := screen.Sprintf("%s%s%s", indent, p.Dim.Render(name), screen.Pad(name, width))
	for i, line := range screen.Wrap(screen.Visible(text), max(p.width-len(indent)-width, 30)) {
		if i > 0 {
			left = screen.Text(strings.Repeat(" ", len(indent)+width))
		}
		p.printf("%s%s\n", left, line)
	}
}

func (p page) rules(rules []inspect.Rule) {
	name := "settings"
	for _, r := range rules {
		text := r.What + " " + r.Rule
		if r.Forever {
			text += ", for ever"
		}
		p.row("  ", name, text)
		name = " "
	}
}

func (p page) keys(keys []yaml.OverviewKey) {
	var words []string
	for _, k := range keys {
		if k.Name != "" {
			words = append(words, k.Key+" "+k.Name)
		}
	}
	p.row("  ", "keys", strings.Join(words, ", "))
}

func (p page) application(o *yaml.OverviewApp) {
	name := o.Application.Words()
	if o.Name != "" {
		name += " " + o.Name
	}
	p.printf("%s\n", p.Title.Render(name))
	p.row("  ", "ISO id", o.ISOID)
	p.row("  ", "DF name", o.DFName)
	p.row("  ", "key type", o.KeyType)
	p.keys(o.Keys)
	p.rules(o.Settings)
	p.row("  ", "options", strings.Join(o.Options, ", "))
	p.row("  ", "delegated", o.Delegated)
	for i := range o.Files {
		p.file(&o.Files[i])
	}
}

func (p page) file(f *yaml.OverviewFile) {
	name := fmt.Sprintf("file %d", f.No)
	if f.Name != "" {
		name += " " + f.Name
	}
	p.printf("  %s\n", p.Name.Render(name))
	text := f.Type + ", " + f.Size
	if f.Mode != "" {
		text += ", mode " + strings.ToLower(f.Mode)
	}
	p.row("    ", "is", text)
	p.row("    ", "ISO id", f.ISOID)
	for _, r := range f.Rights {
		p.row("    ", r.Act, r.Who)
	}
	p.row("    ", "content", f.Content)
	p.row("    ", "shows", f.SDM)
}
