package purse

import (
	"context"
	"errors"
	"time"

	"github.com/go-desfire/desfire"
)

// End is how a drain ended.
type End string

// Ends.
const (
	EndEmpty       End = "empty"       // no credit is left
	EndLeftOver    End = "left-over"   // what is left is less than one debit
	EndEnough      End = "enough"      // as many debits as were wanted
	EndInterrupted End = "interrupted" // the context ended
	EndFailed      End = "failed"
)

// Summary counts what a drain did. Without an unknown outcome, and if nobody
// else changed the value, Start - Amount*Debits = Final.
type Summary struct {
	Card     string // its name
	Start    *int32 // nil if it was never read
	Debits   int    // done, those that were resolved included
	Resolved int    // of them: known only from a second look at the card
	NotDone  int    // commits without a believable answer that had not happened
	Unknown  int    // debits of which nothing is known
	Final    *int32 // nil where it is not known
	Losses   int    // how often the card was lost
	Duration time.Duration
	End      End
	Open     *Entry // the debit of which nothing is known; nil if there is none
}

// Kind of event besides those of desfire.KeepState.
const (
	EventDebited  = "debited"
	EventResolved = "resolved"
)

// Event is something that happened in a drain.
type Event struct {
	// Kind is EventDebited, EventResolved, or what a state of desfire.Keep is
	// called: waiting, holding, lost, back, other, retrying, no-service, done.
	Kind    string
	Reader  string
	ID      string   // what identifies the card, as Keep tells it
	Value   int32    // now: of debited and resolved, unless it is in doubt
	Outcome Decision // of resolved
	Before  int32    // of resolved: the value before the debit
	Receipt *Receipt // of debited and resolved
	Err     error    // why, of lost, other, retrying, no-service
}

// Drain debits a value file until its credit is gone. Keep and Run are for one
// use.
type Drain struct {
	// Find makes the purse when a card is presented, as Discovery.Open does. Nil:
	// Purse is set.
	Find   func(ctx context.Context, card *desfire.Card) (*Purse, error)
	Purse  *Purse
	Amount int32 // what each debit takes
	Debits int   // how many debits at most; 0 for no end

	// OnEvent is told what happens, by the goroutine of Keep. It may be nil.
	OnEvent func(Event)

	// Summary is complete when Keep or Run has returned.
	Summary Summary

	turn  turn
	again again
}

// Keep drains the card that source presents first and for which Find makes a purse, or that conf
// accepts. After the end of ctx it ends the debit under way
// first. It fails with ctx's error then.
func (d *Drain) Keep(ctx context.Context, source desfire.Source, conf *desfire.KeepConfig) error {
	return d.Run(ctx, func(ctx context.Context, step desfire.Step) error {
		var c desfire.KeepConfig
		if conf != nil {
			c = *conf
		}
		if c.Accept == nil {
			c.Accept = d.Accept
		}
		c.OnChange = func(change desfire.KeepChange) {
			d.Changed(change)
			if conf != nil && conf.OnChange != nil {
				conf.OnChange(change)
			}
		}
		return desfire.Keep(ctx, source, &c, step)
	})
}

// Accept makes the purse for a card.
func (d *Drain) Accept(ctx context.Context, card *desfire.Card) error {
	return accept(ctx, card, d.Find, &d.Purse)
}

// Run is Keep with a desfire.Keep of the caller's: hold calls it with its ctx and
// step, with Accept, and passes the changes of state on to Changed.
func (d *Drain) Run(ctx context.Context, hold func(ctx context.Context, step desfire.Step) error) error {
	began := time.Now()
	err := d.turn.run(ctx, func(held context.Context) error { return hold(held, d.Step) })
	s := &d.Summary
	s.Duration = time.Since(began)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		s.End, err = EndInterrupted, context.Cause(ctx)
	case err != nil:
		s.End = EndFailed
	}
	if open := d.again.open; d.Doubtful() {
		s.Unknown++
		s.Final, s.Open = nil, open
	}
	return err
}

// Doubtful reports whether it is not known what became of the last debit. Without
// somebody between reader and card one that was not committed did not happen.
func (d *Drain) Doubtful() bool { return d.again.open.doubtful() }

func (e *Entry) doubtful() bool {
	return e != nil && (e.Progress.CommitSent || e.Policy != Accidents)
}

