package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// presence is which cards lie there. It is watched while no verb uses them, and
// nothing is held for that: a card is looked at once, when it comes.
type presence struct {
	mu    sync.Mutex
	lying map[string]cardOf // by reader, those that --uid means
	last  cardOf            // the card that the spot belongs to
	lost  string            // the service that is gone
}

// name is the card in a prompt, and whether one is there.
func (p *presence) name() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lying) != 1 {
		if len(p.lying) > 1 {
			return count(len(p.lying), "card"), false
		}
		return "no card", false
	}
	for _, c := range p.lying {
		return shortName(c), true
	}
	return "", false
}

// shortName is a card in few letters.
func shortName(c cardOf) string {
	name := strings.TrimPrefix(c.Product, "MIFARE DESFire ")
	if name = strings.TrimPrefix(name, "NXP "); name == "" {
		name = "card"
	}
	if uid := fmt.Sprintf("%X", []byte(c.UID)); len(uid) > 6 {
		return name + " .." + uid[len(uid)-6:]
	}
	return name
}

// sameCard reports whether two cards are one. Of those with random identifiers
// nobody knows.
func sameCard(a, b cardOf) bool {
	return len(a.UID) > 0 && bytes.Equal(a.UID, b.UID) && a.Product == b.Product
}

// first is how long the shell waits with its first prompt for what lies there.
const first = 500 * time.Millisecond

// watch begins to watch the cards of --reader. A card that is an image is not
// watched: nobody can take it away.
func (p *presence) watch(ctx context.Context, s *shell) (stop func()) {
	p.mu.Lock()
	p.lying, p.last = map[string]cardOf{}, cardOf{}
	p.mu.Unlock()
	if strings.HasPrefix(s.reader, "sim:") {
		_ = s.glanceAt(ctx, func(context.Context, *desfire.Card) error { return nil })
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended, looked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		p.serve(ctx, s, sync.OnceFunc(func() { close(looked) }))
	}()
	select {
	case <-looked:
	case <-time.After(first):
	case <-ctx.Done():
	}
	return func() {
		cancel()
		<-ended
	}
}

// again is how long the watch waits for a place that is not there.
const again = time.Second

