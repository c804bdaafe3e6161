package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) valueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "value",
		Short: "Read and change a value file",
		Long: `Read and change a value file. The rights of the file say who may do what:
get, debit, limited-credit and credit can be different keys (desfire ls).

` + helpApp,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.valueGetCommand())
	for _, c := range valueChanges {
		cmd.AddCommand(a.valueChangeCommand(c))
	}
	return cmd
}

// valueResult is what the value verbs print with --json.
type valueResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Before      *int32      `json:"before,omitempty"` // of a change
	Value       int32       `json:"value"`
	DryRun      bool        `json:"dry_run,omitempty"`     // the value would be this
	Unprotected bool        `json:"unprotected,omitempty"` // it may be forged
}

func (a *app) valueGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get APP/FILE",
		Short: "Print the value of a value file",
		Long:  "Print the value of a value file.\n\n" + helpApp,
		Args:  wantsFile(),
		Example: `  desfire value get 121314/1
  desfire value get 121314/1 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, _, err := purseArgs(cmd, args)
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				v, err := a.valueOf(ctx, card, p)
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

// valueOf finds a value file and reads it.
func (a *app) valueOf(ctx context.Context, card *desfire.Card, p *purse) (int32, error) {
	if _, err := a.looseConfig(ctx, card, p); err != nil {
		return 0, err
	}
	return card.Value(ctx, p.file)
}

// valueChange is a verb that changes a value.
type valueChange struct {
	verb         string
	short, long  string
	credit, part bool
}

var valueChanges = []valueChange{
	{"credit", "Add to a value file", "Add AMOUNT to a value file and commit.", true, false},
	{"debit", "Take from a value file", "Take AMOUNT from a value file and commit.", false, false},
	{
		"limited-credit", "Give back what was taken",
		`Give back to a value file, with less right than credit needs, at most what the
last transaction with a debit took, and commit. The file must have been made
with limited credit.`, true, true,
	},
}

func (a *app) valueChangeCommand(c valueChange) *cobra.Command {
	var limited bool
	cmd := &cobra.Command{
		Use:   c.verb + " APP/FILE AMOUNT",
		Short: c.short,
		Long: c.long + `

If the card leaves before it has confirmed the commit, present it again (within
--wait): the value tells whether it was done, and if it was not, it is done
then.

` + helpApp,
		Args: wantsFile("AMOUNT"),
		Example: "  desfire value " + c.verb + " 121314/1 1\n" +
			"  desfire value " + c.verb + " 121314/1 1 --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, rest, err := purseArgs(cmd, args)
			if err != nil {
				return err
			}
			if p.amount, err = parseAmount(cmd, rest[0]); err != nil {
				return err
			}
			p.credit, p.part = c.credit, c.part || limited
			if a.dryRun {
				return a.tryValue(cmd, p)
			}
			return a.changeValue(cmd, p)
		},
	}
	a.readerIDFlag(cmd)
	if c.verb == "credit" {
		cmd.Flags().BoolVar(&limited, "limited", false, "the same as desfire value limited-credit")
	}
	return cmd
}

// changeValue makes one change and makes sure of it.
func (a *app) changeValue(cmd *cobra.Command, p *purse) error {
	pl, err := a.place(cmd)
	if err != nil {
		return err
	}
	if err := a.awaitToKeep(cmd.Context(), pl); err != nil {
		return a.wantsReader(err)
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	once := &ledger.Once{Find: a.finder(p, ledger.Memory(nil)), Order: p.order(), OnSettled: func(r *ledger.Receipt) { a.tellSettled(r) }}
	if err := a.holdOnce(ctx, pl, p.app, once); err != nil {
		return err
	}
	a.warnUnprotected()
	before, after := once.Receipt.Entry.Values[0].Value, once.Receipt.After[0].Value
	if a.json {
		return a.emit(valueResult{cardOf: a.card, Application: p.app, File: p.file, Before: &before, Value: after, Unprotected: a.unprotected.Load()})
	}
	a.printf("%s -> %s\n", strconv.Itoa(int(before)), a.out.Number.Render(strconv.Itoa(int(after))))
	return nil
}

// holdOnce keeps the card until one order is made.
func (a *app) holdOnce(ctx context.Context, pl *place.Place, app wire.Place, once *ledger.Once) error {
	announced := false
	err := once.Run(ctx, func(ctx context.Context, step desfire.Step) error {
		return a.hold(ctx, pl, held{app: app, accept: once.Accept, doubtful: once.Doubtful, wait: a.wait}, func(ctx context.Context, card *desfire.Card) (bool, error) {
			a.saw(card)
			if !announced {
				announced = true
				a.announce(card)
			}
			return step(ctx, card)
		})
	})
	if ctx.Err() != nil && err != nil && once.Doubtful() {
		err = withCode(exitUnknown, errors.New("interrupted while the card was away: whether the change was made is not known"))
	}
	return a.wantsReader(a.notInTime(ctx, err))
}

// tellSettled says what became of a change whose answer was lost.
func (a *app) tellSettled(r *ledger.Receipt) {
	switch r.Decision() {
	case ledger.Happened:
		a.log.Info("the change in doubt was done")
	case ledger.DidNot:
		a.log.Info("the change in doubt was not done: repeating it")
	}
}

// tryValue says what a change would do.
func (a *app) tryValue(cmd *cobra.Command, p *purse) error {
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		a.announce(card)
		conf, err := a.looseConfig(ctx, card, p)
		if err != nil {
			return err
		}
		before, err := card.Value(ctx, p.file)
		if err != nil {
			return err
		}
		fs := &conf.Values[0].Settings
		after, err := p.change().Within(before, fs.Lower, fs.Upper)
		if err != nil {
			return err
		}
		if a.json {
			return a.emit(valueResult{cardOf: a.saw(card), Application: p.app, File: p.file, Before: &before, Value: after, DryRun: true, Unprotected: a.unprotected.Load()})
		}
		a.printf("%d would become %s\n", before, a.out.Number.Render(after))
		return nil
	})
}
