package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/place"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) drainCommand() *cobra.Command {
	var amount, path string
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "drain APP FILE",
		Short: "Debit a value file again and again until its credit is gone",
		Long: `Debit a value file again and again until its credit is gone, whatever happens to
the card: when it leaves, drain waits for the same card and goes on.

A debit counts when the card has confirmed its commit. If that answer is lost,
nobody can know whether it happened until the card is back: then the value is
read again, and the debit is reported as done, not done, or (when the value is
neither the old nor the new one) unknown, which ends the drain. A summary ends
it, also after Ctrl-C. With --journal what is open is known to the next drain
with that journal as well, after a crash too. desfire purse takes receipts.

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire drain 121314 1
  desfire drain 121314 1 --amount 5 --every 250ms --reader tcp:localhost:9000`,
		RunE: func(cmd *cobra.Command, args []string) (failed error) {
			p, _, err := purseArgs(cmd, args)
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
			d := newDrain(a, p)
			if path != "" {
				j, err := boltjournal.Open(path, boltjournal.Options{Program: cmd.CommandPath()})
				if err != nil {
					return badJournal(path, err)
				}
				defer func() { failed = errors.Join(failed, withCode(exitInput, j.Close())) }()
				d.journal = j
			}
			ctx, cancel := a.endless(cmd.Context())
			defer cancel()
			if err := a.awaitToKeep(ctx, pl); err != nil {
				return a.wantsReader(err)
			}
			ctx, end := a.limited(ctx)
			defer end()
			err = d.run(ctx, pl, every)
			switch {
			case !errors.Is(err, errInterrupted) || cmd.Context().Err() != nil:
			case errors.Is(ctx.Err(), context.DeadlineExceeded):
				err = errors.Join(withCode(exitNoCard, fmt.Errorf("there is still credit after --timeout %v", a.timeout)), a.unwritten())
			default:
				err = a.unwritten()
			}
			return err
		},
	}
	a.readerIDFlag(cmd)
	cmd.Flags().StringVar(&amount, "amount", "1", "what each debit takes")
	cmd.Flags().DurationVar(&every, "every", time.Second, "time from one debit to the next")
	cmd.Flags().StringVar(&path, "journal", "", "keep a journal of the debits in `FILE`")
	_ = cmd.MarkFlagFilename("journal")
	return cmd
}

// drainEvent is one line of drain --json before the summary.
type drainEvent struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"` // waiting, holding, lost, back, other, retrying, no-service, debited, resolved
	cardOf
	Value   *int32 `json:"value"`
	Outcome string `json:"outcome"` // of resolved: done, not-done
	Reason  string `json:"reason"`
}

// drainSummary is the last line of drain --json. Without an unknown outcome,
// Start - Amount*Debits = Final.
type drainSummary struct {
	Event string `json:"event"`
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Amount      int32       `json:"amount"`
	Start       *int32      `json:"start"`
	Debits      int         `json:"debits"`       // done, those that were resolved included
	Resolved    int         `json:"resolved"`     // of them: known only after the card came back
	NotDone     int         `json:"resolved_not"` // debits in doubt that had not happened
	Unknown     int         `json:"unknown"`      // commits of which nothing is known
	Final       *int32      `json:"final"`        // null where it is not known
	Losses      int         `json:"losses"`       // how often the card was lost
	Seconds     float64     `json:"seconds"`
	Unprotected bool        `json:"unprotected,omitempty"` // what the card said may be forged
	End         string      `json:"end"`                   // empty, left-over, interrupted, failed
	// Policy is what may stand between reader and card for the counts to hold: accidents.
	Policy ledger.Policy `json:"policy"`
}

type drain struct {
	*app
	purse   *purse
	journal ledger.Journal
	sum     drainSummary
	open    *ledger.Entry // the debit of which nothing is known; nil if there is none
}

// policyWords say what a policy excludes.
var policyWords = map[ledger.Policy]string{
	ledger.Accidents: "against accidents; who forges answers is not excluded",
	ledger.Hostile:   "also against somebody who forges answers",
}

// outcomeWords are decisions as drain and demo print them.
var outcomeWords = map[ledger.Decision]string{ledger.Happened: "done", ledger.DidNot: "not-done", ledger.InDoubt: "unknown"}

func newDrain(a *app, p *purse) *drain {
	return &drain{app: a, purse: p, journal: ledger.Memory(nil), sum: drainSummary{Event: "summary", Policy: ledger.Accidents, Application: p.app, File: p.file, Amount: p.amount}}
}

