package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) formatCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "format",
		Short: "Delete all applications and files of a card",
		Long: `Delete all applications and files of a card. The keys and settings of the card
itself stay. It shows which card it is and asks, unless --yes. Every card wants
its PICC master key for it.`,
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.format(ctx, cmd, card, yes)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// formatResult is what format prints with --json.
type formatResult struct {
	Card   string   `json:"card"`
	UID    hexBytes `json:"uid"`
	Format bool     `json:"formatted"`
}

var errNotConfirmed = errors.New("not confirmed: nothing was done")

func (a *app) format(ctx context.Context, cmd *cobra.Command, card *desfire.Card, yes bool) error {
	if !card.Generation().Has(wire.FeatureApplications) {
		return fmt.Errorf("%v comes with its application and files, and nothing deletes them", card)
	}
	if err := a.enterCard(ctx, card); err != nil {
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
	fmt.Fprintf(a.stderr, "%s on %s has %s\n", a.err.title.Render(card.String()), a.at, what)
	if !yes {
		if err := a.confirm(cmd, "Delete everything on it? Type yes: "); err != nil {
			return err
		}
	}
	err = card.Format(ctx)
	switch {
	case errors.Is(err, wire.StatusAuthenticationError):
		return fmt.Errorf("the card wants its PICC master key for this, and nothing was deleted: give it with --key: %w", err)
	case err != nil:
		return mayHaveHappened(err)
	case a.json:
		return a.emit(formatResult{card.String(), card.UID(), true})
	}
	a.printf("Formatted %s\n", card)
	return nil
}

// confirm asks a question on stderr and reads the answer.
func (a *app) confirm(cmd *cobra.Command, question string) error {
	fmt.Fprint(a.stderr, question)
	line := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(a.stdin)
		in.Scan()
		line <- in.Text()
	}()
	select {
	case answer := <-line:
		if !terminal(a.stdin) {
			fmt.Fprintln(a.stderr)
		}
		if strings.EqualFold(strings.TrimSpace(answer), "yes") {
			return nil
		}
		return errNotConfirmed
	case <-cmd.Context().Done():
		fmt.Fprintln(a.stderr)
		return cmd.Context().Err()
	}
}
