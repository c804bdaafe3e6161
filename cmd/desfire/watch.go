package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) watchCommand() *cobra.Command {
	var run bool
	cmd := &cobra.Command{
		Use:   "watch [--exec CMD ARG...]",
		Short: "Report readers and cards as they come and go",
		Long: `Report readers and cards as they come and go, and the applications of each card,
until Ctrl-C. Reports are log lines on stderr. With --json they are objects on
stdout, one a line, whose members are always there:

  {"time","event","atr","uid","product","reader","applications","exit","reason"}

event is reader-added, reader-removed, inserted, removed, service-lost,
service-back or program-ended. applications is null unless they were listed.

With --exec a program is run for each DESFire card, once for each time that it is
inserted; no shell reads CMD and its arguments, which are all that follows. It
finds the card in DESFIRE_UID (empty if it is random), DESFIRE_READER and
DESFIRE_PRODUCT, and can work with it, since watch has no connection to it
then. When the card leaves, the program is told to end (SIGTERM). What it prints
comes line by line with the UID in front; with --json, on stderr.`,
		Example: `  desfire watch --json
  desfire watch --exec notify-send "A card is there"`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case !run:
				return wants()(cmd, args)
			case len(args) == 0:
				return &usageError{cmd, errors.New("CMD missing: want a program behind --exec")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			w := &watcher{app: a}
			if run {
				var err error
				if w.program, err = findProgram(args); err != nil {
					return err
				}
			}
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			return w.watch(cmd.Context(), p)
		},
	}
	cmd.Flags().BoolVarP(&run, "exec", "x", false, "run a program for each card; it stands last")
	cmd.Flags().SetInterspersed(false) // the program has flags, too
	return cmd
}

// watchEvent is one line of watch --json.
type watchEvent struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	ATR   hexBytes  `json:"atr"`
	cardOf
	Applications []wire.Place `json:"applications"`
	Exit         *int         `json:"exit"` // of program-ended
	Reason       string       `json:"reason"`

	ran bool // the program, for the card that lies there
}

// hexBytes are bytes that JSON shows as hexadecimal digits.
type hexBytes []byte

// MarshalText writes hexadecimal digits.
func (b hexBytes) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%X", []byte(b)), nil }

// UnmarshalText reads what MarshalText writes.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// watch reports events until ctx ends, which is its normal end.
func (w *watcher) watch(ctx context.Context, p *place.Place) error {
	ctx, cancel := w.endless(ctx)
	defer cancel()
	if !w.json {
		w.log.Info("Present a DESFire card to any reader to get its applications; Ctrl-C ends.", "reader", p.Name)
	}
	w.lying = make(map[string]*watchEvent)
	conf := &desfire.ServeConfig{Config: w.config(), OnEvent: w.event, OnError: w.failed}
	err := desfire.Serve(ctx, tappedSource{p, w.app}, conf, w.serve)
	for _, e := range w.lying {
		w.missed(e)
	}
	return err
}

// watcher lists the applications of every card that lies somewhere.
type watcher struct {
	*app
	program *program // nil without --exec

	lost  string                 // the service that is gone
	mu    sync.Mutex             // guards what follows, one report at a time
	lying map[string]*watchEvent // by reader, the insertion, listed if its event is empty
}

// event reports what the source does. Serve tells of removals when the card's
// applications were listed.
func (w *watcher) event(ev desfire.Event) {
	e := watchEvent{Time: time.Now(), Event: ev.Kind.String(), cardOf: cardOf{Reader: ev.Reader}, ATR: ev.ATR, Reason: text(ev.Err)}
	if ev.Ignored != "" {
		e.Reason = "left out: " + ev.Ignored
	}
	switch ev.Kind {
	case desfire.CardInserted:
		w.line("+ Inserted: "+spaced(ev.ATR), ev.Reader)
		w.leave(ev.Reader)
		w.mu.Lock()
		w.lying[ev.Reader] = &e
		w.mu.Unlock()
		if ev.Ignored != "" || ev.Open == nil {
			w.line("Card left out: "+ev.Ignored, ev.Reader)
			w.report(ev.Reader, e)
		}
		return
	case desfire.CardRemoved:
		card := w.leave(ev.Reader)
		if card == nil {
			return
		}
		w.line("- Removed: "+card.name(), ev.Reader)
		e.ATR, e.cardOf = card.ATR, card.cardOf
	case desfire.ReaderRemoved:
		w.leave(ev.Reader)
		w.line("- Reader removed", ev.Reader, "err", ev.Err)
	case desfire.ReaderAdded:
		if ev.Ignored != "" {
			w.line("+ Reader added, left out: "+ev.Ignored, ev.Reader)
			break
		}
		w.line("+ Reader added", ev.Reader)
	case desfire.ServiceLost:
		for reader := range w.lying {
			w.leave(reader)
		}
		w.lost = serviceOf(ev.Err)
		w.warn("- The "+w.lost+" is gone; waiting for it to come back", ev.Err, "")
	case desfire.ServiceBack:
		w.line("+ The "+w.lost+" is back", "")
	}
	w.object(e)
}