// run drains the purse. After Ctrl-C it ends the step under way, so that no
// outcome stays open without need.
func (d *drain) run(ctx context.Context, pl *place.Place, every time.Duration) error {
	if !d.json && d.present == nil {
		d.log.Info(fmt.Sprintf("Present the card with %s to debit its file %d; Ctrl-C ends.", d.purse.app.Words(), d.purse.file), "reader", pl.Name)
	}
	loop := &ledger.Drain{Find: d.finder(d.purse, d.journal), Amount: d.purse.amount}
	loop.OnEvent = func(e ledger.Event) { d.tell(&loop.Summary, e) }
	err := loop.Run(ctx, func(ctx context.Context, step desfire.Step) error {
		return d.hold(ctx, pl, held{app: d.purse.app, accept: loop.Accept, doubtful: loop.Doubtful, every: every, onChange: loop.Changed}, step)
	})
	s := &loop.Summary
	d.sum.cardOf, d.sum.Start, d.sum.Final, d.sum.End = d.card, s.Start, s.Final, string(s.End)
	d.sum.Debits, d.sum.Resolved, d.sum.NotDone, d.sum.Unknown, d.sum.Losses = s.Debits, s.Resolved, s.NotDone, s.Unknown, s.Losses
	d.sum.Seconds = s.Duration.Round(time.Millisecond).Seconds()
	var little *ledger.TooLittleError
	switch {
	case s.End == ledger.EndInterrupted && d.present != nil && s.Unknown > 0:
		err = withCode(exitUnknown, errors.New("the card left: whether the last debit was made is not known"))
	case s.End == ledger.EndInterrupted:
		err = errInterrupted
	case errors.As(err, &little):
		err = fmt.Errorf("%w; take --amount %d or less", err, little.Have)
	case s.End == ledger.EndEmpty:
		d.line("No value left on the card", "value", *s.Final)
	case s.End == ledger.EndLeftOver:
		d.line("What is left is less than one debit", "value", *s.Final, "amount", d.purse.amount)
	}
	d.open = s.Open
	return errors.Join(err, d.summary())
}

// tell says what happened.
func (d *drain) tell(s *ledger.Summary, e ledger.Event) {
	line := drainEvent{Time: time.Now(), Event: e.Kind, cardOf: d.card, Reason: text(e.Err)}
	switch e.Kind {
	case desfire.KeepDone.String():
		return // the summary says it
	case ledger.EventDebited:
		line.Value = &e.Value
		d.line("Debited "+strconv.Itoa(int(d.purse.amount)), "left", e.Value)
	case ledger.EventResolved:
		line.Value, line.Outcome = &e.Value, outcomeWords[e.Outcome]
		switch e.Outcome {
		case ledger.Happened:
			d.line("The debit in doubt was done", "before", e.Before, "left", e.Value)
		case ledger.DidNot:
			d.line("The debit in doubt was not done", "left", e.Value)
		}
	}
	if d.json {
		_ = d.emit(line)
	}
}

func (d *drain) line(text string, attrs ...any) {
	if !d.json {
		d.log.Info(text, attrs...)
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
	row := func(name string, value any) { d.printf("  %s%s  %s\n", name, screen.Pad(name, 12), value) }
	d.printf("%s %s, %s, file %d\n", p.Title.Render("Summary:"), d.cardName(), s.Application.Words(), s.File)
	row("start value", p.Number.Render(strconv.Itoa(int(*s.Start))))
	done := count(s.Debits, "debit") + " of " + strconv.Itoa(int(s.Amount))
	if s.Resolved > 0 {
		done += fmt.Sprintf(", %d of them found done when the card was back", s.Resolved)
	}
	row("done", p.Good.Render(done))
	if s.NotDone > 0 {
		row("not done", count(s.NotDone, "debit")+" in doubt, not done and repeated")
	}
	if s.Unknown > 0 {
		row("unknown", p.Bad.Render(count(s.Unknown, "debit")+" of which nobody knows"))
	}
	if s.Losses > 0 {
		row("card lost", count(s.Losses, "time"))
	}
	switch {
	case s.Final != nil:
		row("final value", p.Number.Render(strconv.Itoa(int(*s.Final))))
	case d.open != nil:
		before := d.open.Values[0].Value
		row("final value", p.Bad.Render(fmt.Sprintf("%d or %d: read it with desfire value get %v %d", before-s.Amount, before, s.Application, s.File)))
	}
	row("end", s.End)
	row("proof", policyWords[s.Policy])
	return nil
}
