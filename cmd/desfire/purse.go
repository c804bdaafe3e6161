package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/place"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// purse is a value file, and the change of it that a verb is asked for.
type purse struct {
	app    wire.Place
	file   wire.FileNo
	amount int32
	credit bool   // add instead of take
	part   bool   // credit by LimitedCredit
	open   *int32 // the value before such a change whose outcome is not known
}

// acts are what the file must allow.
func (p *purse) acts() []inspect.Act {
	acts := []inspect.Act{inspect.ActGetValue}
	switch {
	case p.amount == 0:
	case p.part:
		acts = append(acts, inspect.ActLimitedCredit)
	case p.credit:
		acts = append(acts, inspect.ActCredit)
	default:
		acts = append(acts, inspect.ActDebit)
	}
	return acts
}

func (p *purse) change() ledger.Change {
	kind := ledger.Debit
	switch {
	case p.part:
		kind = ledger.LimitedCredit
	case p.credit:
		kind = ledger.Credit
	}
	return ledger.Change{Kind: kind, Amount: p.amount}
}

// ledger is the purse as it is entered with --key and --reader-id.
func (a *app) ledger(p *purse) *ledger.Loose {
	l := &ledger.Loose{
		Place: p.app, File: p.file,
		Enter: func(ctx context.Context, card *desfire.Card) error {
			if a.ring == nil || a.key != nil { // no settings choose the key; Find asks for them
				return a.enter(ctx, card, p.app, unlock.List)
			}
			_, err := a.enterFile(ctx, card, target{p.app, p.file}, p.acts()...)
			return err
		},
		BeforeCommit: a.nameReader,
	}
	if p.open != nil {
		l.Open = &ledger.Pending{Change: p.change(), Before: *p.open, Sent: true}
	}
	return l
}

// findPurse finds the file on a card, and sees that it allows what will be done.
func findPurse(ctx context.Context, card *desfire.Card, p *ledger.Loose, acts []inspect.Act) error {
	err := p.Find(ctx, card)
	switch {
	case errors.As(err, new(*ledger.NoFileError)):
		return fmt.Errorf("%w: desfire ls shows what it has", err)
	case err != nil || p.Settings == nil:
		return err
	case slices.Contains(acts, inspect.ActLimitedCredit) && !p.Settings.Flags.Has(wire.ValueLimitedCredit):
		return withCode(exitImpossible, fmt.Errorf("file %d of %s was made without limited credit", p.File, p.Place.Words()))
	}
	return entitled(card, target{p.Place, p.File}, p.Settings, acts)
}

// errNoCard is why a wait for a card ended.
var errNoCard = errors.New("no card")

// patience ends a context when the card stays away for too long.
type patience struct {
	limit time.Duration // 0: never
	end   context.CancelCauseFunc
	timer atomic.Pointer[time.Timer]
}

// waiting starts the clock, unless it runs already: a card that comes and goes
// without ever answering counts as away.
func (w *patience) waiting() {
	if w.limit > 0 && w.timer.Load() == nil {
		w.timer.Store(time.AfterFunc(w.limit, func() { w.end(errNoCard) }))
	}
}

// present stops the clock.
func (w *patience) present() {
	if t := w.timer.Swap(nil); t != nil {
		t.Stop()
	}
}

// hold keeps the card of a purse while step works on it. onChange is told each
// change besides the log. It may be nil, of a verb that says itself which card it
// holds.
func (a *app) hold(ctx context.Context, pl *place.Place, p *ledger.Loose, acts []inspect.Act, every, wait time.Duration, onChange func(desfire.KeepChange), step desfire.Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &patience{limit: wait, end: cancel}
	defer w.present()
	retrying := false
	conf := &desfire.KeepConfig{
		Every: every,
		Accept: func(ctx context.Context, card *desfire.Card) error {
			a.saw(card)
			if !a.wanted(card.UID()) {
				err := fmt.Errorf("it is %v, and --uid wants %s", card, a.uid)
				if pl.Fixed {
					cancel(withCode(exitNoCard, err))
				}
				return err
			}
			err := findPurse(ctx, card, p, acts)
			if err == nil || desfire.Lost(err) || errors.Is(err, context.Canceled) {
				return err
			}
			if !pl.Fixed && errors.As(err, new(*noApplicationError)) {
				return err // the wrong card: wait for the right one
			}
			cancel(err)
			return err
		},
		OnChange: func(c desfire.KeepChange) {
			switch c.State {
			case desfire.KeepWaiting, desfire.KeepLost, desfire.KeepNoService:
				w.waiting()
			case desfire.KeepHolding, desfire.KeepBack:
				w.present()
			}
			var no *desfire.NotDESFireError
			if pl.Fixed && c.State == desfire.KeepOther && errors.As(c.Err, &no) {
				cancel(c.Err)
			}
			mine := onChange == nil && c.State == desfire.KeepHolding // the verb says it
			if !a.json && !mine && context.Cause(ctx) == nil && (a.present == nil || c.State == desfire.KeepRetrying) {
				a.logChange(p, c, retrying)
			}
			retrying = c.State == desfire.KeepRetrying
			if onChange != nil {
				onChange(c)
			}
		},
	}
	err := a.keep(ctx, pl, conf, step)
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errNoCard) && p.Open.Doubtful():
		return withCode(exitUnknown, fmt.Errorf("the card did not come back within %v: whether the last change was made is not known", wait))
	case errors.Is(err, errNoCard):
		return withCode(exitNoCard, fmt.Errorf("no card with %s was presented to %s within %v", p.Place.Words(), pl.Name, wait))
	case err != nil && cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	case err != nil && a.present != nil && p.Open.Doubtful():
		return withCode(exitUnknown, fmt.Errorf("the card left: whether the last change was made is not known: %w", err))
	}
	return err
}

func (a *app) logChange(p *ledger.Loose, c desfire.KeepChange, again bool) {
	switch c.State {
	case desfire.KeepWaiting:
		a.log.Debug(fmt.Sprintf("waiting for a card with %s", p.Place.Words()))
	case desfire.KeepHolding:
		a.log.Info(fmt.Sprintf("+ Card: %v", c.Card), "reader", c.Reader)
	case desfire.KeepBack:
		a.log.Info(fmt.Sprintf("+ The card is back: %s", c.ID), "reader", c.Reader)
	case desfire.KeepLost:
		if c.ID == "" {
			a.log.Warn("- A card left before it was known: present it again", "reader", c.Reader, "err", text(c.Err))
			return
		}
		a.log.Warn("- Lost the card: put it back", "card", c.ID, "reader", c.Reader)
		a.log.Debug("lost", "err", text(c.Err))
	case desfire.KeepOther:
		a.log.Warn("Not the right card, left alone: "+text(c.Err), "reader", c.Reader)
	case desfire.KeepRetrying:
		if again {
			a.log.Debug("connecting again", "err", text(c.Err))
			return
		}
		a.log.Warn("No answer from the card: connecting again", "err", text(c.Err))
	case desfire.KeepNoService:
		a.log.Warn(text(c.Err))
	}
}

// purseArgs reads the file that args begin with, and returns what follows.
func purseArgs(cmd *cobra.Command, args []string) (p *purse, rest []string, err error) {
	t, rest, err := parseTarget(cmd, args)
	return &purse{app: t.app, file: t.file}, rest, err
}
