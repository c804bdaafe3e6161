package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/spf13/cobra"
)

// purseChange are the flags of purse debit and credit.
type purseChange struct {
	journal, id string
	meta        []string
	limited     bool
	noWait      bool
}

func (a *app) purseChangeCommand(credit bool) *cobra.Command {
	var f purseChange
	verb, short, does := "debit", "Take from a card, exactly once", "Take AMOUNT from"
	if credit {
		verb, short, does = "credit", "Add to a card, exactly once", "Add AMOUNT to"
	}
	cmd := &cobra.Command{
		Use:   verb + " AMOUNT",
		Short: short,
		Long: does + ` the value of the card that is presented, exactly once, and print
what became of it and by which rule that is known.

With --id the change has a name. The same command with the same --id again makes
no second change: it prints what is known of the first, without a card if it
happened. If it did not happen, the command makes a new attempt.

If the card leaves before it has confirmed, present it again (within --wait): it
is found out what became of the change, and if it did not happen, it is made
then. With --no-wait the change stays open: the next change on this card, or
desfire purse settle, finds out.

Exit code 0: it happened; 1, or a more exact one: it did not; 7: it is open.`,
		Args:    wants("AMOUNT"),
		Example: "  desfire purse " + verb + " 5 --journal gate.db --id ticket-4711 --meta line=7\n  desfire purse " + verb + " 5 --journal gate.db --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			amount, err := parseAmount(cmd, args[0])
			if err != nil {
				return err
			}
			o := ledger.Order{ID: f.id, Moves: []ledger.Move{{Kind: ledger.Debit, Amount: amount}}}
			switch {
			case credit && f.limited:
				o.Moves[0].Kind = ledger.LimitedCredit
			case credit:
				o.Moves[0].Kind = ledger.Credit
			}
			if cmd.Flags().Changed("id") && f.id == "" {
				return &usageError{cmd, errors.New("--id is empty: want a name of the change")}
			}
			if o.Meta, err = parseMeta(cmd, f.meta); err != nil {
				return err
			}
			file, err := a.openPurse(cmd, f.journal, false)
			if err != nil {
				return err
			}
			o.Moves[0].File = file.conf.Values[0].No
			err = a.makeOrder(cmd, file, o, f.noWait)
			if file.closed {
				return err
			}
			return file.close(err)
		},
	}
	journalFlag(cmd, &f.journal)
	cmd.Flags().StringVar(&f.id, "id", "", "`NAME` of the change, 1 to 64 bytes; it is made once")
	cmd.Flags().StringArrayVar(&f.meta, "meta", nil, "`NAME=VALUE` to keep in the journal with it; may be repeated")
	cmd.Flags().BoolVar(&f.noWait, "no-wait", false, "if the card leaves, do not wait for it: leave the change open")
	if credit {
		cmd.Flags().BoolVar(&f.limited, "limited", false, "give back at most what the last transaction took")
	}
	return cmd
}

// parseMeta reads NAME=VALUE of each --meta.
func parseMeta(cmd *cobra.Command, list []string) (map[string]string, error) {
	var meta map[string]string
	for _, m := range list {
		k, v, ok := strings.Cut(m, "=")
		if !ok || k == "" {
			return nil, &usageError{cmd, fmt.Errorf("--meta %q: want NAME=VALUE", m)}
		}
		if meta == nil {
			meta = map[string]string{}
		}
		if _, twice := meta[k]; twice {
			return nil, &usageError{cmd, fmt.Errorf("--meta %s stands twice", k)}
		}
		meta[k] = v
	}
	return meta, nil
}

