package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/spf13/cobra"
)

func (a *app) purseSettleCommand() *cobra.Command {
	var path, as, reason string
	cmd := &cobra.Command{
		Use:   "settle [ID]",
		Short: "Find out what became of an open change",
		Long: `Find out, with the card, what became of the change that is open on it: make sure that
nothing of it can still happen, read what the card holds, and decide by the rules of
docs/purse.md.

With --as a person decides instead, for good, and no card is needed: the change
with that ID, or the only one that is open. The reason stays in the journal.
Nothing is booked and no card is changed; evidence that comes later, at the
centre, still counts for more.

Exit code 0: it is decided, or nothing is open; 7: it is still open.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wants("ID")(cmd, args)
			}
			return nil
		},
		Example: `  desfire purse settle --journal gate.db
  desfire purse settle --journal open.db --as not --reason "gate 3 stayed shut"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, ok := map[string]ledger.Decision{"happened": ledger.Happened, "not": ledger.DidNot, "": 0}[as]
			switch {
			case !ok:
				return &usageError{cmd, fmt.Errorf("--as %q: want happened or not", as)}
			case d == 0 && reason != "":
				return &usageError{cmd, errors.New("--reason goes with --as: without it the card decides")}
			case d == 0 && len(args) > 0:
				return &usageError{cmd, errors.New("an ID goes with --as: without it the card tells which change is open on it")}
			case d != 0 && reason == "":
				return &usageError{cmd, errors.New("--reason is missing, for those who read the journal")}
			}
			file, err := a.openPurse(cmd, path, false)
			if err != nil {
				return err
			}
			if d != 0 {
				return file.close(a.decide(cmd, file, args, d, reason))
			}
			return file.close(a.settlePurse(cmd, file))
		},
	}
	journalFlag(cmd, &path)
	cmd.Flags().StringVar(&as, "as", "", "a person says: `happened` or not")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who read the journal: `TEXT`")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{"happened", "not"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) settlePurse(cmd *cobra.Command, file *purseFile) error {
	p, err := file.open(a)
	if err != nil {
		return err
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		if err := a.acceptPurse(file.conf.Place)(ctx, card); err != nil {
			return err
		}
		r, err := p.Settle(ctx, card)
		var doubt *ledger.InDoubtError
		switch {
		case errors.As(err, &doubt):
			return errors.Join(a.tellReceipt(a.current(ctx, file, doubt.Receipt)), advise(err, "desfire purse settle may be repeated as often as you like. A person decides with --as."))
		case errors.As(err, new(*ledger.BlockedError)):
			return unblockAdvice(err)
		case err != nil:
			return err
		case r == nil && a.json:
			return nil
		case r == nil:
			a.printf("Nothing is open on %v\n", card)
			return nil
		}
		return a.tellReceipt(r)
	})
}

// decide takes a person's word.
func (a *app) decide(cmd *cobra.Command, file *purseFile, args []string, d ledger.Decision, reason string) error {
	ctx := cmd.Context()
	e, err := file.openEntry(ctx, cmd, args)
	if err != nil {
		return err
	}
	m := e.Moves[0]
	if err := a.confirm(cmd, fmt.Sprintf("Say that the %s of %d on card %s, begun %s, %s, for good?",
		m.Kind.Words(), m.Amount, e.UID, e.Began.Format("2006-01-02 15:04:05Z"), map[ledger.Decision]string{ledger.Happened: "happened", ledger.DidNot: "did not happen"}[d])); err != nil {
		return err
	}
	r, err := (&ledger.Operator{Journal: file.journal}).Decide(ctx, e.ID, d, reason)
	if err != nil {
		return err
	}
	return a.tellReceipt(r)
}

// openEntry is the entry that args name, or the only one that is open.
func (f *purseFile) openEntry(ctx context.Context, cmd *cobra.Command, args []string) (*ledger.Entry, error) {
	if len(args) > 0 {
		var id ledger.ID
		if err := id.UnmarshalText([]byte(args[0])); err != nil {
			return nil, &usageError{cmd, err}
		}
		e, err := f.journal.Entry(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			return nil, withCode(exitRefused, fmt.Errorf("there is no change %v in the journal: desfire purse journal --open lists those that are open", id))
		case !e.IsOpen():
			return nil, withCode(exitRefused, fmt.Errorf("change %v is decided already: %v by rule %s", id, e.Outcome().Decision, e.Outcome().Rule))
		}
		return e, nil
	}
	var found *ledger.Entry
	n := 0
	for e, err := range f.journal.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		if e.IsOpen() {
			found, n = e, n+1
		}
	}
	switch n {
	case 0:
		return nil, withCode(exitRefused, errors.New("nothing is open in the journal"))
	case 1:
		return found, nil
	}
	return nil, &usageError{cmd, fmt.Errorf("%d changes are open: name one by its ID; desfire purse journal --open lists them", n)}
}

func unblockAdvice(err error) error {
	return advise(err, "When it is known why: desfire purse unblock UID --reason TEXT uses the card again.")
}

func (a *app) purseUnblockCommand() *cobra.Command {
	var path, reason string
	cmd := &cobra.Command{
		Use:   "unblock UID --reason TEXT",
		Short: "Use a blocked card again",
		Long: `Use a card again that has shown another history than the journal's. Find out first
why it did: a restored journal, another terminal with the same slot, a copy of a
card. What the journal expected of the card is forgotten; the reason stays.`,
		Args:    wants("UID"),
		Example: `  desfire purse unblock 04112233445566 --journal blocked.db --reason restored`,
		RunE: func(cmd *cobra.Command, args []string) error {
			uid, err := parseHex(args[0])
			if err != nil {
				return &usageError{cmd, fmt.Errorf("UID: %w", err)}
			}
			if reason == "" {
				return &usageError{cmd, errors.New("--reason is missing, for those who read the journal")}
			}
			file, err := a.openPurse(cmd, path, false)
			if err != nil {
				return err
			}
			return file.close(a.unblock(cmd, file, fmt.Sprintf("%X", uid), reason))
		},
	}
	journalFlag(cmd, &path)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who read the journal: `TEXT`")
	return cmd
}

// purseUnblockResult is what purse unblock prints with --json.
type purseUnblockResult struct {
	Card        string `json:"uid"`
	Application string `json:"application"`
	Was         string `json:"was"` // why it was blocked
	Reason      string `json:"reason"`
}

func (a *app) unblock(cmd *cobra.Command, file *purseFile, uid, reason string) error {
	ctx := cmd.Context()
	card := ledger.CardApp{UID: uid, App: file.conf.Place.String()}
	state, err := file.journal.State(ctx, card)
	switch {
	case err != nil:
		return err
	case state == nil || state.Blocked == "":
		return withCode(exitRefused, fmt.Errorf("card %s is not blocked", uid))
	}
	if err := a.confirm(cmd, fmt.Sprintf("Card %s is blocked: %s. Use it again?", uid, state.Blocked)); err != nil {
		return err
	}
	if err := (&ledger.Operator{Journal: file.journal}).Unblock(ctx, card, reason); err != nil {
		return err
	}
	if a.json {
		return a.emit(purseUnblockResult{uid, card.App, state.Blocked, reason})
	}
	a.printf("Card %s is used again\n", uid)
	return nil
}
