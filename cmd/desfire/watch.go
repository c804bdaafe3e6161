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
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Report readers and cards as they come and go, and each card's applications",
		Long: `Report readers and cards as they come and go, and the applications of each card,
until Ctrl-C. Reports are log lines on stderr. With --json they are objects on
stdout, one a line:

  {"time","event","reader","atr","uid","applications","error"}

event is reader-added, reader-removed, inserted, removed, service-lost or
service-back. All members are always there; applications is null unless they
were listed.`,
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), p)
		},
	}
}

// watchEvent is one line of watch --json.
type watchEvent struct {
	Time         time.Time  `json:"time"`
	Event        string     `json:"event"`
	Reader       string     `json:"reader"`
	ATR          hexBytes   `json:"atr"`
	UID          hexBytes   `json:"uid"`
	Applications []wire.AID `json:"applications"`
	Error        string     `json:"error"`
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

// watch reports events until ctx ends.
func (a *app) watch(ctx context.Context, p *place) error {
	if !a.json {
		a.log.Info("Present a DESFire card to any reader to get its applications; Ctrl-C ends.", "reader", p.name)
	}
	w := &watcher{app: a, lying: make(map[string]*lying)}
	defer w.clear("")
	for ev, err := range p.Events(ctx) {
		if err != nil {
			return err
		}
		w.handle(ctx, ev)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// watcher lists the applications of every card that lies somewhere.
type watcher struct {
	*app
	lying map[string]*lying // by reader
	mu    sync.Mutex        // one report at a time
}

// lying is a card on a reader.
type lying struct {
	atr    []byte
	gone   context.CancelFunc
	listed chan struct{} // closed when its applications were reported
}

func (w *watcher) handle(ctx context.Context, ev desfire.Event) {
	switch ev.Kind {
	case desfire.CardInserted:
		w.clear(ev.Reader)
		card := &lying{atr: ev.ATR, listed: make(chan struct{})}
		ctx, card.gone = context.WithCancel(ctx)
		w.lying[ev.Reader] = card
		at := time.Now()
		w.line("+ Inserted: "+spaced(ev.ATR), ev.Reader)
		go func() {
			defer close(card.listed)
			w.list(ctx, at, ev)
		}()
		return
	case desfire.CardRemoved:
		card := w.clear(ev.Reader)
		if card == nil {
			return
		}
		w.line("- Removed: "+spaced(card.atr), ev.Reader)
		w.object(watchEvent{Time: time.Now(), Event: ev.Kind.String(), Reader: ev.Reader, ATR: card.atr, Error: text(ev.Err)})
		return
	case desfire.ReaderRemoved:
		w.clear(ev.Reader)
		w.line("- Reader removed", ev.Reader, "err", ev.Err)
	case desfire.ReaderAdded:
		if ev.Ignored != "" {
			w.line("+ Reader added, left out: "+ev.Ignored, ev.Reader)
			break
		}
		w.line("+ Reader added", ev.Reader)
	case desfire.ServiceLost:
		w.clear("")
		w.warn("- The smart card service is gone; waiting for it to come back", ev.Err)
	case desfire.ServiceBack:
		w.line("+ The smart card service is back", "")
	}
	e := watchEvent{Time: time.Now(), Event: ev.Kind.String(), Reader: ev.Reader, Error: text(ev.Err)}
	if ev.Ignored != "" {
		e.Error = "left out: " + ev.Ignored
	}
	w.object(e)
}

// clear ends the work on the card of a reader, of every reader if it is empty,
// and waits for its report.
func (w *watcher) clear(reader string) *lying {
	for name, card := range w.lying {
		if reader != "" && name != reader {
			continue
		}
		card.gone()
		<-card.listed
		delete(w.lying, name)
		if reader != "" {
			return card
		}
	}
	return nil
}

// list reports the applications of a card.
func (w *watcher) list(ctx context.Context, at time.Time, ev desfire.Event) {
	e := watchEvent{Time: at, Event: ev.Kind.String(), Reader: ev.Reader, ATR: ev.ATR}
	defer func() { w.object(e) }()
	if ev.Ignored != "" || ev.Open == nil {
		w.line("Card left out: "+ev.Ignored, ev.Reader)
		e.Error = "left out: " + ev.Ignored
		return
	}
	card, err := w.open(ctx, ev)
	if err == nil {
		defer card.Close()
		e.UID = card.UID()
		w.debug("Opened", card, ev.Reader)
		e.Applications, err = card.Applications(ctx)
	}
	var no *desfire.NotDESFireError
	switch {
	case ctx.Err() != nil:
		e.Error = "the card left before its applications were listed"
		w.warn("Card left before its applications were listed", nil)
	case errors.As(err, &no):
		e.Error = oneLine(err)
		w.warn("Not a DESFire card", err)
	case err != nil:
		e.Error = oneLine(err)
		w.warn("Could not list the applications", err)
	case len(e.Applications) == 0:
		e.Applications = []wire.AID{}
		w.line("No applications on the card", ev.Reader)
	default:
		for _, aid := range e.Applications {
			w.line("Found application "+aid.String(), ev.Reader)
		}
	}
	if err != nil {
		e.Applications = nil
	}
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

func (w *watcher) warn(text string, err error) {
	switch {
	case w.json:
	case err != nil:
		w.log.Warn(text + ": " + oneLine(err))
	default:
		w.log.Warn(text)
	}
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

// text is the text of an error, empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err)
}