// makeOrder makes one change and prints its receipt.
func (a *app) makeOrder(cmd *cobra.Command, file *purseFile, o ledger.Order, noWait bool) error {
	p, err := file.open(a)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	switch r, err := p.Stored(ctx, o); {
	case errors.As(err, new(*ledger.RequestError)):
		return &usageError{cmd, err}
	case err != nil:
		return err
	case r != nil:
		return a.tellReceipt(r)
	}
	once := &ledger.Once{Purse: p, Order: o, OnSettled: a.tellSettled}
	if noWait {
		err = a.orderNow(cmd, file, once)
	} else {
		err = a.orderHeld(cmd, file, once)
	}
	if once.Receipt != nil {
		return errors.Join(a.tellReceipt(once.Receipt), unwritten(file.close(err)))
	}
	return a.tellFailed(ctx, file, once, err)
}

// unwritten is the error of a journal that may not have what became of a change. The
// receipt says it, so that the exit code must not say that nothing happened.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return advise(withCode(exitUnknown, fmt.Errorf("what is said above could not be written into the journal: %w", err)), "Make room, then: desfire purse settle, with the card.")
}

// orderHeld makes the change, and waits for the card if it leaves.
func (a *app) orderHeld(cmd *cobra.Command, file *purseFile, once *ledger.Once) error {
	pl, err := a.place(cmd)
	if err != nil {
		return err
	}
	if err := a.awaitToKeep(cmd.Context(), pl); err != nil {
		return err
	}
	accept := a.acceptPurse(file.conf.Place)
	once.Find = func(ctx context.Context, card *desfire.Card) (*ledger.Purse, error) {
		return once.Purse, accept(ctx, card)
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	return a.holdOnce(ctx, pl, file.conf.Place, once)
}

// orderNow makes the change with the card that is there.
func (a *app) orderNow(cmd *cobra.Command, file *purseFile, once *ledger.Once) error {
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		a.announce(card)
		if err := a.acceptPurse(file.conf.Place)(ctx, card); err != nil {
			return err
		}
		return once.Run(ctx, func(ctx context.Context, step desfire.Step) error {
			for {
				if done, err := step(ctx, card); done || err != nil {
					return err
				}
			}
		})
	})
}

// tellFailed prints what is known of a change that did not happen, or is open.
func (a *app) tellFailed(ctx context.Context, file *purseFile, once *ledger.Once, err error) error {
	var not *ledger.DidNotError
	var doubt *ledger.InDoubtError
	switch {
	case errors.As(err, new(*ledger.BlockedError)):
		return unblockAdvice(err)
	case errors.As(err, new(*ledger.OpenEntryError)):
		return advise(err, "desfire purse settle finds out what became of it, with the card.")
	case errors.As(err, &not):
		return errors.Join(a.tellReceipt(not.Receipt), err)
	case errors.As(err, &doubt):
		return errors.Join(a.tellReceipt(a.current(ctx, file, doubt.Receipt)), a.openAdvice(err))
	case once.Open() != nil:
		return errors.Join(a.tellReceipt(a.current(ctx, file, &ledger.Receipt{Entry: *once.Open()})), a.openAdvice(withCode(exitUnknown, err)))
	}
	if e := openBefore(ctx, file, once.Order.ID); e != nil {
		return errors.Join(a.tellReceipt(&ledger.Receipt{Entry: *e}), a.openAdvice(withCode(exitUnknown, fmt.Errorf("the change was begun before, and is open: %w", err))))
	}
	return err
}

// openBefore is the attempt of a request that an earlier run left open; nil if there is none.
func openBefore(ctx context.Context, file *purseFile, request string) *ledger.Entry {
	if request == "" {
		return nil
	}
	e, err := file.journal.Request(context.WithoutCancel(ctx), request)
	if err != nil || e == nil || !e.IsOpen() {
		return nil
	}
	return e
}

func (a *app) openAdvice(err error) error {
	return advise(err, "With the card: desfire purse settle finds out what became of it. desfire purse status lists what is open.")
}

// current is a receipt as the journal has it now.
func (a *app) current(ctx context.Context, file *purseFile, r *ledger.Receipt) *ledger.Receipt {
	e, err := file.journal.Entry(context.WithoutCancel(ctx), r.Entry.ID)
	if err != nil || e == nil {
		return r
	}
	return &ledger.Receipt{Entry: *e, After: r.After}
}
