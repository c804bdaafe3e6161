package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) formatCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "format",
		Short: "Delete all applications and files of a card",
		Long: `Delete all applications and files of a card. The keys and settings of the card
itself stay. It shows which card it is and asks, unless --yes. Every card wants
its PICC master key for it.`,
		Args: wants(),
		Example: `  desfire format --key @picc.key
  desfire format --uid 045E --key @picc.key --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.format(ctx, cmd, card)
			})
		},
	}
	return cmd
}

// formatResult is what format prints with --json.
type formatResult struct {
	cardOf
	Format bool `json:"formatted"`
}

func (a *app) format(ctx context.Context, cmd *cobra.Command, card *desfire.Card) error {
	if !card.Generation().Has(wire.FeatureApplications) {
		return withCode(exitImpossible, fmt.Errorf("%v comes with its application and files, and nothing deletes them", card))
	}
	if err := a.enterCard(ctx, card, unlock.Master); err != nil {
		return err
	}
	what := "all its applications and files"
	aids, err := card.Applications(ctx)
	switch {
	case err == nil && len(aids) == 0:
		what = "no application; it is empty already"
	case err == nil:
		names := make([]string, len(aids))
		for i, aid := range aids {
			names[i] = aid.String()
		}
		what = count(len(aids), "application") + ": " + strings.Join(names, " ")
	case !inspect.Refused(err):
		return err
	}
	a.sayf("%s on %s has %s\n", a.err.Title.Render(card), a.at, what)
	if err := a.confirm(cmd, "Delete everything on it?"); err != nil {
		return err
	}
	err = card.Format(ctx)
	switch {
	case errors.Is(err, wire.StatusAuthenticationError):
		return fmt.Errorf("the card wants its PICC master key for this, and nothing was deleted: give it with --key: %w", err)
	case err != nil:
		return mayHaveHappened(err)
	case a.json:
		return a.emit(formatResult{a.saw(card), true})
	}
	a.printf("Formatted %s\n", card)
	return nil
}
