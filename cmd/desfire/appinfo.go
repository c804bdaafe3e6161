package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) appInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info APP",
		Short: "Show an application: names, keys, settings, files",
		Long: `Show all that a card tells of an application without its contents: ISO names,
number, type and versions of the keys, settings, and files with their rights.
What is not free to read is said with the reason; --key is a key of APP.

` + helpApp,
		Args:    wants("APP"),
		Example: "  desfire app info F48121\n  desfire app info app --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := parseApp(cmd, args[0])
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				app, err := a.readApp(ctx, card, p)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(appResult{cardOf: a.card, Application: *app})
				}
				a.printf("Application %s on %s\n", a.out.Name.Render(p), a.out.Title.Render(card))
				a.printApp(app)
				return nil
			})
		},
	}
}

// readApp reads all of an application but what is in its files. Its ISO names are
// told by the card itself, outside a session.
func (a *app) readApp(ctx context.Context, card *desfire.Card, p wire.Place) (*inspect.Application, error) {
	if err := checkPlace(card, p); err != nil {
		return nil, err
	}
	c, err := inspect.Read(ctx, card, &inspect.Config{
		Ask:    inspect.AskNames | inspect.AskKeySettings | inspect.AskFiles | inspect.AskKeyVersions | inspect.AskKeySets | inspect.AskISOFiles,
		Places: []wire.Place{{}, p},
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			if p.IsCard() {
				return selectPlace(ctx, card, p)
			}
			return a.enter(ctx, card, p, unlock.List)
		},
	})
	if err != nil {
		return nil, err
	}
	app := &c.Applications[0]
	if m := c.MissingPart(inspect.PartNames); m != nil && p.AID != wire.PICC {
		app.Missing = append(app.Missing, *m)
	}
	return app, nil
}
