package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) drainCommand() *cobra.Command {
	var amount string
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "drain APP FILE",
		Short: "Debit a value file again and again until its credit is gone",
		Long: `Debit a value file again and again until its credit is gone, whatever happens to
the card: when it leaves, drain waits for the same card and goes on.

A debit counts when the card has confirmed its commit. If that answer is lost,
nobody can know whether it happened until the card is back: then the value is
read again, and the debit is reported as done, not done, or (when the value is
neither the old nor the new one) unknown. A summary ends it, also after Ctrl-C.

` + helpApp,
		Args: wants("APP", "FILE"),
		Example: `  desfire drain 121314 1
  desfire drain 121314 1 --amount 5 --every 250ms --reader tcp:localhost:9000`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := purseArgs(cmd, args)
			if err != nil {
				return err
			}
			if p.amount, err = parseAmount(cmd, amount); err != nil {
				return err
			}
			if every < 0 {
				return &usageError{cmd, fmt.Errorf("--every %v: want 0 or more", every)}
			}
			pl, err := a.place(cmd)
			if err != nil {
				return err
			}
			if pl.Ready != nil {
				if err := pl.Ready(cmd.Context()); err != nil {
					a.log.Warn(oneLine(err))
				}
			}
			return newDrain(a, p).run(cmd.Context(), pl, every)
		},
	}
	a.readerIDFlag(cmd)
	cmd.Flags().StringVar(&amount, "amount", "1", "what each debit takes")
	cmd.Flags().DurationVar(&every, "every", time.Second, "time from one debit to the next")
	return cmd
}

// drainEvent is one line of drain --json before the summary.
type drainEvent struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"` // waiting, holding, lost, back, other, retrying, no-service, debited, resolved
	Card    string    `json:"card"`
	Reader  string    `json:"reader"`
	Value   *int32    `json:"value"`
	Outcome string    `json:"outcome"` // of resolved: done, not-done, unknown
	Error   string    `json:"error"`
}

// drainSummary is the last line of drain --json. Without an unknown outcome,
// Start - Amount*Debits = Final.
type drainSummary struct {
	Event       string      `json:"event"`
	Card        string      `json:"card"`
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Amount      int32       `json:"amount"`
	Start       *int32      `json:"start"`
	Debits      int         `json:"debits"`       // done, those that were resolved included
	Resolved    int         `json:"resolved"`     // of them: known only after the card came back
	NotDone     int         `json:"resolved_not"` // commits without an answer that had not happened
	Unknown     int         `json:"unknown"`      // commits of which nothing is known
	Final       *int32      `json:"final"`        // null where it is not known
	Losses      int         `json:"losses"`       // how often the card was lost
	Seconds     float64     `json:"seconds"`
	Unprotected bool        `json:"unprotected,omitempty"` // what the card said may be forged
	End         string      `json:"end"`                   // empty, left-over, interrupted, failed
}

type drain struct {
	*app
	purse *purse
	sum   drainSummary
	card  string
	step  sync.Mutex // held during a step
	stop  bool       // after this step
}

func newDrain(a *app, p *purse) *drain {
	return &drain{app: a, purse: p, sum: drainSummary{Event: "summary", Application: p.app, File: p.file, Amount: p.amount}}
}

// run drains the purse. After Ctrl-C it ends the step under way, so that no
// outcome stays open without need.
func (d *drain) run(ctx context.Context, pl *place.Place, every time.Duration) error {
	hold, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		d.step.Lock()
		d.stop = true
		d.step.Unlock()
		cancel()
	})()
	if !d.json {
		d.log.Info(fmt.Sprintf("Present the card with %s to debit its file %d; Ctrl-C ends.", d.purse.app.Words(), d.purse.file), "reader", pl.Name)
	}
	began := time.Now()
	err := d.hold(hold, pl, d.purse, every, 0, d.changed, d.once)
	d.sum.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
	d.sum.Card = d.card
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		d.sum.End, err = "interrupted", errInterrupted
	case err != nil:
		d.sum.End = "failed"
	}
	if d.purse.open != nil {
		d.sum.Unknown++
		d.sum.Final = nil
	}
	return errors.Join(err, d.summary())
}

