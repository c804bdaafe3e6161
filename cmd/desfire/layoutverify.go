package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/spf13/cobra"
)

func (a *app) layoutVerifyCommand() *cobra.Command {
	var flags rowFlags
	cmd := &cobra.Command{
		Use:   "verify LAYOUT",
		Short: "Prove that the card is what a layout says",
		Long: `Prove that the card on the reader is what a layout says: read it and compare, and
authenticate with each of its keys, once. What no key can prove by itself, as the
key of a transaction MAC file, is listed apart. What is on the card besides is no
difference. The exit code is 10 if it differs.

Contents that need columns are compared where these are filled.

` + helpLayoutKeys + `

` + helpRow,
		Example: `  desfire layout verify visitor.yaml --keys keys.yaml --csv visitor.csv --row 1
  desfire layout verify visitor.yaml --keys keys.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.layoutFor(cmd, args[0], &flags, false)
			if err != nil {
				return err
			}
			layout, err := l.layout()
			if err != nil {
				return err
			}
			have, want := l.stores()
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				progress := a.progress("verifying the card")
				progress.At(0, 0)
				list, err := perso.Verify(ctx, card, layout, &perso.Config{Have: have, Want: want})
				progress.End()
				if err != nil {
					return err
				}
				a.saw(card)
				r := layoutResult{cardOf: a.card, Layout: l.path, Held: []perso.Note{}}
				r.Differences, r.Unproven = perso.Parted(append(list, l.open()...))
				return a.verified(&r, "Verified")
			})
		},
	}
	flags.register(cmd)
	return wantsLayout(cmd)
}