// Doubtful reports whether it is not known what became of the order.
func (o *Once) Doubtful() bool { return o.again.open.doubtful() }

// Changed takes note of a change of state of Keep.
func (d *Drain) Changed(c desfire.KeepChange) {
	switch c.State {
	case desfire.KeepHolding:
		d.Summary.Card = c.Card.String()
	case desfire.KeepLost:
		d.Summary.Losses++
	}
	d.event(Event{Kind: c.State.String(), Reader: c.Reader, ID: c.ID, Err: c.Err})
}

// Step is one debit, or the end. It is a desfire.Step.
func (d *Drain) Step(ctx context.Context, card *desfire.Card) (done bool, err error) {
	d.turn.step.Lock()
	defer d.turn.step.Unlock()
	if d.turn.stop {
		return true, nil
	}
	if d.again.open != nil {
		r, err := d.again.settle(ctx, d.Purse, card)
		if r != nil {
			d.resolved(r)
		}
		if err != nil {
			return false, err
		}
	}
	if d.enough() {
		return true, nil
	}
	r, err := d.Purse.Debit(ctx, card, Request{Amount: d.Amount})
	var limit *LimitError
	var not *DidNotError
	switch {
	case errors.As(err, &limit):
		return d.ended(limit)
	case errors.As(err, &not):
		again := d.again.may(not)
		d.resolved(not.Receipt)
		if again {
			err = nil
		}
		return false, err
	case err != nil:
		if r != nil && r.Decision() != InDoubt { // and the journal could not write it
			d.done(r)
			return false, err
		}
		err = d.again.failed(r, err)
		if open := d.again.open; open != nil {
			d.start(open.Values)
			d.Summary.Final = nil
		}
		return false, err
	}
	d.done(r)
	return d.enough(), nil
}

// done counts a debit that is decided.
func (d *Drain) done(r *Receipt) {
	if r.Rule() != RuleCommit {
		d.resolved(r)
		return
	}
	d.again.refusals = 0
	d.Summary.Debits++
	d.know(r)
	d.event(Event{Kind: EventDebited, Value: *d.Summary.Final, Receipt: r})
}

// ended says how a drain ends whose card has less than one debit.
func (d *Drain) ended(limit *LimitError) (done bool, err error) {
	s, value := &d.Summary, limit.Value
	if limit.Change.After(value) > int64(limit.Limit) {
		s.Final = nil
		return false, limit // more than a card can hold: it is not true
	}
	s.Final = &value
	d.start([]ValueBefore{{Value: value}})
	have := value - max(limit.Limit, 0)
	switch {
	case have <= 0:
		s.End = EndEmpty
	case s.Debits == 0:
		return false, &TooLittleError{have, d.Amount}
	default:
		s.End = EndLeftOver
	}
	return true, nil
}

func (d *Drain) enough() bool {
	if d.Debits == 0 || d.Summary.Debits < d.Debits {
		return false
	}
	d.Summary.End = EndEnough
	return true
}

// start takes note of the first value.
func (d *Drain) start(before []ValueBefore) {
	if d.Summary.Start == nil && len(before) > 0 {
		v := before[0].Value
		d.Summary.Start = &v
	}
}

// know takes note of the values before and after a debit.
func (d *Drain) know(r *Receipt) {
	d.start(r.Entry.Values)
	v := r.Entry.Values[0].Value
	switch {
	case len(r.After) > 0:
		v = r.After[0].Value
	case r.Decision() == Happened:
		v -= d.Amount
	}
	d.Summary.Final = &v
}

// resolved counts a debit that was open. One that was refused before its commit
// was sent, and not done, is not worth a word.
func (d *Drain) resolved(r *Receipt) {
	d.know(r)
	s := &d.Summary
	switch r.Decision() {
	case Happened:
		d.again.refusals = 0
		s.Debits++
		s.Resolved++
	case DidNot:
		if !worth(r) {
			return
		}
		s.NotDone++
	}
	d.event(Event{Kind: EventResolved, Value: *s.Final, Outcome: r.Decision(), Before: r.Entry.Values[0].Value, Receipt: r})
}

func (d *Drain) event(e Event) {
	if d.OnEvent != nil {
		d.OnEvent(e)
	}
}
