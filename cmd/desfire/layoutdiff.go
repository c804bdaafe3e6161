package main

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/perso"
	"github.com/spf13/cobra"
)

func (a *app) layoutDiffCommand() *cobra.Command {
	var flags rowFlags
	cmd := &cobra.Command{
		Use:   "diff LAYOUT [DUMP]",
		Short: "Show in what a card, or a dump, differs from a layout",

		SuggestFor: []string{"compare"},
		Long: `Show in what the card on the reader, or the one of a dump, differs from a layout:
settings, versions of keys, files, rights and contents, and what is on it besides.
Keys are compared by their versions, which anybody can give a key: "desfire layout
verify" proves them. The keys of the layout, of the keyring (--keys), or --key read what is not for
everybody.

The exit code is 10 if it differs. What could not be read is told, and is no
difference. Contents that need columns are compared where these are filled.

` + helpRow,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return wants("LAYOUT")(cmd, args)
		},
		Example: `  desfire layout diff visitor.yaml
  desfire layout diff visitor.yaml badge.json --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.readLayout(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.fill(cmd, l, &flags, false); err != nil {
				return err
			}
			layout, err := l.layout()
			if err != nil {
				return err
			}
			if len(args) == 1 && a.ring != nil {
				if err := a.withKeys(cmd.Context(), l); err != nil {
					return err
				}
				a.layoutKeys = l.keys.Have()
			}
			return a.cardOrDump(cmd, args[1:], func(c *inspect.Card, from string) error { return a.layoutDiff(l, layout, c, from) })
		},
		ValidArgsFunction: completeLayout(2),
	}
	flags.register(cmd)
	return cmd
}

// layoutDiffResult is what layout diff prints with --json.
type layoutDiffResult struct {
	cardOf
	Layout      string             `json:"layout"`
	Dump        string             `json:"dump"` // the file; empty: the card on the reader
	Differences []perso.Difference `json:"differences"`
	NotCompared []perso.Difference `json:"not_compared"`
}

func (a *app) layoutDiff(l *layoutFile, layout *perso.Layout, c *inspect.Card, from string) error {
	list, err := perso.Compare(c, layout)
	if err != nil {
		return withCode(exitInput, err)
	}
	r := layoutDiffResult{cardOf: a.card, Layout: l.path, Dump: from}
	r.Differences, r.NotCompared = perso.Parted(append(list, l.open()...))
	if a.json {
		err = a.emit(r)
	} else {
		p := a.results()
		for _, d := range r.Differences {
			p.printf("%s\n", d.String())
		}
		a.remarks().unproven("Not compared", r.NotCompared)
	}
	if n := len(r.Differences); n > 0 && err == nil {
		err = withCode(exitDiffers, fmt.Errorf("%s between %s and %s", count(n, "difference"), l.path, cmp.Or(from, "the card")))
	}
	return err
}
