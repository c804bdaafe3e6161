package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keySetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Exchange all keys of an application at once, by key sets",
		Long: `Exchange all keys of an application at once (EV2 and later): load a set of keys,
which changes nothing yet, and roll to it. An application has key sets if it was
made with them: desfire app create --key-sets.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(careful(a.keySetListCommand()), careful(a.keySetLoadCommand()), careful(a.keySetRollCommand()))
	return careful(cmd)
}

// keySetResult is what the verbs of key set print with --json.
type keySetResult struct {
	cardOf
	Application wire.Place `json:"application"`
	Sets        []keySetOf `json:"sets"` // set 0 is the one in use
	DryRun      bool       `json:"dry_run,omitempty"`
}

// keySetOf is a key set in keySetResult.
type keySetOf struct {
	Set     int  `json:"set"`
	Version byte `json:"version"` // 0: not loaded
}

func (a *app) keySetListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list APP",
		Short:   "Print the versions of the key sets of an application",
		Long:    "Print the versions of the key sets of an application. Set 0 is the one in use.",
		Args:    wants("APP"),
		Example: "  desfire key set list F48121 --key @master.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parseApp(cmd, args[0])
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				if err := a.enterKeys(ctx, card, l, unlock.List); err != nil {
					return err
				}
				return a.keySets(ctx, card, l)
			})
		},
	}
}

// keySets prints the key sets of the selected application.
func (a *app) keySets(ctx context.Context, card *desfire.Card, l wire.Place) error {
	versions, err := card.KeySetVersions(ctx)
	if err != nil {
		return fmt.Errorf("the key sets of %s: %w", l.Words(), err)
	}
	r := keySetResult{cardOf: a.card, Application: l, Sets: []keySetOf{}, DryRun: a.dryRun}
	for no, v := range versions {
		r.Sets = append(r.Sets, keySetOf{no, byte(v)})
	}
	if a.json {
		return a.emit(r)
	}
	for _, s := range r.Sets {
		state := fmt.Sprintf("version %02X", s.Version)
		switch {
		case s.Version == 0:
			state = "not loaded"
		case s.Set == 0:
			state += ", in use"
		}
		a.printf("set %d  %s\n", s.Set, state)
	}
	return nil
}

// parseSet reads SET.
func parseSet(cmd *cobra.Command, s string) (wire.KeySetNo, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n == 0 || n > 15 {
		return 0, &usageError{cmd, fmt.Errorf("key set %q: want 1 to 15; set 0 is the one in use", s)}
	}
	return wire.KeySetNo(n), nil
}

func (a *app) keySetLoadCommand() *cobra.Command {
	var version string
	var specs []string
	cmd := &cobra.Command{
		Use:   "load APP SET --new KEY...",
		Short: "Load a key set, which changes nothing yet",
		Long: `Load a key set with --new KEY for each key, the first for key 0. It needs the master
