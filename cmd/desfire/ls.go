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
read is said with the reason. --key is one key of the card itself, or of APP; a keyring
(--keys) opens what its keys open.

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

// inspect reads a card that was just connected. --key is one of the first place
// that conf names, and else one of the card, or of the application of a card that
// has but that. A keyring opens what its keys open.
func (a *app) inspect(ctx context.Context, card *desfire.Card, conf *inspect.Config) (*inspect.Card, error) {
	progress := a.progress("reading the card")
	defer progress.End()
	keyed := wire.Place{Fixed: card.Generation().FixedName() != nil}
	if len(conf.Places) > 0 {
		keyed = conf.Places[0]
	}
	entered := 0
	conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
		entered++
		progress.At(entered, 0)
		switch {
		case a.key != nil && p == keyed:
			return a.enter(ctx, card, p, unlock.List)
		case a.key == nil && a.ring != nil:
			return a.look(ctx, card, p)
		case entered == 1 && p.IsCard():
			return nil // a card begins there
		}
		return selectPlace(ctx, card, p)
	}
	if a.key == nil && a.ring != nil {
		conf.EnterFile = a.lookInto
	}
	c, err := inspect.Read(ctx, card, conf)
	if err == nil {
		c.Reader = a.at
	}
	return c, err
}

// lookInto enters a place with a key of the keyring that may read a file.
func (a *app) lookInto(ctx context.Context, card *desfire.Card, p wire.Place, no wire.FileNo, act inspect.Act) (ok bool, reason string, err error) {
	ok, without, err := a.quietly(card).LookInto(ctx, p, no, act)
	return ok, text(without), err
}

// look enters a place with the key of the keyring that sees most. What does not
// fit is told, and the card then shows what it shows to anybody.
func (a *app) look(ctx context.Context, card *desfire.Card, p wire.Place) error {
	on := a.quietly(card)
	without, err := on.Look(ctx, p)
	if uid := on.UID(); uid != "" && card.UID() == nil {
		a.learned(uid)
	}
	if noSuchPlace(err) {
		return missingPlace(ctx, card, p, err)
	}
	if without != nil {
		a.log.Warn("looking without a key: "+oneLine(without), "application", p)
	}
	return err
}

// quietly is on, of which keys are told to the log only.
func (a *app) quietly(card *desfire.Card) *unlock.OnCard {
	on := a.on(card)
	o := a.opener(card)
	o.OnChoice = func(c unlock.Choice) { a.log.Debug(c.String()) }
	on.Use(o)
	return on
}
