package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// eachFlags are those of each.
type eachFlags struct {
	count     int
	keepGoing bool
}

func (a *app) eachCommand() *cobra.Command {
	var flags eachFlags
	cmd := &cobra.Command{
		Use:   "each 'VERB ...'...",
		Short: "Run verbs for every card that is presented, until Ctrl-C",
		Long: `Run verbs for every card that is presented to any reader, once for each time
that it is presented, until Ctrl-C or after --count cards. Each verb is one
argument, quoted: it is taken apart as by a shell, and works on the card as it
lies there, over one connection. At the first verb that fails the card is done
with, unless --keep-going.

Global flags of each are those of its verbs: --keys, --key, --yes, --dry-run. A
verb may have its own --key. What a command line lacks is said before the first
card. What stands on standard input, each verb reads for each card anew.

A line for each card says how it went. A card that leaves too early has failed,
and so have verbs that it then lacks; presented again it is another card. The
exit code is 0 if all went well, else that of the worst card.`,
		Example: `  desfire each 'value debit 121314 1 1'
  desfire each --keys keys.yaml 'info' 'read F48121/3' --json
  desfire each --count 50 'write 121314 0 --text "City Transit"'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{cmd, errors.New("VERB missing: want one or more verbs, each in quotes")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.count < 0 {
				return &usageError{cmd, fmt.Errorf("--count %d: want 0 or more", flags.count)}
			}
			e := &eacher{app: a, eachFlags: flags, in: &tape{in: a.stdin}}
			for _, line := range args {
				if err := e.rehearse(cmd, line); err != nil {
					return err
				}
			}
			if err := e.unused(cmd); err != nil {
				return err
			}
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			return e.run(cmd.Context(), p)
		},
	}
	cmd.Flags().IntVar(&flags.count, "count", 0, "end after so many cards; 0 goes on")
	cmd.Flags().BoolVarP(&flags.keepGoing, "keep-going", "k", false, "run the other verbs for a card, too, after one has failed")
	return cmd
}

// eacher runs verbs for cards, one card at a time.
type eacher struct {
	*app
	eachFlags
	in    *tape
	verbs []*eachVerb
	end   context.CancelFunc // of the run

	turn  sync.Mutex // held while a card is worked with
	codes []int      // of the cards that were

	mu   sync.Mutex
	done map[string]string // by reader, what its card is once the verbs were run for it
}

// eachVerb is one verb as it was given.
type eachVerb struct {
	words []string
	cmd   *cobra.Command // as it was rehearsed
	as    *app           // what its flags said
}

// notInEach are verbs that use cards and make no sense for one that is there.
var notInEach = []string{"doctor", "each", "issue", "readers", "rotate", "watch"}

// rehearse reads a verb, and runs it up to where it needs the card: what is
// wrong with the command line is known then.
func (e *eacher) rehearse(cmd *cobra.Command, line string) error {
	words, err := shellWords(line)
	if err != nil {
		return &usageError{cmd, fmt.Errorf("verb %d: %w", len(e.verbs)+1, err)}
	}
	if len(words) > 0 && words[0] == cmd.Root().Name() {
		words = words[1:]
	}
	if len(words) == 0 {
		return &usageError{cmd, fmt.Errorf("verb %d is empty", len(e.verbs)+1)}
	}
	child := e.child(new(present), e.in.reader())
	console := screen.NewConsole(discard{}, e.stderr)
	child.stdout = console.Out
	root := child.rootCommand()
	root.SetArgs(words)
	v := &eachVerb{words: words, as: child}
	if v.cmd, _, err = root.Find(words); err == nil {
		err = e.suits(v)
	}
	if err == nil {
		err = root.ExecuteContext(cmd.Context())
	}
	switch {
	case errors.Is(err, errRehearsed):
		e.verbs = append(e.verbs, v)
		return nil
	case err == nil:
		err = &usageError{cmd, fmt.Errorf("%q does nothing to a card", strings.Join(words, " "))}
	}
	return fmt.Errorf("verb %d: %w", len(e.verbs)+1, err)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// suits is the error of a verb that makes no sense here.
func (e *eacher) suits(v *eachVerb) error {
	first, _, _ := strings.Cut(v.name(), " ")
	switch {
	case slices.Contains(notInEach, first):
		return &usageError{v.cmd, fmt.Errorf("%s makes no sense for a card that is there already", v.name())}
	case v.cmd == v.cmd.Root() || v.cmd.HasAvailableSubCommands():
		return nil // it says itself what it does not know
	case slices.Contains(v.words, "--help") || slices.Contains(v.words, "-h"):
		return &usageError{v.cmd, fmt.Errorf("%s has its help outside of each", v.name())}
	case !has(v.cmd, usesCard):
		return &usageError{v.cmd, fmt.Errorf("%s needs no card", v.name())}
	}
	return nil
}

// name is the verb without its arguments.
func (v *eachVerb) name() string {
	return strings.TrimPrefix(v.cmd.CommandPath(), v.cmd.Root().Name()+" ")
}

// unused is the error of a flag that acts on none of the verbs.
func (e *eacher) unused(cmd *cobra.Command) (err error) {
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		acting := slices.ContainsFunc(e.verbs, func(v *eachVerb) bool { return acts(v.cmd, f.Name) })
		if f.Changed && slices.Contains(ofVerb, f.Name) && !acting && err == nil {
			err = &usageError{cmd, fmt.Errorf("--%s acts on none of the verbs", f.Name)}
		}
	})
	return err
}

// run works with cards until ctx ends, or enough were there.
func (e *eacher) run(ctx context.Context, p *place.Place) error {
	e.done = make(map[string]string)
	if !e.json {
		e.log.Info("Present one card after the other; Ctrl-C ends.", "reader", p.Name)
	}
	var serving context.Context
	serving, e.end = e.endless(ctx)
	defer e.end()
	conf := &desfire.ServeConfig{Config: e.config(), OnEvent: e.event, OnError: e.failed}
	err := desfire.Serve(serving, tappedSource{p, e.app}, conf, func(present context.Context, card *desfire.Card) {
		e.turn.Lock()
		defer e.turn.Unlock()
		e.card(ctx, present, card)
	})
	bad := 0
	for _, c := range e.codes {
		if c != exitDone {
			bad++
		}
	}
	if bad > 0 {
		err = errors.Join(err, withCode(worst(e.codes...), fmt.Errorf("%d of %s failed", bad, count(len(e.codes), "card"))))
	}
	return err
}

// event tells of what happens besides cards.
func (e *eacher) event(ev desfire.Event) {
	if ev.Kind == desfire.CardInserted {
		e.mu.Lock()
		delete(e.done, ev.Reader)
		e.mu.Unlock()
	}
	tellEvent(e.app, ev)
}

// tellEvent tells of what happens at the readers besides cards.
func tellEvent(a *app, ev desfire.Event) {
	switch {
	case a.json:
	case ev.Kind == desfire.CardInserted && ev.Ignored != "":
		a.log.Warn("Card left out: "+ev.Ignored, "reader", ev.Reader)
	case ev.Kind == desfire.ServiceLost:
		a.log.Warn("The "+serviceOf(ev.Err)+" is gone; waiting for it to come back", "err", text(ev.Err))
	case ev.Kind == desfire.ReaderRemoved:
		a.log.Warn("Reader removed", "reader", ev.Reader, "err", text(ev.Err))
	}
}

// failed tells of a card that could not be connected to.
func (e *eacher) failed(ev desfire.Event, err error) {
	if ev.Kind != desfire.CardInserted {
		return // event told it
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	e.app.card = cardOf{Reader: ev.Reader}
	code := e.fail(context.Background(), err)
	e.result(eachResult{cardOf: cardOf{Reader: ev.Reader}, Verbs: []eachVerbResult{}}, code)
}

// eachResult is the line of a card, and the last object of it with --json.
type eachResult struct {
	cardOf
	Verbs   []eachVerbResult `json:"verbs"`   // that were run
	Outcome string           `json:"outcome"` // done, or the name of the exit code
	Exit    int              `json:"exit"`
	Millis  float64          `json:"ms"`
}

type eachVerbResult struct {
	Verb string `json:"verb"` // without its arguments
	Exit int    `json:"exit"`
}

// card runs the verbs for a card. ctx is that of the run, lying ends when the
// card leaves.
func (e *eacher) card(ctx, lying context.Context, card *desfire.Card) {
	switch {
	case e.count > 0 && len(e.codes) >= e.count:
		return
	case ctx.Err() != nil || e.was(card):
		return
	case !e.wanted(card.UID()):
		if !e.json {
			e.log.Info(fmt.Sprintf("Left alone: %v", card), "reader", card.Reader())
		}
		return
	}
	r := eachResult{cardOf: e.saw(card), Verbs: []eachVerbResult{}}
	if !e.json {
		e.sayf("%s %s\n", e.err.Title.Render(card), e.err.Dim.Render("on "+e.at))
	}
	began := time.Now()
	p := &present{card: card, reader: card.Reader(), ctx: lying}
	code := exitDone
	for _, v := range e.verbs {
		c := e.verb(ctx, v, p)
		r.Verbs = append(r.Verbs, eachVerbResult{v.name(), c})
		if code = worst(code, c); c != exitDone && (!e.keepGoing || lying.Err() != nil) {
			break
		}
	}
	r.Millis = float64(time.Since(began).Microseconds()) / 1000
	e.result(r, code)
}

// was reports whether the verbs were run for a card already. One that lost its
// power for a moment comes again without an insertion: that is no new
// presentation.
func (e *eacher) was(card *desfire.Card) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	before, was := e.done[card.Reader()]
	e.done[card.Reader()] = card.String()
	return was && before == card.String()
}

// verb runs one verb for a card and gives its exit code.
func (e *eacher) verb(ctx context.Context, v *eachVerb, p *present) int {
	e.unprotected.Store(false)
	child := v.as.child(p, e.in.reader())
	child.stdout, child.console = e.stdout, e.console
	child.card, child.at = e.app.card, e.at
	root := child.rootCommand()
	root.SetArgs(v.words)
	err := root.ExecuteContext(p.ctx)
	if err == nil {
		return exitDone
	}
	if p.ctx.Err() != nil && ctx.Err() == nil {
		// A refusal that came before stays one.
		if code := exitCode(p.ctx, err); code == exitInterrupted || code == exitNoCard {
			err = withCode(exitNoCard, fmt.Errorf("the card left before %s was done", v.name()))
		}
	}
	return child.fail(ctx, err)
}

// result prints how it went with a card.
func (e *eacher) result(r eachResult, code int) {
	r.Exit, r.Outcome = code, "done"
	if code != exitDone {
		r.Outcome = string(codeNames[code])
	}
	if e.json {
		_ = e.emit(r)
	} else {
		style := e.out.Good
		if code != exitDone {
			style = e.out.Bad
		}
		name := r.Product
		if len(r.UID) > 0 {
			name = fmt.Sprintf("%X  %s", []byte(r.UID), r.Product)
		}
		if name == "" {
			name = "unknown card"
		}
		e.printf("%s  %s  %s (%d)  %s\n", e.out.Title.Render(name), r.Reader, style.Render(r.Outcome), code, milliseconds(time.Duration(r.Millis*float64(time.Millisecond))))
	}
	e.codes = append(e.codes, code)
	if e.count > 0 && len(e.codes) >= e.count {
		e.end()
	}
}
