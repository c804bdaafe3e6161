package main

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keyFindCommand() *cobra.Command {
	v := keyChangeVerb{finds: true}
	cmd := &cobra.Command{
		Use:   "find APP KEYNO",
		Short: "Tell which of two keys a card holds after a change without answer",
		Long: `Tell which of two keys a card holds, by authenticating with it. The version, which
is free to read, says which one to try first, and at most --budget attempts may
fail: DESFire EV3, DESFire Light and NTAG 424 DNA can count them. If the journal
has a change of this key that is open, it is told. With a keyring (--keys) the two
keys are the newest that it has for this key, and the one before.

` + helpLevel,
		Args:    wants("APP", "KEYNO"),
		Example: "  desfire key find 121314 0 --old @old.key --new @new.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.read(a, cmd, args, false); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return v.find(ctx, a, card)
			})
		},
	}
	v.register(cmd)
	return cmd
}

// keyFindResult is what key find prints with --json.
type keyFindResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Key         wire.KeyNo     `json:"key"`
	Holds       string         `json:"holds"` // old, new
	Facts       keystore.Facts `json:"facts"`
	Settled     bool           `json:"settled"` // an open entry of the journal
}

func (v *keyChangeVerb) find(ctx context.Context, a *app, c *desfire.Card) error {
	if err := checkKeys(c, v.l); err != nil {
		return err
	}
	if err := v.fromRing(ctx, a, c, false); err != nil {
		return err
	}
	if err := selectPlace(ctx, c, v.l); err != nil {
		return err
	}
	if err := v.unlike(ctx, a, c, 0, false); err != nil {
		return err
	}
	found, settled, untold, err := v.settle(ctx, a, c)
	switch {
	case errors.Is(err, wire.StatusApplicationNotFound):
		return &noApplicationError{place: v.l, err: err}
	case err != nil:
		return v.explain(err, rekey.Untouched)
	case untold != nil:
		a.log.Warn("the journal could not be told", "err", oneLine(untold))
	}
	r := keyFindResult{cardOf: a.saw(c), Application: v.l, Key: v.no, Holds: "old", Facts: v.old.facts(), Settled: settled}
	if found.IsNew {
		r.Holds, r.Facts = "new", v.new.facts()
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s holds the %s key %d of %s: %s\n", a.out.Title.Render(a.cardName()), a.out.Good.Render(r.Holds), v.no, v.l.Words(), describeKey(a.out, r.Facts))
	if r.Settled {
		a.printf("%s\n", a.out.Dim.Render("  the open change in "+v.journal+" is settled"))
	}
	return nil
}

// settle finds the key and tells the journal, if there is one. untold says why
// the journal could not be told.
func (v *keyChangeVerb) settle(ctx context.Context, a *app, c *desfire.Card) (found *rekey.Found, settled bool, untold, err error) {
	entries, _, untold := rekey.ReadJournal(v.journal)
	if untold != nil || len(entries) == 0 {
		found, err = rekey.Find(ctx, c, v.change(a, nil))
		return found, false, untold, err
	}
	j, untold := rekey.OpenJournal(v.journal)
	if untold != nil {
		found, err = rekey.Find(ctx, c, v.change(a, nil))
		return found, false, untold, err
	}
	defer j.Close()
	found, settled, err = rekey.Settle(ctx, c, v.change(a, j))
	if found != nil {
		return found, settled && err == nil, err, nil
	}
	return nil, false, nil, err
}
