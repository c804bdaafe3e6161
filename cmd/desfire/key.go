package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Change keys so that none is ever lost; their versions and settings",
		Long: `Change keys so that none is ever lost, and see what a card tells about them.

` + helpLevel + `

` + helpKeySpec,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: `  desfire key version 121314 0 1
  desfire key change 121314 0 --old @old.key --new @new.key
  desfire key find 121314 0 --old @old.key --new @new.key
  desfire key journal --open
  desfire key settings 121314`,
	}
	cmd.AddCommand(careful(a.keyNewCommand()), careful(a.keyListCommand()), careful(a.keyCheckCommand()), careful(a.keyVersionCommand()), careful(a.keyChangeCommand()), careful(a.keyFindCommand()), careful(a.keyStoreCommand()), careful(a.keyForgetCommand()), careful(a.keyJournalCommand()), careful(a.keySettingsCommand()), a.keySetCommand())
	return careful(cmd)
}

func (a *app) keyVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version APP [KEYNO...]",
		Short: "Print the versions of keys",
		Long: `Print the versions of keys, which a card tells anybody. Without KEYNO, of all keys
of the application, if its settings may be read.

` + helpLevel,
		Args: func(cmd *cobra.Command, args []string) error {
			return wants("APP")(cmd, args[:min(len(args), 1)])
		},
		Example: `  desfire key version 121314
  desfire key version card 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parsePlace(cmd, args[0])
			if err != nil {
				return err
			}
			var keys []wire.KeyNo
			for _, s := range args[1:] {
				no, err := parseKeyNo(cmd, s)
				if err != nil {
					return err
				}
				keys = append(keys, no)
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.keyVersions(ctx, card, l, keys)
			})
		},
	}
}

// keyVersionResult is what key version prints with --json.
type keyVersionResult struct {
	cardOf
	Application wire.Place `json:"application"`
	Key         wire.KeyNo `json:"key"`
	Version     byte       `json:"version"`
}

func (a *app) keyVersions(ctx context.Context, card *desfire.Card, l wire.Place, keys []wire.KeyNo) error {
	if err := a.enterKeys(ctx, card, l, unlock.List); err != nil {
		return err
	}
	switch {
	case len(keys) > 0:
	case l.Fixed:
		for no := range wire.KeyNo(wire.FixedKeys) {
			keys = append(keys, no)
		}
	default:
		s, err := card.KeySettings(ctx)
		switch {
		case inspect.Refused(err):
			return fmt.Errorf("how many keys %s has is not free to read: name them, as in desfire key version %v 0 1: %w", l.Words(), l, err)
		case err != nil:
			return err
		}
		for no := range s.KS2.Keys() {
			keys = append(keys, wire.KeyNo(no))
		}
	}
	for _, no := range keys {
		v, err := card.KeyVersion(ctx, no)
		switch {
		case errors.Is(err, wire.StatusNoSuchKey):
			return fmt.Errorf("%s has no key %d: %w", l.Words(), no, err)
		case err != nil:
			return err
		case a.json:
			if err := a.emit(keyVersionResult{a.saw(card), l, no, v}); err != nil {
				return err
			}
		default:
			a.printf("key %d  version %s\n", no, a.out.Number.Render(fmt.Sprintf("%02X", v)))
		}
	}
	return nil
}

// enterKeys is enter, for a place where keys are.
func (a *app) enterKeys(ctx context.Context, card *desfire.Card, l wire.Place, need unlock.Need) error {
	if err := checkKeys(card, l); err != nil {
		return err
	}
	return a.enter(ctx, card, l, need)
}
