package purse

import (
	"context"
	"errors"
	"sync"
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
	ID      string // what identifies the card, as Keep tells it
	Value   int32  // now: of debited and resolved
	Outcome Result // of resolved
	Before  int32  // of resolved: the value before the debit
	Err     error  // why, of lost, other, retrying, no-service
}

// Drain debits a value file until its credit is gone. Keep and Run are for one
// use.
type Drain struct {
	Purse  *Loose
	Amount int32 // what each debit takes
	Debits int   // how many debits at most; 0 for no end

	// OnEvent is told what happens, by the goroutine of Keep. It may be nil.
	OnEvent func(Event)

	// Summary is complete when Keep or Run has returned.
	Summary Summary

	step sync.Mutex // held during a step
	stop bool       // after this step
}

// Keep drains the card that source presents first and whose application has the
// file, or that conf accepts. After the end of ctx it ends the debit under way
// first. It fails with ctx's error then.
func (d *Drain) Keep(ctx context.Context, source desfire.Source, conf *desfire.KeepConfig) error {
	return d.Run(ctx, func(ctx context.Context, step desfire.Step) error {
		var c desfire.KeepConfig
		if conf != nil {
			c = *conf
		}
		if c.Accept == nil {
			c.Accept = d.Purse.Find
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

// Run is Keep with a desfire.Keep of the caller's: hold calls it with its ctx and
// step, with Loose.Find to accept a card, and passes the changes of state on to
// Changed.
func (d *Drain) Run(ctx context.Context, hold func(ctx context.Context, step desfire.Step) error) error {
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		d.step.Lock()
		d.stop = true
		d.step.Unlock()
		cancel()
	})()
	began := time.Now()
	err := hold(held, d.Step)
	s := &d.Summary
	s.Duration = time.Since(began)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		s.End, err = EndInterrupted, context.Cause(ctx)
	case err != nil:
		s.End = EndFailed
	}
	if d.Purse.Open.Doubtful() {
		s.Unknown++
		s.Final = nil
	}
	return err
}

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
	d.step.Lock()
	defer d.step.Unlock()
	if d.stop {
		return true, nil
	}
	p, s := d.Purse, &d.Summary
	look, err := p.Look(ctx, card)
	if err != nil {
		return false, err
	}
	if look.Outcome != Certain {
		d.resolved(look)
	}
	value := look.Value
	if s.Start == nil {
		start := value
		s.Start = &start
	}
	s.Final = &value
	if d.enough() {
		return true, nil
	}
	floor := max(p.Lower, 0)
	switch {
	case value <= floor:
		s.End = EndEmpty
		return true, nil
	case value-floor < d.Amount && s.Debits == 0:
		return false, &TooLittleError{value - floor, d.Amount}
	case value-floor < d.Amount:
		s.End = EndLeftOver
		return true, nil
	}
	if look, err = p.Change(ctx, card, value, Change{Debit, d.Amount}); err != nil {
		return false, err
	}
	left := look.Value
	s.Final = &left
	switch {
	case look.Was != nil:
		d.resolved(look)
	default:
		s.Debits++
		d.event(Event{Kind: EventDebited, Value: left})
	}
	if look.Refusal != nil && !p.again() {
		return false, look.Refusal
	}
	return d.enough(), nil
}

func (d *Drain) enough() bool {
	if d.Debits == 0 || d.Summary.Debits < d.Debits {
		return false
	}
	d.Summary.End = EndEnough
	return true
}

// resolved counts a debit that was open. One that was refused before its commit
// was sent, and not done, is not worth a word.
func (d *Drain) resolved(look Look) {
	s := &d.Summary
	switch look.Outcome {
	case Done:
		s.Debits++
		s.Resolved++
	case NotDone:
		if !look.Was.Sent {
			return
		}
		s.NotDone++
	case Unknown:
		s.Unknown++
	}
	d.event(Event{Kind: EventResolved, Value: look.Value, Outcome: look.Outcome, Before: look.Was.Before})
}

func (d *Drain) event(e Event) {
	if d.OnEvent != nil {
		d.OnEvent(e)
	}
}
