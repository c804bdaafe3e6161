package main

import (
	"context"
	"errors"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// present is the card that each has connected to. The verbs that it runs work
// with that, and open no place of their own.
type present struct {
	card   *desfire.Card // nil in a rehearsal, which ends where the card is needed
	reader string
	ctx    context.Context // ends when the card leaves
	used   bool            // by a verb before
	raw    bool            // by frames that the library has not seen
}

// errRehearsed ends a rehearsal: all that can be known without a card is right.
var errRehearsed = errors.New("here the card is needed")

// rehearsed reports whether this is a rehearsal.
func (p *present) rehearsed() bool { return p != nil && p.card == nil }

// fresh brings the card where it was when it was connected to.
func (p *present) fresh(ctx context.Context) error {
	used, raw := p.used, p.raw
	p.used, p.raw = true, false
	switch {
	case raw:
		return p.reconnect(ctx)
	case used:
		return p.card.Select(ctx, wire.Place{})
	}
	return nil
}

// reconnect is fresh by a new activation, where the reader can do that.
func (p *present) reconnect(ctx context.Context) error {
	err := p.card.Reconnect(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return p.card.Select(ctx, wire.Place{})
	}
	return err
}

// limited is ctx with --timeout.
func (a *app) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		return context.WithTimeout(ctx, a.timeout)
	}
	return context.WithCancel(ctx)
}

// withPresent is withCard with the present card.
func (a *app) withPresent(cmd *cobra.Command, f func(ctx context.Context, card *desfire.Card) error) error {
	p := a.present
	if p.rehearsed() {
		return errRehearsed
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	if err := p.fresh(ctx); err != nil {
		return a.notInTime(ctx, err)
	}
	a.at = p.reader
	a.saw(p.card)
	return a.notInTime(ctx, f(ctx, p.card))
}

// withPresentTransport is withTransport with the connection of the present
// card.
func (a *app) withPresentTransport(cmd *cobra.Command, f func(ctx context.Context, reader string, t desfire.Transport) error) error {
	p := a.present
	if p.rehearsed() {
		return errRehearsed
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	if err := p.reconnect(ctx); err != nil {
		return err
	}
	p.used, p.raw = true, true
	a.at = p.reader
	return a.notInTime(ctx, f(ctx, p.reader, unclosed{p.card.Transport()}))
}

// unclosed is the transport of a card that goes on to be used.
type unclosed struct{ desfire.Transport }

// Unwrap implements what a transport may have.
func (t unclosed) Unwrap() desfire.Transport { return t.Transport }

// Script passes a script on, if the connection carries them.
func (t unclosed) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	return desfire.PassScript(ctx, t.Transport, s)
}

// Close leaves the card to who has it.
func (unclosed) Close() error { return nil }

// presentPlace is the place of the present card, for keep.
func (p *present) place() (*place.Place, error) {
	if p.rehearsed() {
		return nil, errRehearsed
	}
	return &place.Place{Name: p.reader, Fixed: true}, nil
}

// Attempts to go on with a card that is still there after a step failed.
const (
	presentRetries = 3
	presentPause   = 50 * time.Millisecond
)

// keep is desfire.Keep with the present card. It ends when the card leaves: when
// it comes back, it is presented anew.
func (p *present) keep(ctx context.Context, conf *desfire.KeepConfig, step desfire.Step) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if err := p.fresh(ctx); err != nil {
		return err
	}
	if err := conf.Accept(ctx, p.card); err != nil {
		return err
	}
	tell := func(c desfire.KeepChange) {
		c.Card, c.Reader = p.card, p.reader
		conf.OnChange(c)
	}
	tell(desfire.KeepChange{State: desfire.KeepHolding})
	refused, failed := false, 0
	for {
		next := time.After(conf.Every)
		done, err := step(ctx, p.card)
		switch {
		case err == nil && done:
			tell(desfire.KeepChange{State: desfire.KeepDone})
			return nil
		case err == nil:
			failed = 0
		default:
			var status *desfire.CommandError
			again := refused && errors.As(err, &status)
			refused = refused || errors.As(err, &status)
			if failed++; again || failed > presentRetries || !desfire.Lost(err) || ctx.Err() != nil {
				return err
			}
			tell(desfire.KeepChange{State: desfire.KeepRetrying, Err: err})
			next = time.After(presentPause << failed)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
		if err != nil {
			_ = p.reconnect(ctx) // the step finds out
		}
	}
}
