package main

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/spf13/cobra"
)

func (a *app) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what a card is: product, version, memory, identifier, settings",
		Args:  wants(),
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

// infoRow prints a line of info.
func (a *app) infoRow(name, format string, args ...any) {
	a.printf("%s%s  %s\n", a.out.Dim.Render(name), screen.Pad(name, 12), screen.Sprintf(format, args...))
}

// printInfo prints what a card is for people.
func (a *app) printInfo(c *inspect.Card) {
	a.printFacts(c)
	p, row := a.out, a.infoRow
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
		row(name, "%s", appLine(p, &c.Applications[n]))
	}
}

// printFacts prints what a card is, without its applications.
func (a *app) printFacts(c *inspect.Card) {
	p, row := a.out, a.infoRow
	missing := func(name string, part inspect.Part) {
		if m := c.MissingPart(part); m != nil {
			row(name, "%s", p.Warn.Render(m.Words()))
		}
	}
	row("product", "%s", p.Title.Render(c.Product))
	uid := fmt.Sprintf("%X", []byte(c.UID))
	if c.RandomID {
		uid = "random; the real one needs a key"
	}
	row("UID", "%s", p.Name.Render(uid))
	if len(c.ATR) > 0 {
		row("ATR", "%s", spaced(c.ATR))
	}
	row("reader", "%s, %s frames", c.Reader, c.Framing)
	if c.Hardware != nil {
		row("hardware", "%s", c.Hardware.Words())
		row("software", "%s", c.Software.Words())
		storage := screen.Visible(c.StorageWords())
		if c.FreeMemory != nil {
			storage += ", " + p.Number.Render(fmt.Sprint(*c.FreeMemory)) + " free"
		}
		row("memory", "%s", storage)
		row("produced", "%s", c.ProducedWords())
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
