package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/gate"
	"github.com/go-desfire/desfire/wire"
)

func (a *app) fleetOrderCommand() *cobra.Command {
	var id string
	var credit bool
	var meta []string
	var file uint8
	cmd := &cobra.Command{
		Use:   "order AGENT/READER AMOUNT",
		Short: "Have a gate debit the card at one of its readers",
		Long: `Have a gate debit the card at one of its readers, or the first that is presented there
within --wait. The gate does it alone, by its own journal and keys; this program need
not stay. The same --id again makes no second change: it prints what became of
the first.

The agent has to have a purse: desfire agent --purse.`,
		Args: wants("AGENT/READER", "AMOUNT"),
		Example: `  desfire fleet order gate7/acr122 5 --id ticket-4711
  desfire fleet order gate7/acr122 20 --credit --id top-up-3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, reader, ok := strings.Cut(strings.TrimPrefix(args[0], "nats:"), "/")
			if !ok || remote.CheckName(agent) != nil || remote.CheckName(reader) != nil {
				return &usageError{cmd, fmt.Errorf("%q: want AGENT/READER as desfire fleet readers shows it", args[0])}
			}
			amount, err := parseAmount(cmd, args[1])
			if err != nil {
				return err
			}
			o := ledger.Order{ID: id, Moves: []ledger.Move{{File: wire.FileNo(file), Kind: ledger.Debit, Amount: amount}}}
			if credit {
				o.Moves[0].Kind = ledger.Credit
			}
			if o.ID == "" {
				o.ID = "order " + rand.Text()
			}
			if o.Meta, err = parseMeta(cmd, meta); err != nil {
				return err
			}
			if o.UID, err = a.wholeUID(cmd); err != nil {
				return err
			}
			c, err := a.centre(cmd.Context(), false)
			if err != nil {
				return err
			}
			return a.order(cmd.Context(), &gate.Client{Conn: c.Conn, Fleet: c.Fleet}, agent, reader, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&id, "id", "", "`NAME` of the change, 1 to 64 bytes; it is made once (default a new one)")
	f.StringArrayVar(&meta, "meta", nil, "`NAME=VALUE` to keep in the journal with it; may be repeated")
	f.BoolVar(&credit, "credit", false, "add the amount instead of taking it")
	f.Uint8Var(&file, "file", 1, "`NUMBER` of the value file, where the gate's purse has several or another one")
	return cmd
}

// wholeUID is --uid where only all of a UID will do; nil without it.
func (a *app) wholeUID(cmd *cobra.Command) ([]byte, error) {
	if a.uid == "" {
		return nil, nil
	}
	uid, err := parseHex(a.uid)
	if err != nil || len(uid) != 4 && len(uid) != 7 && len(uid) != 10 {
		return nil, &usageError{cmd, fmt.Errorf("--uid %s: want all of the UID: the order is for that card and no other", a.uid)}
	}
	return uid, nil
}

// order makes one order and prints its receipt.
func (a *app) order(ctx context.Context, c *gate.Client, agent, reader string, o ledger.Order) error {
	r, err := c.Order(ctx, agent, reader, o, a.wait)
	if r != nil {
		err = errors.Join(a.tellReceipt(r), err)
	}
	var refused *gate.OrderError
	switch {
	case errors.Is(err, gate.ErrAway):
		return advise(err, "desfire fleet readers shows which agents are there; desfire agent --purse takes orders.")
	case errors.As(err, new(*gate.UnansweredError)):
		return advise(err, "The same command with --id %q tells what became of it.", o.ID)
	case errors.As(err, &refused) && refused.Code == gate.CodeReader:
		return a.noReader(ctx, agent, err)
	}
	return err
}

// noReader says which readers an agent has.
func (a *app) noReader(ctx context.Context, agent string, err error) error {
	s, failed := a.fleetNow(ctx)
	if failed != nil {
		return err
	}
	var has []string
	if ag := s.Agent(agent); ag != nil {
		for _, r := range ag.Readers {
			has = append(has, r.ID)
		}
	}
	if len(has) == 0 {
		return advise(err, "It has no readers.")
	}
	return advise(err, "It has %s.", strings.Join(has, ", "))
}
