package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) uidCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "uid [APP]",
		SuggestFor: []string{"getuid", "carduid", "serial"},
		Short:      "Print the UID of a card, also of one that hides it",
		Long: `Print the UID of a card. A card with a random identifier tells the real one in a
session with any of its keys: --key is a key of APP, of the card itself without
APP, and of the application of a DESFire Light or NTAG 424 DNA.

With a key the card proves its UID; without one it says it in clear, and who
stands between may say another.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wants("APP")(cmd, args)
			}
			return nil
		},
		Example: "  desfire uid\n  desfire uid --key des:0000000000000000",
		RunE: func(cmd *cobra.Command, args []string) error {
			var at *wire.Place
			if len(args) > 0 {
				p, err := parsePlace(cmd, args[0])
				if err != nil {
					return err
				}
				at = &p
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				r, err := a.readCardUID(ctx, card, at)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(r)
				}
				a.printf("%X\n", []byte(r.UID))
				return nil
			})
		},
	}
}

// uidResult is what uid prints with --json. Its UID is the real one.
type uidResult struct {
	cardOf
	RandomID bool `json:"random_id"` // the card shows a random one
	Proven   bool `json:"proven"`    // it was told in a session with MACs
}

func (a *app) readCardUID(ctx context.Context, card *desfire.Card, at *wire.Place) (*uidResult, error) {
	told := card.UID()
	r := &uidResult{cardOf: a.card, RandomID: told == nil && card.KnownVersion() != nil}
	if !a.keyed() {
		if told == nil && !r.RandomID {
			return nil, advise(withCode(exitRight, fmt.Errorf("%v refuses GetVersion, which would tell its identifier; a session tells it, too", card)),
				"Add --key @FILE, a key of the card, or APP and one of its keys.")
		}
		if told == nil {
			return nil, advise(withCode(exitRight, fmt.Errorf("%v shows a random identifier, and tells the real one in a session only", card)),
				"Add --key @FILE, a key of the card, or APP and one of its keys.")
		}
		return r, nil
	}
	if !card.Generation().Has(wire.FeatureCardUID) {
		return r, nil // D40: it has no other
	}
	p := wire.Place{Fixed: card.Generation().FixedName() != nil}
	if at != nil {
		p = *at
	}
	if err := a.enter(ctx, card, p, unlock.List); err != nil {
		return nil, err
	}
	s, ok := card.Session()
	if !ok {
		return nil, advise(withCode(exitRight, fmt.Errorf("the real identifier of %v is told in a session only", card)), "Leave --plain out, or give a key.")
	}
	uid, err := card.CardUID(ctx)
	if err != nil {
		return nil, err
	}
	r.Proven = s.Scheme != wire.SchemeD40
	if told != nil && !bytes.Equal(told, uid) {
		return nil, withCode(exitNotGenuine, fmt.Errorf("the card said %X in clear, and says %X in the session: one of them is forged", told, uid))
	}
	r.UID = uid
	return r, nil
}
