package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) freeCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "free",
		SuggestFor: []string{"freemem", "memory"},
		Short:      "Print how many bytes of memory are free",
		Long: `Print how many bytes of memory are free, which no key is needed for. Memory is
given out in blocks of 32 bytes. What was deleted gives its memory back with
desfire format only. D40, DESFire Light and NTAG 424 DNA do not tell it.`,
		Args:    wants(),
		Example: "  desfire free",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				if !card.Generation().Has(wire.FeatureEV1Commands) {
					return lacks(card, "command that tells its free memory")
				}
				if err := a.enterCard(ctx, card, unlock.List); err != nil {
					return err
				}
				n, err := card.FreeMemory(ctx)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(freeResult{a.card, n})
				}
				a.printf("%d\n", n)
				return nil
			})
		},
	}
}

// freeResult is what free prints with --json.
type freeResult struct {
	cardOf
	FreeMemory uint32 `json:"free_memory"` // bytes
}
