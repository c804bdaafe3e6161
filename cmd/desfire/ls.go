package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) lsCommand() *cobra.Command {
	var names, versions bool
	cmd := &cobra.Command{
		Use:   "ls [APP]",
		Short: "Show applications and files, with sizes and rights in words",
		Long: `Show applications and files, with sizes and rights in words. What could not be
read is said with the reason. With --key, the key is one of the card itself, or
of APP.

` + helpLevel + `

AIDs are six hexadecimal digits, most significant first; "sent as" are the bytes
on the wire. Programs that print AIDs in wire order show the same application
the other way round.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wants("APP")(cmd, args)
			}
			return nil
		},
		Example: "  desfire ls\n  desfire ls 121314 --json\n  desfire ls app --key-versions",
		RunE: func(cmd *cobra.Command, args []string) error {
			conf := &inspect.Config{Ask: inspect.Tree}
			if len(args) > 0 {
				p, err := parsePlace(cmd, args[0])
				if err != nil {
					return err
				}
				conf.Places = []wire.Place{p}
				if p.IsCard() {
					conf.Ask |= inspect.AskCardSettings | inspect.AskVersion
				}
			}
			if names {
				conf.Ask |= inspect.AskNames
			}
			if versions {
				conf.Ask |= inspect.AskKeyVersions
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				c, err := a.inspect(ctx, card, conf)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(c)
				case len(conf.Places) > 0 && conf.Places[0].IsCard():
					a.printInfo(c)
				default:
					a.printTree(c)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&names, "names", false, "ask for ISO identifiers and DF names, too")
	f.BoolVar(&versions, "key-versions", false, "ask for the versions of the keys, too")
	return cmd
}

// inspect reads a card that was just connected. A key is one of the places that
// conf names, and else one of the card.
func (a *app) inspect(ctx context.Context, card *desfire.Card, conf *inspect.Config) (*inspect.Card, error) {
	fresh := true
	conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
		keyed := len(conf.Places) > 0 && conf.Places[0] == p || len(conf.Places) == 0 && p.IsCard()
		skip := fresh && p.IsCard() && (a.key == nil || !keyed) // a card begins there
		fresh = false
		switch {
		case skip:
			return nil
		case keyed:
			return a.enter(ctx, card, p, unlock.List)
		}
		return selectPlace(ctx, card, p)
	}
	c, err := inspect.Read(ctx, card, conf)
	if err == nil {
		c.Reader = a.at
	}
	return c, err
}
