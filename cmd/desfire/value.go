package main

import (
	"context"
	"strconv"

	"github.com/go-desfire/desfire"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) valueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "value",
		Short:                      "Read and change a value file",
		Long:                       "Read and change a value file.\n\n" + helpApp,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.valueGetCommand(), a.valueChangeCommand("credit"), a.valueChangeCommand("debit"))
	return cmd
}

// valueResult is what the value verbs print with --json.
type valueResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Before      *int32      `json:"before,omitempty"` // credit, debit
	Value       int32       `json:"value"`
	Unprotected bool        `json:"unprotected,omitempty"` // it may be forged
}

func (a *app) valueGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "get APP FILE",
		Short:   "Print the value of a value file",
		Args:    wants("APP", "FILE"),
		Example: "  desfire value get 121314 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := purseArgs(cmd, args)
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				if err := findPurse(ctx, card, a.ledger(p)); err != nil {
					return err
				}
				v, err := card.Value(ctx, p.file)
				if err != nil {
					return err
				}
				a.warnUnprotected()
				if a.json {
					return a.emit(valueResult{cardOf: a.saw(card), Application: p.app, File: p.file, Value: v, Unprotected: a.unprotected.Load()})
				}
				a.printf("%d\n", v)
				return nil
			})
		},
	}
}

func (a *app) valueChangeCommand(verb string) *cobra.Command {
	var limited bool
	cmd := &cobra.Command{
		Use:   verb + " APP FILE AMOUNT",
		Short: map[string]string{"credit": "Add to a value file", "debit": "Take from a value file"}[verb],
		Long: map[string]string{"credit": "Add AMOUNT to a value file and commit.", "debit": "Take AMOUNT from a value file and commit."}[verb] + `

If the card leaves before it has confirmed the commit, present it again (within
--wait): the value tells whether it was done, and if it was not, it is done then.

` + helpApp,
		Args:    wants("APP", "FILE", "AMOUNT"),
		Example: "  desfire value " + verb + " 121314 1 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := purseArgs(cmd, args)
			if err != nil {
				return err
			}
			if p.amount, err = parseAmount(cmd, args[2]); err != nil {
				return err
			}
			p.credit, p.part = verb == "credit", limited
			return a.changeValue(cmd, p)
		},
	}
	a.readerIDFlag(cmd)
	if verb == "credit" {
		cmd.Flags().BoolVar(&limited, "limited", false, "LimitedCredit: give back what the last transaction took, with less right")
	}
	return cmd
}

// changeValue makes one change and makes sure of it.
func (a *app) changeValue(cmd *cobra.Command, p *purse) error {
	pl, err := a.place(cmd)
	if err != nil {
		return err
	}
	if pl.Ready != nil {
		if err := pl.Ready(cmd.Context()); err != nil {
			return err
		}
	}
	once := &ledger.Once{Purse: a.ledger(p), Change: p.change(), OnLook: func(look ledger.Look) {
		switch look.Outcome {
		case ledger.Done:
			a.log.Info("the change in doubt was done")
		case ledger.NotDone:
			a.log.Info("the change in doubt was not done: repeating it")
		}
	}}
	err = a.hold(cmd.Context(), pl, once.Purse, 0, a.wait, nil, func(ctx context.Context, card *desfire.Card) (bool, error) {
		a.saw(card)
		return once.Step(ctx, card)
	})
	if err != nil {
		return a.wantsReader(err)
	}
	a.warnUnprotected()
	if a.json {
		return a.emit(valueResult{cardOf: a.card, Application: p.app, File: p.file, Before: &once.Before, Value: once.After, Unprotected: a.unprotected.Load()})
	}
	a.printf("%s -> %s\n", strconv.Itoa(int(once.Before)), a.out.Number.Render(strconv.Itoa(int(once.After))))
	return nil
}