// leave forgets the card of a reader, nil if there is none.
func (w *watcher) leave(reader string) *watchEvent {
	w.mu.Lock()
	card := w.lying[reader]
	delete(w.lying, reader)
	w.mu.Unlock()
	if card != nil {
		w.missed(card)
	}
	return card
}

// missed reports a card that was not listed.
func (w *watcher) missed(e *watchEvent) {
	if e.Event == "" {
		return
	}
	e.Reason = "the card left before its applications were listed"
	w.warn("Card left before its applications were listed", nil, e.Reader)
	w.object(*e)
}

// inserted is the insertion of the card on a reader. A card that blinked is
// served again, though nothing was inserted.
func (w *watcher) inserted(reader string, atr []byte) watchEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.lying[reader]; e != nil && e.Event != "" {
		return *e
	}
	return watchEvent{Time: time.Now(), Event: desfire.CardInserted.String(), cardOf: cardOf{Reader: reader}, ATR: atr}
}

// report prints the insertion of a card with what became of it.
func (w *watcher) report(reader string, e watchEvent) {
	w.mu.Lock()
	if card := w.lying[reader]; card != nil {
		card.Event = ""
	}
	w.mu.Unlock()
	w.object(e)
}

// failed reports a card that could not be connected. A lost reader or service
// is an event as well.
func (w *watcher) failed(ev desfire.Event, err error) {
	if ev.Kind == desfire.CardInserted {
		w.refused(w.inserted(ev.Reader, ev.ATR), err)
	}
}

// refused reports a card whose applications could not be listed.
func (w *watcher) refused(e watchEvent, err error) {
	var no *desfire.NotDESFireError
	if errors.As(err, &no) {
		w.warn("Not a DESFire card", err, e.Reader)
	} else {
		w.warn("Could not list the applications", err, e.Reader)
	}
	e.Reason, e.Applications = oneLine(err), nil
	w.report(e.Reader, e)
}

// known notes what the card on a reader is.
func (w *watcher) known(reader string, c cardOf) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.lying[reader]; e != nil {
		e.cardOf = c
	}
}

// name is the card as far as it is known.
func (e *watchEvent) name() string {
	switch {
	case e.Product == "":
		return spaced(e.ATR)
	case len(e.UID) == 0:
		return e.Product
	}
	return fmt.Sprintf("%s %X", e.Product, []byte(e.UID))
}

// serve reports a card, and runs the program for it.
func (w *watcher) serve(ctx context.Context, card *desfire.Card) {
	e := w.inserted(card.Reader(), card.ATR())
	w.list(ctx, card, &e)
	if w.program != nil && ctx.Err() == nil && w.wanted(e.UID) {
		_ = card.Close() // the program can have it
		w.exec(ctx, e)
	}
}

// list reports the applications of a card.
func (w *watcher) list(ctx context.Context, card *desfire.Card, e *watchEvent) {
	e.cardOf = cardOfCard(card)
	w.known(e.Reader, e.cardOf)
	w.line("Card: "+e.name(), e.Reader)
	w.debug("Opened", card, e.Reader)
	c, err := inspect.Read(ctx, card, &inspect.Config{
		Ask:   inspect.AskApplications,
		Enter: func(context.Context, *desfire.Card, wire.Place) error { return nil }, // a card begins at its level
	})
	if m := c.MissingPart(inspect.PartApplications); err == nil && m != nil {
		err = m.Err
	}
	e.Applications = []wire.Place{}
	for _, app := range c.Applications {
		e.Applications = append(e.Applications, app.Place)
	}
	switch {
	case ctx.Err() != nil:
		return // it left, which will be told
	case err != nil:
		w.refused(*e, err)
		return
	case len(e.Applications) == 0:
		w.line("No applications on the card", e.Reader)
	}
	for _, p := range e.Applications {
		w.line("Found application "+p.String(), e.Reader)
	}
	w.report(e.Reader, *e)
}

// line logs a report; nothing with --json.
func (w *watcher) line(text, reader string, more ...any) {
	if w.json {
		return
	}
	var attrs []any
	if reader != "" {
		attrs = append(attrs, "reader", reader)
	}
	for i := 0; i+1 < len(more); i += 2 {
		if err, ok := more[i+1].(error); ok && err != nil {
			attrs = append(attrs, more[i], oneLine(err))
		}
	}
	w.log.Info(text, attrs...)
}

func (w *watcher) warn(text string, err error, reader string) {
	if w.json {
		return
	}
	if err != nil {
		text += ": " + oneLine(err)
	}
	if reader == "" {
		w.log.Warn(text)
		return
	}
	w.log.Warn(text, "reader", reader)
}

func (w *watcher) debug(text string, card *desfire.Card, reader string) {
	if !w.json {
		w.log.Debug(text, "card", card, "reader", reader, "framing", card.Framing())
	}
}

func (w *watcher) object(e watchEvent) {
	if !w.json {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := json.Marshal(e)
	if err == nil {
		w.printf("%s\n", b)
	}
}