key of the application (--key, or a keyring). Nothing changes for others before
desfire key set roll. The version of the set must be above that of the set in use.`,
		Args:    wants("APP", "SET"),
		Example: "  desfire key set load F48121 1 --set-version 02 --new @k0.key --new @k1.key \\\n    --key @master.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parseApp(cmd, args[0])
			if err != nil {
				return err
			}
			set := &desfire.KeySet{}
			if set.Set, err = parseSet(cmd, args[1]); err != nil {
				return err
			}
			v, err := strconv.ParseUint(version, 16, 8)
			switch {
			case err != nil || v == 0:
				return &usageError{cmd, fmt.Errorf("--set-version %q: want one byte in hexadecimal, 01 to FF", version)}
			case len(specs) == 0:
				return &usageError{cmd, errors.New("--new missing: a key as @FILE or env:NAME, for each key of the set")}
			case !a.keyed():
				return &usageError{cmd, errors.New("loading a key set needs the master key: --key @FILE, --key env:NAME or --keys FILE")}
			}
			set.Version = wire.KeyVersion(v)
			if set.Keys, err = a.setKeys(cmd, specs); err != nil {
				return err
			}
			set.Type = set.Keys[0].Type()
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				if err := a.enterKeys(ctx, card, l, unlock.Master); err != nil {
					return err
				}
				if !a.dryRun {
					if err := card.LoadKeySet(ctx, set); err != nil {
						return fmt.Errorf("key set %d of %s: %w", set.Set, l.Words(), mayHaveHappened(err))
					}
				}
				return a.keySets(ctx, card, l)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&version, "set-version", "01", "version of the set, one byte in `HEX`")
	f.StringArrayVar(&specs, "new", nil, "`KEY` of the set, for each of its keys in their order")
	return cmd
}

// setKeys reads the keys of a set.
func (a *app) setKeys(cmd *cobra.Command, specs []string) (keys []key.Key, err error) {
	for _, spec := range specs {
		k := keySpec{flag: "new", spec: spec}
		if err := a.readKeys(cmd, &k); err != nil {
			return nil, err
		}
		keys = append(keys, k.key)
	}
	return keys, nil
}

func (a *app) keySetRollCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "roll APP SET",
		Short: "Make a loaded key set the one in use",
		Long: `Make a loaded key set the one in use: from then on all keys of the application are
those of the set, and there is no way back. It asks. It needs the key that rolls,
which the application was made with (--key N=KEY, or a keyring).`,
		Args:    wants("APP", "SET"),
		Example: "  desfire key set roll F48121 1 --key 0=@master.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parseApp(cmd, args[0])
			if err != nil {
				return err
			}
			set, err := parseSet(cmd, args[1])
			if err != nil {
				return err
			}
			if !a.keyed() {
				return &usageError{cmd, errors.New("rolling needs the key that rolls: --key N=@FILE, or --keys FILE")}
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.rollKeySet(ctx, cmd, card, l, set)
			})
		},
	}
}

func (a *app) rollKeySet(ctx context.Context, cmd *cobra.Command, card *desfire.Card, l wire.Place, set wire.KeySetNo) error {
	if err := a.enterToRoll(ctx, card, l); err != nil {
		return err
	}
	versions, err := card.KeySetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("the key sets of %s: %w", l.Words(), err)
	case int(set) >= len(versions):
		return fmt.Errorf("%s has no key set %d, only %s", l.Words(), set, count(len(versions), "set"))
	case versions[set] == 0:
		return advise(withCode(exitRefused, fmt.Errorf("key set %d of %s is not loaded", set, l.Words())), "desfire key set load %v %d loads it.", l, set)
	}
	if !a.json || !a.yes {
		a.sayf("All keys of %s become those of set %d, version %02X instead of %02X\n", l.Words(), set, byte(versions[set]), byte(versions[0]))
	}
	if a.dryRun {
		return a.keySets(ctx, card, l)
	}
	if err := a.confirm(cmd, "Roll to this key set?"); err != nil {
		return err
	}
	if err := card.RollKeySet(ctx, set); err != nil {
		return fmt.Errorf("roll %s to key set %d: %w", l.Words(), set, mayHaveHappened(err))
	}
	if err := selectPlace(ctx, card, l); err != nil {
		return err
	}
	return a.keySets(ctx, card, l)
}

// enterToRoll opens a session with the key that rolls the key sets.
func (a *app) enterToRoll(ctx context.Context, card *desfire.Card, l wire.Place) error {
	if a.ring == nil {
		return a.enterKeys(ctx, card, l, unlock.Master)
	}
	if err := a.enterKeys(ctx, card, l, unlock.List); err != nil {
		return err
	}
	ks, err := card.KeySettings(ctx)
	switch {
	case err != nil:
		return err
	case !ks.HasKeySets:
		return withCode(exitImpossible, fmt.Errorf("%s has no key sets", l.Words()))
	}
	if err := a.opener(card).Key(ctx, card, l, wire.KeyNo(ks.KeySetConfig.AppKeySetSett)); err != nil {
		return a.entered(ctx, card, l, err)
	}
	return nil
}
