package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/keystore"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/spf13/cobra"
)

func (a *app) purseReconcileCommand() *cobra.Command {
	var holders []string
	var skew time.Duration
	cmd := &cobra.Command{
		Use:   "reconcile FILE...",
		Short: "Decide what is open from the reports of all terminals",
		Long: `Put the reports of terminals together, as desfire purse journal --report writes them,
and decide what they decide: by the transaction MAC key, which a keyring has as
"tmac" of the application, by who owns a number, and by closed books. No card is
needed, and the order of the reports does not matter.

With --holder all terminals that have a key which moves values are named: then
the books of a card are closed when all of them have reported, and the sums
decide what no key does.

It prints what changes, what contradicts and which numbers nobody has reported.
Exit code 0: all is decided; 7: something is still open; 6: something
contradicts.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wants("FILE")(cmd, args)
			}
			return nil
		},
		Example: `  desfire purse reconcile gate.report.json --keys purse.keys.yaml
  desfire purse reconcile gate.report.json --holder gate --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if skew < 0 {
				return &usageError{cmd, fmt.Errorf("--skew %v: want 0 or more", skew)}
			}
			reports, err := a.readReports(cmd, args)
			if err != nil {
				return err
			}
			centre := &ledger.Centre{Keys: noKeys{}, Holders: holders, Skew: skew}
			if a.ring != nil {
				centre.Keys = a.ring
			}
			return a.reconcile(cmd.Context(), centre, reports)
		},
	}
	cmd.Flags().StringArrayVar(&holders, "holder", nil, "`NAME` of a terminal with a key that moves values; may be repeated; all of them or none")
	cmd.Flags().DurationVar(&skew, "skew", 5*time.Minute, "by how much the clocks of two terminals may differ")
	return cmd
}

// maxReport is how long a report may be.
const maxReport = 1 << 30

func (a *app) readReports(cmd *cobra.Command, paths []string) (reports []ledger.Report, err error) {
	for _, path := range paths {
		text, err := a.readUpTo(cmd.Context(), path, maxReport)
		if err != nil {
			return nil, err
		}
		r, err := ledger.ParseReport(text)
		if err != nil {
			return nil, advise(withCode(exitInput, fmt.Errorf("%s: %w", path, err)), "desfire purse journal --report writes reports.")
		}
		reports = append(reports, *r)
	}
	return reports, nil
}

// purseBooks is what purse reconcile prints with --json: one card.
type purseBooks struct{ ledger.CardBooks }

func (a *app) reconcile(ctx context.Context, centre *ledger.Centre, reports []ledger.Report) error {
	books, err := ledger.Reconcile(ctx, centre, reports)
	if err != nil {
		if errors.Is(err, keystore.ErrLocked) || errors.Is(err, context.Canceled) {
			return err
		}
		return withCode(exitInput, err)
	}
	open, alarms := 0, 0
	for _, c := range books.Cards {
		for _, j := range c.Entries {
			if j.Outcome.Decision == ledger.InDoubt {
				open++
			}
		}
		alarms += len(c.Alarms)
		if a.json {
			if err := a.emit(purseBooks{c}); err != nil {
				return err
			}
			continue
		}
		a.printBooks(&c)
	}
	if len(books.Cards) == 0 && !a.json {
		a.printf("No changes in %s\n", count(len(reports), "report"))
	}
	switch {
	case alarms > 0:
		return withCode(exitNotGenuine, fmt.Errorf("the reports contradict: %s; a person has to look", count(alarms, "alarm")))
	case open > 0:
		return withCode(exitUnknown, fmt.Errorf("%s still open", count(open, "change")))
	}
	return nil
}

func (a *app) printBooks(c *ledger.CardBooks) {
	p := a.out
	a.printf("%s, %s: %s\n", p.Title.Render("Card "+c.UID), c.App, count(len(c.Entries), "change"))
	const w = 8
	for _, j := range c.Entries {
		if !j.Changed && j.Outcome.Decision != ledger.InDoubt {
			continue
		}
		style := map[ledger.Decision]screen.Style{ledger.Happened: p.Good, ledger.DidNot: p.Warn, ledger.InDoubt: p.Bad}[j.Outcome.Decision]
		m := j.Entry.Moves[0]
		a.printf("  %s: %s of %d at %s, %v\n", style.Render(j.Outcome.Decision.String()), m.Kind.Words(), m.Amount, j.Entry.Terminal, j.Entry.ID)
		a.fold(w, "rule", fmt.Sprintf("%s: %s", j.Outcome.Rule, j.Outcome.Why))
		for _, n := range j.Outcome.Needs {
			a.fold(w, "needs", n)
		}
	}
	for _, f := range c.Files {
		a.row(w, fmt.Sprintf("file %d", f.File), fmt.Sprintf("moved by %+d, and %+d in doubt", f.Happened, f.InDoubt))
	}
	for _, g := range c.Gaps {
		text := fmt.Sprintf("transaction %d is of nobody who reported", g.First)
		if g.Last != g.First {
			text = fmt.Sprintf("transactions %d to %d are of nobody who reported", g.First, g.Last)
		}
		a.fold(w, "gap", text)
	}
	for _, al := range c.Alarms {
		a.fold(w, "alarm", al.What)
	}
	if c.NoKey != "" {
		a.fold(w, "no key", c.NoKey)
	}
}
