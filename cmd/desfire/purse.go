package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
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
	credit bool // add instead of take
	part   bool // credit by LimitedCredit
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

func (p *purse) order() ledger.Order {
	c := p.change()
	return ledger.Order{Moves: []ledger.Move{{File: p.file, Kind: c.Kind, Amount: c.Amount}}}
}

// finder makes the purse of a value file that is used as it is: on any card, against
// accidents, with nobody else at work on it.
func (a *app) finder(p *purse, j ledger.Journal) func(ctx context.Context, card *desfire.Card) (*ledger.Purse, error) {
	return func(ctx context.Context, card *desfire.Card) (*ledger.Purse, error) {
		conf, err := a.looseConfig(ctx, card, p)
		if err != nil {
			return nil, err
		}
		conf.Journal, conf.Terminal = j, terminalName()
		return ledger.Open(*conf)
	}
}

// looseConfig enters the application and finds the file, and sees that it allows what
// will be done.
func (a *app) looseConfig(ctx context.Context, card *desfire.Card, p *purse) (*ledger.Config, error) {
	t, acts := target{p.app, p.file}, p.acts()
	var err error
	if a.ring == nil || a.key != nil { // no settings choose the key
		err = a.enter(ctx, card, p.app, unlock.List)
	} else {
		_, err = a.enterFile(ctx, card, t, acts...)
	}
	if err != nil {
		return nil, err
	}
	d := &ledger.Discovery{Place: p.app, File: p.file, Policy: ledger.Accidents, Others: ledger.OthersNothing, ValueOnly: true}
	if _, ok := card.Session(); ok {
		d.Keys = a.purseKeys(card)
	}
	conf, err := d.Here(ctx, card)
	switch {
	case errors.As(err, new(*ledger.NoFileError)):
		return nil, fmt.Errorf("%w: desfire ls shows what it has", err)
	case err != nil:
		return nil, err
	}
	fs := &conf.Values[0].Settings
	if slices.Contains(acts, inspect.ActLimitedCredit) && !fs.Flags.Has(wire.ValueLimitedCredit) {
		return nil, withCode(exitImpossible, fmt.Errorf("file %d of %s was made without limited credit", p.file, p.app.Words()))
	}
	if a.readerIDText != "" {
		conf.BeforeCommit = a.nameReader
	}
	return conf, entitled(card, t, fs, acts)
}

// purseKeys are the keys of a purse: --key, or the keyring.
func (a *app) purseKeys(card *desfire.Card) keystore.Store {
	if a.key != nil {
		return unlock.One(wire.KeyNo(a.keyNo), a.key, keystore.SourceOf(a.keySpec))
	}
	if card == nil {
		return a.ring
	}
	return a.on(card).Store()
}

// terminalName names this terminal for people who read a journal.
func terminalName() string {
	name, err := os.Hostname()
	if err != nil {
		return "desfire"
	}
	return name
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

// held is the card of a purse that is kept, and what is done with it.
type held struct {
	app      wire.Place
	accept   func(ctx context.Context, card *desfire.Card) error
	doubtful func() bool // it is not known what became of the last change
	every    time.Duration
	wait     time.Duration // for the card; 0 for ever
	// onChange is told each change besides the log. It may be nil, of a verb that says
	// itself which card it holds.
	onChange func(desfire.KeepChange)
}

// hold keeps the card of a purse while step works on it.
func (a *app) hold(ctx context.Context, pl *place.Place, h held, step desfire.Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &patience{limit: h.wait, end: cancel}
	defer w.present()
	retrying := false
	conf := &desfire.KeepConfig{
		Every: h.every,
		Accept: func(ctx context.Context, card *desfire.Card) error {
			a.saw(card)
			if !a.wanted(card.UID()) {
				err := fmt.Errorf("it is %v, and --uid wants %s", card, a.uid)
				if pl.Fixed {
					cancel(withCode(exitNoCard, err))
				}
				return err
			}
			err := h.accept(ctx, card)
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
			case desfire.KeepWaiting, desfire.KeepLost, desfire.KeepNoService, desfire.KeepOther, desfire.KeepRetrying:
				w.waiting()
			case desfire.KeepHolding, desfire.KeepBack:
				w.present()
			}
			var no *desfire.NotDESFireError
			if pl.Fixed && c.State == desfire.KeepOther && errors.As(c.Err, &no) {
				cancel(c.Err)
			}
			mine := h.onChange == nil && c.State == desfire.KeepHolding // the verb says it
			if !a.json && !mine && context.Cause(ctx) == nil && (a.present == nil || c.State == desfire.KeepRetrying) {
				a.logChange(h.app, c, retrying)
			}
			retrying = c.State == desfire.KeepRetrying
			if h.onChange != nil {
				h.onChange(c)
			}
		},
	}
	err := a.keep(ctx, pl, conf, step)
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errNoCard) && h.doubtful():
		return withCode(exitUnknown, fmt.Errorf("the card did not come back within %v: whether the last change was made is not known", h.wait))
	case errors.Is(err, errNoCard):
		return withCode(exitNoCard, fmt.Errorf("no card with %s was presented to %s within %v", h.app.Words(), pl.Name, h.wait))
	case err != nil && cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	case err != nil && a.present != nil && h.doubtful():
		return withCode(exitUnknown, fmt.Errorf("the card left: whether the last change was made is not known: %w", err))
	}
	return err
}

func (a *app) logChange(app wire.Place, c desfire.KeepChange, again bool) {
	switch c.State {
	case desfire.KeepWaiting:
		a.log.Debug(fmt.Sprintf("waiting for a card with %s", app.Words()))
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
		err := c.Err
		if doubt := (*ledger.InDoubtError)(nil); errors.As(err, &doubt) && doubt.Err != nil {
			err = doubt.Err
		}
		a.log.Warn("No answer from the card: connecting again", "err", text(err))
	case desfire.KeepNoService:
		a.log.Warn(text(c.Err))
	}
}

// purseArgs reads the file that args begin with, and returns what follows.
func purseArgs(cmd *cobra.Command, args []string) (p *purse, rest []string, err error) {
	t, rest, err := parseTarget(cmd, args)
	return &purse{app: t.app, file: t.file}, rest, err
}
