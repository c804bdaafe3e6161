package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/place"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) demoCommand() *cobra.Command {
	var speed float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work on a simulated transit card; needs no reader",
		Long: `Present a simulated transit card, list its applications, and debit its purse until
nothing is left. Twice the card is pulled away in the worst moment, while it
commits: once after the debit has happened, once before. When it is back, the
value tells which, and not one debit is lost or made twice.`,
		Args:    wants(),
		Example: "  desfire demo\n  desfire demo --speed 10 --trace",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(speed >= 0.1 && speed <= 1000) {
				return &usageError{cmd, fmt.Errorf("--speed %g: want 0.1 to 1000", speed)}
			}
			return a.demo(cmd.Context(), speed)
		},
	}
	cmd.Flags().Float64Var(&speed, "speed", 1, "how fast its clock runs")
	return cmd
}

// The demo: credit to debit, one at a time, and the debits in whose commit the
// card is pulled away.
const (
	demoCredit = 10
	demoDone   = 4 // pulled after the card has committed
	demoUndone = 7 // pulled before
	demoCommit = 4 // the commit is the fourth exchange of a debit: select, get, debit, commit
)

// Pauses of the demo at speed 1, about ten seconds in all.
const (
	demoPause = 900 * time.Millisecond
	demoEvery = 450 * time.Millisecond
	demoAway  = 1500 * time.Millisecond
)

type demo struct {
	*app
	field *simreader.Reader
	speed float64
	loop  ledger.Drain
	tries int // debits begun
	value int32
}

func (a *app) demo(ctx context.Context, speed float64) error {
	card, err := sim.New(&sim.Config{Generation: wire.EV2, Rand: seeded("demo")})
	if err != nil {
		return err
	}
	if err := a.makeTransit(ctx, card, demoCredit); err != nil {
		return err
	}
	d := &demo{app: a, field: simreader.New("simulated reader", card), speed: speed, value: demoCredit}
	d.loop = ledger.Drain{
		Find: a.finder(&purse{app: wire.Place{AID: transitApp}, file: transitPurse}, ledger.Memory(nil)), Amount: 1,
		OnEvent: func(e ledger.Event) { d.happened(ctx, e) },
	}
	d.heading(d.out.Title, "desfire demo: a simulated transit card, no reader needed")
	if err := d.present(ctx); err != nil {
		return err
	}
	if err := d.drain(ctx); err != nil {
		return err
	}
	return d.summary()
}

// present lists what is on the card.
func (d *demo) present(ctx context.Context) error {
	if err := d.sleep(ctx, demoPause/2); err != nil {
		return err
	}
	t, err := d.field.Activate(ctx)
	if err != nil {
		return err
	}
	card, err := d.connect(ctx, d.recorded(t))
	if err != nil {
		return err
	}
	defer card.Close()
	d.saw(card)
	list, err := d.inspect(ctx, card, &inspect.Config{Ask: inspect.Tree})
	if err != nil {
		return err
	}
	d.heading(d.out.Good, "A card is presented")
	if d.json {
		if err := d.emit(demoPresented{"presented", list}); err != nil {
			return err
		}
	} else {
		d.printTree(list)
	}
	return d.sleep(ctx, 2*demoPause)
}

// drain debits until nothing is left.
func (d *demo) drain(ctx context.Context) error {
	d.heading(d.out.Good, fmt.Sprintf("Its purse is drained: debit 1 from file %d of application %v, commit, again", transitPurse, transitApp))
	d.bar("")
	conf := &desfire.KeepConfig{
		Every:    demoEvery,
		After:    func(t time.Duration) <-chan time.Time { return time.After(d.scaled(t)) },
		Accept:   d.loop.Accept,
		OnChange: d.loop.Changed,
	}
	return d.loop.Run(ctx, func(ctx context.Context, step desfire.Step) error {
		return d.keep(ctx, &place.Place{Source: d.field}, conf, func(ctx context.Context, card *desfire.Card) (bool, error) {
			d.accident()
			done, err := step(ctx, card)
			if errors.As(err, new(*desfire.OutcomeUnknownError)) {
				d.pulled()
			}
			return done, err
		})
	})
}

// accident plans what befalls this debit.
func (d *demo) accident() {
	d.tries++
	switch d.tries {
	case demoDone:
		d.field.Card.TearAfter(demoCommit)
	case demoUndone:
		d.field.Card.TearBefore(demoCommit)
	}
}

