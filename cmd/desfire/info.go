package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/spf13/cobra"
)

func (a *app) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what a card is: product, version, memory, UID, settings",
		Args:  wants(),
		Example: `  desfire info
  desfire info --key @picc.key --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				c, err := a.inspect(ctx, card, &inspect.Config{Ask: inspect.Summary})
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(c)
				}
				a.printInfo(c)
				return nil
			})
		},
	}
}

// infoColumn is where what info prints begins, behind the names.
const infoColumn = 14

// infoRow prints a line of info, folded to the terminal.
func (a *app) infoRow(name string, value screen.Text) {
	indent := screen.Text("\n" + strings.Repeat(" ", infoColumn))
	lines := strings.Split(string(value), "\n")
	for i, l := range lines {
		if room := less(screen.Columns(a.stdout), infoColumn); room > 0 && screen.Width(l) > room {
			lines[i] = string(screen.Join(screen.Wrap(screen.Text(l), room), indent))
		} else if i > 0 {
			lines[i] = string(indent[1:]) + l
		}
	}
	a.printf("%s%s  %s\n", a.out.Dim.Render(name), screen.Pad(name, infoColumn-2), screen.Text(strings.Join(lines, "\n")))
}

// printInfo prints what a card is for people.
func (a *app) printInfo(c *inspect.Card) {
	a.printFacts(c)
	p := a.out
	row := func(name, format string, args ...any) { a.infoRow(name, screen.Sprintf(format, args...)) }
	if m := c.MissingPart(inspect.PartApplications); m != nil {
		row("applications", "%s", p.Warn.Render(m.Words()))
	}
	if c.Applications != nil && len(c.Applications) == 0 {
		row("applications", "none")
	}
	for n := range c.Applications {
		name := "applications"
		if n > 0 {
			name = ""
		}
		row(name, "%s", appLine(p, &c.Applications[n], less(screen.Columns(a.stdout), infoColumn)))
	}
}

// printFacts prints what a card is, without its applications.
func (a *app) printFacts(c *inspect.Card) {
	p := a.out
	row := func(name, format string, args ...any) { a.infoRow(name, screen.Sprintf(format, args...)) }
	missing := func(name string, part inspect.Part) {
		if m := c.MissingPart(part); m != nil {
			row(name, "%s", p.Warn.Render(m.Words()))
		}
	}
	product := c.Product
	if product == "" {
		product = c.Name
	}
	row("product", "%s", p.Title.Render(product))
	uid := fmt.Sprintf("%X", []byte(c.UID))
	switch {
	case c.RandomID:
		uid = "random; the real one needs a key"
	case len(c.UID) == 0:
		uid = "not known"
	}
	row("UID", "%s", p.Name.Render(uid))
	missing("version", inspect.PartVersion)
	if len(c.ATR) > 0 {
		row("ATR", "%s", spaced(c.ATR))
	}
	if c.Reader != "" || c.Framing != "" { // files of other programs do not tell
		row("reader", "%s, %s frames", c.Reader, c.Framing)
	}
	if c.Hardware != nil {
		row("hardware", "%s", c.Hardware.Words())
		row("software", "%s", c.Software.Words())
		storage := screen.Visible(c.StorageWords())
		if c.FreeMemory != nil {
			storage += ", " + p.Number.Render(fmt.Sprint(*c.FreeMemory)) + " free"
		}
		row("memory", "%s", storage)
		row("produced", "%s", c.ProducedWords())
	} else if c.FreeMemory != nil {
		row("memory", "%s free", p.Number.Render(fmt.Sprint(*c.FreeMemory)))
	}
	missing("", inspect.PartFreeMemory)
	if s := c.KeySettings; s != nil {
		row("master key", "%s", s.KeyType)
		for i, r := range s.Rules {
			name := "settings"
			if i > 0 {
				name = ""
			}
			row(name, "%s %s", r.What, ruleStyle(p, r))
		}
	}
	missing("settings", inspect.PartKeySettings)
	if n := len(c.KeyVersions); n > 0 {
		row("key version", "%s", p.Number.Render(fmt.Sprintf("%02X", c.KeyVersions[0].Version)))
	}
	missing("key version", inspect.PartKeyVersions)
}
