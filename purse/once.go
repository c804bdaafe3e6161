package purse

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
)

// Once makes one order, whatever happens to the card meanwhile: where the card is
// lost before anybody knows what became of the order, it finds that out when the card is back, and
// makes a new attempt if it did not happen. Accept and Step are for desfire.Keep. It is for one
// use.
type Once struct {
	// Find makes the purse when a card is presented, as Discovery.Open does. Nil:
	// Purse is set.
	Find  func(ctx context.Context, card *desfire.Card) (*Purse, error)
	Purse *Purse
	Order Order

	// OnSettled is told what became of an attempt whose answer was lost. It may be
	// nil.
	OnSettled func(*Receipt)

	// Receipt is of the order, when Step has said done, and with a *JournalError where
	// the journal could not write what is known.
	Receipt *Receipt

	again again
	turn  turn
}

// turn lets the step under way end before a context does, so that no change is
// left open without need.
type turn struct {
	step sync.Mutex // held during a step
	stop bool       // after this step
}

// run calls hold with a context that ends after ctx, between two steps.
func (t *turn) run(ctx context.Context, hold func(ctx context.Context) error) error {
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t.step.Lock()
		t.stop = true
		t.step.Unlock()
		cancel()
	})()
	return hold(held)
}

// Run calls hold, a desfire.Keep of the caller's, with a context that ends after the step that is
// under way when ctx ends. It fails with ctx's error then, unless the order was
// made.
func (o *Once) Run(ctx context.Context, hold func(ctx context.Context, step desfire.Step) error) error {
	err := o.turn.run(ctx, func(held context.Context) error { return hold(held, o.Step) })
	if ctx.Err() != nil && o.Receipt == nil && (err == nil || errors.Is(err, context.Canceled)) {
		return context.Cause(ctx)
	}
	return err
}

// Accept makes the purse for a card.
func (o *Once) Accept(ctx context.Context, card *desfire.Card) error {
	return accept(ctx, card, o.Find, &o.Purse)
}

func accept(ctx context.Context, card *desfire.Card, find func(context.Context, *desfire.Card) (*Purse, error), to **Purse) error {
	if find == nil {
		return nil
	}
	p, err := find(ctx, card)
	if err == nil {
		*to = p
	}
	return err
}

// Open is the attempt of which it is not known what became of it; nil if there is
// none.
func (o *Once) Open() *Entry { return o.again.open }

// Step makes the order, or finds out that it was made. Errors are as of Purse.Do.
// A refusal is an error when it came twice.
func (o *Once) Step(ctx context.Context, card *desfire.Card) (done bool, err error) {
	o.turn.step.Lock()
	defer o.turn.step.Unlock()
	if o.turn.stop {
		return true, nil
	}
	if o.again.open != nil {
		r, err := o.again.settle(ctx, o.Purse, card)
		o.settled(r)
		happened := r != nil && r.Decision() == Happened
		if r != nil && (happened || err != nil) {
			o.Receipt = r
		}
		if happened || err != nil {
			return err == nil, err
		}
	}
	r, err := o.Purse.Do(ctx, card, o.Order)
	var not *DidNotError
	switch {
	case errors.As(err, &not) && o.again.may(not):
		o.settled(not.Receipt)
		return false, nil
	case r != nil && errors.As(err, new(*JournalError)):
		o.Receipt = r // it is known, and could not be written
		return false, o.again.failed(r, err)
	case err != nil:
		return false, o.again.failed(nil, err)
	}
	o.again.refusals = 0
	if !r.Stored && r.Rule() != RuleCommit {
		o.settled(r)
	}
	o.Receipt = r
	return true, nil
}

// settled tells what became of an attempt. One of which no commit was sent, and that did
// not happen, is not worth a word.
func (o *Once) settled(r *Receipt) {
	if o.OnSettled != nil && worth(r) {
		o.OnSettled(r)
	}
}

func worth(r *Receipt) bool {
	return r != nil && (r.Decision() != DidNot || r.Entry.Progress.CommitSent)
}

// again says when another attempt is made.
type again struct {
	open     *Entry // begun by us, and not decided
	refusals int    // in a row
}

// settle finds out what became of what is open. With a receipt, it is not open any more; an
// error then says that the journal could not write it.
func (a *again) settle(ctx context.Context, p *Purse, card *desfire.Card) (*Receipt, error) {
	r, err := p.Settle(ctx, card)
	switch {
	case r != nil && r.Entry.ID == a.open.ID && r.Decision() != InDoubt:
		a.open = nil
		return r, err
	case err != nil:
		return nil, a.failed(nil, err)
	}
	// Somebody else has settled it, or this is another card.
	now, err := p.conf.Journal.Entry(ctx, a.open.ID)
	switch {
	case err != nil:
		return nil, &JournalError{err}
	case now == nil:
		return nil, &JournalError{&UnknownIDError{a.open.ID}}
	case now.IsOpen():
		return nil, &InDoubtError{&Receipt{Entry: *now}, fmt.Errorf("it was begun on card %s, and this is another one", now.UID)}
	}
	a.open = nil
	return stored(now), nil
}

// may reports whether a change that did not happen is worth another attempt: a
// refusal that came once may be forged, or an accident.
func (a *again) may(not *DidNotError) bool {
	a.refusals++
	return a.refusals < 2 && (not.Err == nil || errors.As(not.Err, new(*desfire.CommandError)))
}

// failed takes note of what an error left open. What another look at the card may decide is
// made an error that Keep takes for a loss.
func (a *again) failed(r *Receipt, err error) error {
	if r != nil && r.Decision() == InDoubt { // and the journal could not write it
		a.open = &r.Entry
		return err
	}
	var doubt *InDoubtError
	if errors.As(err, new(*OpenEntryError)) || !errors.As(err, &doubt) {
		return err
	}
	a.open = &doubt.Receipt.Entry
	if doubt.Err == nil || desfire.Lost(err) || a.open.blocked() || !mends(err) {
		return err
	}
	return &desfire.OutcomeUnknownError{Command: a.open.Moves[0].Kind.String(), Err: err}
}

// mends reports whether another look at the card may help: not where the journal, the keys or the
// configuration do not let the purse look.
func mends(err error) bool {
	return !errors.As(err, new(*JournalError)) && !errors.As(err, new(*ConfigError)) && !errors.Is(err, keystore.ErrNotFound)
}

// blocked reports whether the last settlement found another history.
func (e *Entry) blocked() bool {
	o := e.Outcome()
	return o != nil && o.Rule == RuleOtherHistory
}
