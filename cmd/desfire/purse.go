package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// purse is a value file that is changed step by step, each change made certain
// although the card may leave at any moment.
type purse struct {
	app    wire.Place
	file   wire.FileNo
	amount int32
	credit bool // add instead of take
	part   bool // credit by LimitedCredit

	lower, upper int32
	open         *int32 // value before a commit whose answer was lost
}

// outcome is what became of a change whose commit was not answered.
type outcome uint8

const (
	certain outcome = iota // there was no such commit
	happened
	notHappened
	unclear // the value is neither the old nor the new one
)

func (o outcome) String() string {
	return [...]string{"certain", "done", "not-done", "unknown"}[o]
}

// delta is what one change adds.
func (p *purse) delta() int32 {
	if p.credit {
		return p.amount
	}
	return -p.amount
}

// find checks that the application is there and that the file is a value file.
func (p *purse) find(ctx context.Context, a *app, card *desfire.Card) error {
	p.lower, p.upper = 0, 1<<31-1
	fs, err := a.enterFile(ctx, card, p.app, p.file)
	switch {
	case errors.As(err, new(*noApplicationError)):
		return err
	case inspect.Refused(err) && a.key == nil: // the card will say where the limits are
		return selectPlace(ctx, card, p.app)
	case err != nil:
		return err
	case fs.Type != wire.FileValue:
		return fmt.Errorf("file %d of %s is a %v file, not a value file", p.file, p.app.Words(), fs.Type)
	}
	p.lower, p.upper = fs.Lower, fs.Upper
	return nil
}

// look enters the application, reads the value and settles an open outcome.
func (p *purse) look(ctx context.Context, a *app, card *desfire.Card) (value int32, settled outcome, err error) {
	if err := a.enter(ctx, card, p.app); err != nil {
		return 0, certain, err
	}
	if value, err = card.Value(ctx, p.file); err != nil {
		return 0, certain, err
	}
	if p.open != nil {
		switch value {
		case *p.open + p.delta():
			settled = happened
		case *p.open:
			settled = notHappened
		default:
			settled = unclear
		}
		p.open = nil
	}
	return value, settled, nil
}

// change makes one change and commits it. If the commit's answer is lost, the
// outcome stays open for the next look.
func (p *purse) change(ctx context.Context, a *app, card *desfire.Card, value int32) error {
	var err error
	switch {
	case p.part:
		err = card.LimitedCredit(ctx, p.file, p.amount)
	case p.credit:
		err = card.Credit(ctx, p.file, p.amount)
	default:
		err = card.Debit(ctx, p.file, p.amount)
	}
	if err == nil {
		err = a.nameReader(ctx, card)
	}
	if err != nil {
		return err
	}
	p.open = &value
	err = card.Commit(ctx)
	var unknown *desfire.OutcomeUnknownError
	if !errors.As(err, &unknown) {
		p.open = nil
	}
	return err
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

// hold keeps the card of a purse while step works on it. onChange, which may be
// nil, is told each change besides the log.
func (a *app) hold(ctx context.Context, pl *place.Place, p *purse, every, wait time.Duration, onChange func(desfire.KeepChange), step desfire.Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &patience{limit: wait, end: cancel}
	defer w.present()
	retrying := false
	conf := &desfire.KeepConfig{
		Every: every,
		Accept: func(ctx context.Context, card *desfire.Card) error {
			err := p.find(ctx, a, card)
			if err == nil || lost(err) {
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
			if !a.json && context.Cause(ctx) == nil {
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
	case errors.Is(err, errNoCard) && p.open != nil:
		return fmt.Errorf("the card did not come back within %v: whether the last change was made is not known", wait)
	case errors.Is(err, errNoCard):
		return fmt.Errorf("no card with %s was presented to %s within %v", p.app.Words(), pl.Name, wait)
	case err != nil && cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	}
	return err
}

// lost reports whether the card may give another answer when it is back.
func lost(err error) bool {
	var unknown *desfire.OutcomeUnknownError
	return desfire.SafeToRetry(err) || errors.As(err, &unknown) || errors.Is(err, desfire.ErrClosed) || errors.Is(err, context.Canceled)
}

func (a *app) logChange(p *purse, c desfire.KeepChange, again bool) {
	switch c.State {
	case desfire.KeepWaiting:
		a.log.Debug(fmt.Sprintf("waiting for a card with %s", p.app.Words()))
	case desfire.KeepHolding:
		a.log.Info(fmt.Sprintf("+ Card: %v", c.Card), "reader", c.Reader)
	case desfire.KeepBack:
		a.log.Info(fmt.Sprintf("+ The card is back: %s", c.ID), "reader", c.Reader)
	case desfire.KeepLost:
		a.log.Warn("- Lost the card: put it back", "card", c.ID, "err", text(c.Err))
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

// purseArgs reads APP and FILE.
func purseArgs(cmd *cobra.Command, args []string) (*purse, error) {
	app, err := parseApp(cmd, args[0])
	if err != nil {
		return nil, err
	}
	file, err := parseFile(cmd, args[1])
	if err != nil {
		return nil, err
	}
	return &purse{app: app, file: file}, nil
}