func (p *presence) serve(ctx context.Context, s *shell, looked func()) {
	told := ""
	for ctx.Err() == nil {
		quiet := s.verbApp(strings.NewReader(""))
		quiet.log, quiet.reader = slog.New(slog.DiscardHandler), s.reader
		pl, err := quiet.parseReader(s.cmd)
		if err == nil {
			conf := &desfire.ServeConfig{
				Config:  &desfire.Config{Logger: quiet.log},
				OnEvent: func(ev desfire.Event) { p.event(s, ev) },
				OnError: func(ev desfire.Event, err error) { p.failed(s, ev, err); looked() },
			}
			err = desfire.Serve(ctx, turnSource{pl, s.turn}, conf, func(ctx context.Context, card *desfire.Card) {
				p.came(ctx, s, card)
				looked()
			})
		}
		if err != nil && told != err.Error() && ctx.Err() == nil {
			told = err.Error()
			s.tell(s.err.Warn.Render(oneLine(err)))
		}
		looked()
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// came notes a card, and tells what it is to the one before.
func (p *presence) came(ctx context.Context, s *shell, card *desfire.Card) {
	c := cardOfCard(card)
	if !s.wanted(c.UID) || ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	s.announced = card.String() // below
	before, there := p.lying[card.Reader()]
	known, last := p.last.Product != "", p.last
	p.lying[card.Reader()] = c
	one := len(p.lying) == 1
	if one {
		p.last = c
	}
	p.mu.Unlock()
	switch {
	case there && sameCard(before, c):
	case !one:
		s.tell(screen.Sprintf("Card: %s on %s. There are several now: use UID says which.", cardWords(c), c.Reader))
	case !known:
		s.tell(screen.Sprintf("Card: %s on %s", cardWords(c), c.Reader))
	case sameCard(last, c):
		s.back(ctx, card)
	default:
		s.moveTo(spot{})
		s.tell(screen.Sprintf("%s %s on %s; you are at /", s.err.Warn.Render("Another card:"), cardWords(c), c.Reader))
	}
}

// back tells that the card is there again, and whether the spot still is.
func (s *shell) back(ctx context.Context, card *desfire.Card) {
	at := s.spotNow()
	if err := exists(ctx, card, at); err != nil && isMissing(err) {
		s.moveTo(spot{})
		s.tell(screen.Sprintf("The card is back, without %s; you are at /", at.String()))
		return
	}
	s.tell("The card is back")
}

// cardWords is a card in a sentence.
func cardWords(c cardOf) string {
	if len(c.UID) == 0 {
		return c.Product + " with a random identifier"
	}
	return fmt.Sprintf("%s %X", c.Product, []byte(c.UID))
}

// leave forgets the card of a reader, and reports whether there was one.
func (p *presence) leave(reader string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, there := p.lying[reader]
	delete(p.lying, reader)
	return there
}

func (p *presence) event(s *shell, ev desfire.Event) {
	switch ev.Kind {
	case desfire.CardInserted:
		if ev.Ignored != "" {
			s.tell(screen.Sprintf("Card left out: %s", ev.Ignored))
		}
	case desfire.CardRemoved:
		if p.leave(ev.Reader) {
			s.tell(s.err.Warn.Render("The card has left; waiting for it"))
		}
	case desfire.ReaderRemoved:
		p.leave(ev.Reader)
		s.tell(s.err.Warn.Render(fmt.Sprintf("Reader removed: %s", ev.Reader)))
	case desfire.ServiceLost:
		p.mu.Lock()
		clear(p.lying)
		lost := serviceOf(ev.Err)
		p.lost = lost
		p.mu.Unlock()
		why := ""
		if ev.Err != nil {
			why = " (" + oneLine(ev.Err) + ")"
		}
		s.tell(s.err.Warn.Render("The " + lost + " is not there" + why + "; waiting for it"))
	case desfire.ServiceBack:
		p.mu.Lock()
		lost := p.lost
		p.mu.Unlock()
		s.tell(screen.Sprintf("The %s is back", lost))
	}
}

// failed tells of a card that could not be looked at.
func (p *presence) failed(s *shell, ev desfire.Event, err error) {
	if ev.Kind != desfire.CardInserted {
		return // event told it
	}
	var no *desfire.NotDESFireError
	if errors.As(err, &no) {
		s.tell(screen.Sprintf("Not a DESFire card on %s", ev.Reader))
		return
	}
	s.tell(screen.Sprintf("A card on %s could not be looked at: %s", ev.Reader, oneLine(err)))
}

// worked notes the card of a verb, where it is not watched or was not seen yet.
func (p *presence) worked(s *shell, c cardOf) {
	if c.Product == "" || p.lying == nil {
		return
	}
	p.mu.Lock()
	before := p.last
	if len(p.lying) == 0 || strings.HasPrefix(s.reader, "sim:") {
		p.lying = map[string]cardOf{c.Reader: c}
		p.last = c
	}
	p.mu.Unlock()
	if before.Product != "" && len(before.UID) > 0 && !sameCard(before, c) && len(c.UID) > 0 {
		s.moveTo(spot{})
	}
}

// glanceAt runs f with the card that lies there, if one does, in a short time.
func (s *shell) glanceAt(ctx context.Context, f func(ctx context.Context, card *desfire.Card) error) error {
	ctx, cancel := context.WithTimeout(ctx, first)
	defer cancel()
	a := s.verbApp(strings.NewReader(""))
	defer a.putAway()
	a.reader, a.uid, a.wait = s.reader, s.uid, first
	a.log = slog.New(slog.DiscardHandler)
	cmd := &cobra.Command{Use: s.cmd.CommandPath()}
	cmd.SetContext(ctx)
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		s.cards.worked(s, a.saw(card))
		return f(ctx, card)
	})
}

// turnSource is a source whose cards are connected to while no verb runs.
type turnSource struct {
	desfire.Source
	turn chan token
}

// Events are those of the source.
func (s turnSource) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for ev, err := range s.Source.Events(ctx) {
			if open := ev.Open; open != nil {
				ev.Open = func(ctx context.Context) (desfire.Transport, error) {
					select {
					case <-s.turn:
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					t, err := open(ctx)
					if err != nil {
						s.turn <- token{}
						return nil, err
					}
					return &taken{Transport: t, end: sync.OnceFunc(func() {
						closeTransport(t)
						s.turn <- token{}
					})}, nil
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// taken is a connection that has the turn until it is closed.
type taken struct {
	desfire.Transport
	end func()
}

// Unwrap implements what a transport may have.
func (t *taken) Unwrap() desfire.Transport { return t.Transport }

// Script passes a script on, if the connection carries them.
func (t *taken) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	return desfire.PassScript(ctx, t.Transport, s)
}

// Close closes the connection.
func (t *taken) Close() error {
	t.end()
	return nil
}

// exists is the error of a spot that a card does not have.
func exists(ctx context.Context, card *desfire.Card, at spot) error {
	if at.app.IsCard() {
		return nil
	}
	if err := selectPlace(ctx, card, at.app); err != nil || at.file == nil {
		return err
	}
	_, err := card.FileSettings(ctx, *at.file)
	if isFileMissing(err) {
		return noSuchFile(target{at.app, *at.file}, err)
	}
	var refused *desfire.CommandError
	if errors.As(err, &refused) {
		return nil // it does not tell everybody
	}
	return err
}

// isMissing reports whether a spot is not there.
func isMissing(err error) bool {
	return errors.As(err, new(*noApplicationError)) || isFileMissing(err) || errors.Is(err, wire.StatusApplicationNotFound)
}