// happened shows an event of the drain.
func (d *demo) happened(ctx context.Context, e ledger.Event) {
	switch e.Kind {
	case desfire.KeepBack.String():
		d.event("back", "")
		d.heading(d.out.Good, "A card is presented: "+e.ID+", the same one")
	case ledger.EventDebited:
		d.value = e.Value
		d.event("debited", "")
		d.bar("debited 1")
	case ledger.EventResolved:
		d.value = e.Value
		if e.Outcome == ledger.Happened {
			d.say(fmt.Sprintf("The value is %d: the debit was done. It is counted, and not made again.", e.Value))
		} else {
			d.say(fmt.Sprintf("The value is %d: the debit was not done. It is made again.", e.Value))
		}
		d.event("resolved", outcomeWords[e.Outcome])
		_ = d.sleep(ctx, demoPause)
	}
}

// pulled takes the card away and brings it back a little later.
func (d *demo) pulled() {
	d.field.Lift()
	d.event("pulled", "")
	d.heading(d.out.Bad, "The card is pulled away in the middle of the commit")
	d.say("Was that debit done? Nobody can know before the card is back.")
	time.AfterFunc(d.scaled(demoAway), func() { _ = d.field.Return() })
}

func (d *demo) summary() error {
	s := &d.loop.Summary
	if d.json {
		return d.emit(demoSummary{d.card, "summary", demoCredit, s.Debits, s.Resolved, s.NotDone, d.value, d.field.Card.Exchanges()})
	}
	p := d.out
	row := func(name string, value any) { d.printf("  %s%s  %s\n", name, screen.Pad(name, 12), value) }
	d.heading(p.Title, "Summary")
	row("start value", p.Number.Render(fmt.Sprint(demoCredit)))
	row("done", fmt.Sprintf("%s of 1, %d of them found done when the card was back", count(s.Debits, "debit"), s.Resolved))
	row("not done", fmt.Sprintf("%s, found when the card was back, and made again", count(s.NotDone, "debit")))
	row("final value", p.Number.Render(fmt.Sprint(d.value)))
	row("proof", policyWords[ledger.Accidents])
	row("traffic", fmt.Sprintf("%d exchanges", d.field.Card.Exchanges()))
	d.printf("\n%s\n", p.Good.Render(fmt.Sprintf("%d - %d = %d: nothing was debited twice, and nothing was forgotten.", demoCredit, s.Debits, d.value)))
	d.printf("%s\n", p.Dim.Render("With a reader: desfire watch. Your own card: desfire sim new card.json --transit"))
	return nil
}

// demoPresented is the first line of demo --json.
type demoPresented struct {
	Event string `json:"event"`
	*inspect.Card
}

// demoEvent is a line of demo --json between the first and the last.
type demoEvent struct {
	cardOf
	Event   string `json:"event"` // debited, pulled, back, resolved
	Value   int32  `json:"value"`
	Outcome string `json:"outcome"`
}

type demoSummary struct {
	cardOf
	Event     string `json:"event"`
	Start     int32  `json:"start"`
	Debits    int    `json:"debits"`
	Resolved  int    `json:"resolved"`
	NotDone   int    `json:"resolved_not"`
	Final     int32  `json:"final"`
	Exchanges int    `json:"exchanges"`
}

func (d *demo) event(name, outcome string) {
	if d.json {
		_ = d.emit(demoEvent{d.card, name, d.value, outcome})
	}
}

func (d *demo) heading(style screen.Style, text string) {
	if !d.json {
		d.printf("\n%s %s\n", style.Render("*"), d.out.Title.Render(text))
	}
}

func (d *demo) say(text string) {
	if !d.json {
		d.printf("  %s\n", text)
	}
}

// bar shows the credit that is left.
func (d *demo) bar(text string) {
	if d.json {
		return
	}
	full, empty := "#", "."
	if d.out.Color {
		full, empty = "█", "░"
	}
	const cell = 3
	line := d.out.Good.Render(strings.Repeat(full, cell*int(d.value))) + d.out.Dim.Render(strings.Repeat(empty, cell*(demoCredit-int(d.value))))
	line += " " + d.out.Number.Render(fmt.Sprintf("%2d", d.value))
	if text != "" {
		line += "  " + d.out.Dim.Render(text)
	}
	d.printf("  %s\n", line)
}

func (d *demo) scaled(t time.Duration) time.Duration { return time.Duration(float64(t) / d.speed) }

func (d *demo) sleep(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(d.scaled(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
