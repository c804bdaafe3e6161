package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
)

// fleetPick is which of the newest lines are wanted.
type fleetPick struct {
	since string
	most  int
	after time.Time
}

func (p *fleetPick) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.since, "since", "", "only what is newer: a duration such as 2h, or a `TIME` as 2026-11-27 or 2026-11-27T08:00:00Z")
	cmd.Flags().IntVar(&p.most, "most", 50, "how many lines at most; 0 is all")
}

func (p *fleetPick) read(cmd *cobra.Command) error {
	if p.most < 0 {
		return &usageError{cmd, fmt.Errorf("--most %d: want 0 or more", p.most)}
	}
	if p.since == "" {
		return nil
	}
	if d, err := time.ParseDuration(p.since); err == nil && d >= 0 {
		p.after = time.Now().Add(-d)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, p.since, time.Local); err == nil {
			p.after = t
			return nil
		}
	}
	return &usageError{cmd, fmt.Errorf("--since %q: want a duration such as 2h, or a time such as 2026-11-27 or 2026-11-27T08:00:00Z", p.since)}
}

// page is how many lines are asked for at a time.
const fleetPage = 200

// each calls tell with the lines that are wanted, the newest first. page returns some of
// them and how many there are.
func eachLine[T any](p *fleetPick, page func(skip, most int) ([]T, int, error), at func(*T) time.Time, tell func(*T) error) (n int, err error) {
	for skip := 0; ; {
		lines, total, err := page(skip, fleetPage)
		if err != nil {
			return n, err
		}
		for i := range lines {
			switch {
			case p.most > 0 && n == p.most:
				return n, nil
			case !at(&lines[i]).After(p.after):
				continue // clocks of terminals differ: a newer one may follow
			}
			if err := tell(&lines[i]); err != nil {
				return n, err
			}
			n++
		}
		if skip += len(lines); len(lines) == 0 || skip >= total {
			return n, nil
		}
	}
}

// ledgerLine is one line of fleet ledger --json.
type ledgerLine struct{ fleet.LedgerLine }

func (a *app) fleetLedgerCommand() *cobra.Command {
	var p fleetPick
	var open bool
	cmd := &cobra.Command{
		Use:   "ledger [TEXT]",
		Short: "List the changes of values that the centre knows of",
		Long: `List the changes of values that the centre knows of, the newest first, and what they
add up to. TEXT chooses those with it in the id, the request, the UID, or the name of
the agent or terminal; --open those of which it is not known what became.`,
		Args: cobra.MaximumNArgs(1),
		Example: `  desfire fleet ledger --open
  desfire fleet ledger gate7 --since 2h
  desfire fleet ledger --uid 04112233445566 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.read(cmd); err != nil {
				return err
			}
			text := strings.Join(args, "")
			if text != "" && a.uid != "" {
				return &usageError{cmd, fmt.Errorf("%s and --uid both choose lines: want one of them", text)}
			}
			c, err := a.centre(cmd.Context(), true)
			if err != nil {
				return err
			}
			return a.listLedger(cmd.Context(), func(skip, most int) (*fleet.LedgerPage, error) {
				return c.Ledger(cmd.Context(), fleet.LedgerQuery{Text: text + a.uid, Open: open, Skip: skip, Most: most})
			}, &p)
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&open, "open", false, "only changes of which it is not known what became")
	return cmd
}

func (a *app) listLedger(_ context.Context, ask func(skip, most int) (*fleet.LedgerPage, error), p *fleetPick) error {
	var rows [][]string
	var totals fleet.Totals
	n, err := eachLine(p, func(skip, most int) ([]fleet.LedgerLine, int, error) {
		page, err := ask(skip, most)
		if err != nil {
			return nil, 0, centreError(err)
		}
		totals = page.Totals
		return page.Lines, page.Total, nil
	}, func(l *fleet.LedgerLine) time.Time { return l.At }, func(l *fleet.LedgerLine) error {
		if a.uid != "" && !a.wanted(unhex(l.UID)) {
			return nil
		}
		if a.json {
			return a.emit(ledgerLine{*l})
		}
		left := ""
		if l.Value != nil {
			left = strconv.FormatInt(*l.Value, 10)
		}
		rows = append(rows, []string{l.At.UTC().Format(time.DateTime + "Z"), l.Agent, l.UID, l.Application + "/" + strconv.Itoa(l.File), fmt.Sprintf("%+d", l.Amount), left, string(l.State), l.Request})
		return nil
	})
	switch {
	case err != nil || a.json:
		return err
	case n == 0:
		a.printf("No changes\n")
	default:
		a.printTable([]string{"BEGUN", "AGENT", "CARD", "FILE", "CHANGE", "LEFT", "STATE", "REQUEST"}, rows)
	}
	a.sayf("The whole ledger: %s\n", totals.Words())
	return nil
}