// once is one debit.
func (d *drain) once(ctx context.Context, card *desfire.Card) (done bool, err error) {
	d.step.Lock()
	defer d.step.Unlock()
	if d.stop {
		return true, nil
	}
	p := d.purse
	before := p.open
	value, settled, err := p.look(ctx, d.app, card)
	if err != nil {
		return false, err
	}
	if settled != certain {
		d.resolved(settled, *before, value)
	}
	if d.sum.Start == nil {
		start := value
		d.sum.Start = &start
	}
	d.sum.Final = &value
	floor := max(p.lower, 0)
	switch {
	case value <= floor:
		d.line("No value left on the card", "value", value)
		d.sum.End = "empty"
		return true, nil
	case value-floor < p.amount && d.sum.Debits == 0:
		return false, fmt.Errorf("the card has %d to give, less than the amount of one debit, %d: nothing was debited; take --amount %d or less", value-floor, p.amount, value-floor)
	case value-floor < p.amount:
		d.line("What is left is less than one debit", "value", value, "amount", p.amount)
		d.sum.End = "left-over"
		return true, nil
	}
	if err := p.change(ctx, d.app, card, value); err != nil {
		return false, err
	}
	left := value - p.amount
	d.sum.Debits++
	d.sum.Final = &left
	d.line("Debited "+strconv.Itoa(int(p.amount)), "left", left)
	d.event(drainEvent{Event: "debited", Value: &left})
	return false, nil
}

// resolved counts a debit whose commit had no answer.
func (d *drain) resolved(o outcome, before, value int32) {
	switch o {
	case happened:
		d.sum.Debits++
		d.sum.Resolved++
		d.line("The debit without an answer was done", "before", before, "left", value)
	case notHappened:
		d.sum.NotDone++
		d.line("The debit without an answer was not done", "left", value)
	case unclear:
		d.sum.Unknown++
		if !d.json {
			d.log.Warn("Whether the debit without an answer was done is not known: another program changed the value", "before", before, "left", value)
		}
	}
	d.event(drainEvent{Event: "resolved", Value: &value, Outcome: o.String()})
}

func (d *drain) changed(c desfire.KeepChange) {
	switch c.State {
	case desfire.KeepHolding:
		d.card = c.Card.String()
	case desfire.KeepLost, desfire.KeepRetrying:
		d.sum.Losses++
	}
	if c.State == desfire.KeepRetrying { // the same loss until the card is back
		d.sum.Losses--
	}
	if c.State == desfire.KeepDone {
		return // the summary says it
	}
	d.event(drainEvent{Event: c.State.String(), Reader: c.Reader, Error: text(c.Err)})
}

func (d *drain) line(text string, attrs ...any) {
	if !d.json {
		d.log.Info(text, attrs...)
	}
}

func (d *drain) event(e drainEvent) {
	if d.json {
		e.Time, e.Card = time.Now(), d.card
		_ = d.emit(e)
	}
}

// summary says how it went.
func (d *drain) summary() error {
	s := &d.sum
	s.Unprotected = d.unprotected.Load()
	if d.json {
		return d.emit(s)
	}
	d.warnUnprotected()
	if s.Start == nil || s.End == "failed" && s.Debits+s.NotDone+s.Unknown == 0 {
		return nil // the error says all
	}
	p := d.out
	row := func(name, value string) { d.printf("  %s%s  %s\n", name, pad(name, 12), value) }
	d.printf("%s %s, %s, file %d\n", p.title.Render("Summary:"), s.Card, s.Application.Words(), s.File)
	row("start value", p.number.Render(strconv.Itoa(int(*s.Start))))
	done := count(s.Debits, "debit") + " of " + strconv.Itoa(int(s.Amount))
	if s.Resolved > 0 {
		done += fmt.Sprintf(", %d of them found done when the card was back", s.Resolved)
	}
	row("done", p.good.Render(done))
	if s.NotDone > 0 {
		row("not done", count(s.NotDone, "debit")+" without an answer, not done and repeated")
	}
	if s.Unknown > 0 {
		row("unknown", p.bad.Render(count(s.Unknown, "debit")+" of which nobody knows"))
	}
	if s.Losses > 0 {
		row("card lost", count(s.Losses, "time"))
	}
	switch {
	case s.Final != nil:
		row("final value", p.number.Render(strconv.Itoa(int(*s.Final))))
	case d.purse.open != nil:
		row("final value", p.bad.Render(fmt.Sprintf("%d or %d: read it with desfire value get %v %d", *d.purse.open-s.Amount, *d.purse.open, s.Application, s.File)))
	}
	row("end", s.End)
	return nil
}
