package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/frame"
	"github.com/spf13/cobra"
)

// A verb that works on one card gets it here, and nowhere else.

// withCard runs f with the card that is presented, or the first that will be.
func (a *app) withCard(cmd *cobra.Command, f func(ctx context.Context, card *desfire.Card) error) error {
	return a.withTransport(cmd, func(ctx context.Context, reader string, t desfire.Transport) error {
		card, err := a.connect(ctx, t)
		if err != nil {
			return err
		}
		defer card.Close()
		a.log.Debug("connected", "card", card, "reader", reader, "framing", card.Framing())
		return f(ctx, card)
	})
}

// withTransport runs f with the connection to the card that is presented, or
// the first that will be. Nothing has been sent on it.
func (a *app) withTransport(cmd *cobra.Command, f func(ctx context.Context, reader string, t desfire.Transport) error) error {
	p, err := a.place(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if p.ready != nil && p.dial == nil {
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	reader := p.name
	var t desfire.Transport
	if p.dial != nil {
		t, err = p.dial(ctx)
	} else {
		var ev desfire.Event
		if ev, err = a.awaitCard(ctx, p); err == nil {
			reader = ev.Reader
			t, err = ev.Open(ctx)
		}
	}
	if err != nil {
		return err
	}
	t = a.recorded(t)
	defer closeTransport(t)
	a.at = reader
	return f(ctx, reader, t)
}

// awaitCard waits for a card, as long as --wait says.
func (a *app) awaitCard(parent context.Context, p *place) (desfire.Event, error) {
	ctx, cancel := context.WithCancel(parent)
	if a.wait > 0 {
		ctx, cancel = context.WithTimeout(parent, a.wait)
	}
	defer cancel()
	notice := time.AfterFunc(400*time.Millisecond, func() { a.log.Info("waiting for a card: present one", "reader", p.name) })
	defer notice.Stop()
	ignored := ""
	for ev, err := range p.Events(ctx) {
		switch {
		case err != nil:
			return ev, err
		case ev.Ignored != "":
			ignored = fmt.Sprintf("; %s is left out: %s", ev.Reader, ev.Ignored)
		case ev.Kind == desfire.ServiceLost:
			a.log.Warn("the smart card service is gone; waiting for it", "err", ev.Err)
		case ev.Kind == desfire.CardInserted && ev.Open != nil:
			return ev, nil
		}
	}
	if err := parent.Err(); err != nil {
		return desfire.Event{}, err
	}
	return desfire.Event{}, fmt.Errorf("no card was presented to %s within %v%s", p.name, a.wait, ignored)
}

// connect finds out what lies behind t.
func (a *app) connect(ctx context.Context, t desfire.Transport) (*desfire.Card, error) {
	conf := &desfire.Config{Logger: a.log}
	if a.tracer != nil {
		var x *traced
		t, x = a.tracer.wrap(t)
		conf.Observe = x.observe
	}
	return desfire.Connect(ctx, t, conf)
}

// open connects to a card that was presented.
func (a *app) open(ctx context.Context, ev desfire.Event) (*desfire.Card, error) {
	t, err := ev.Open(ctx)
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, a.recorded(t))
}

// keep is desfire.Keep at a place, with the traffic traced if --trace says so.
func (a *app) keep(ctx context.Context, p *place, conf *desfire.KeepConfig, step desfire.Step) error {
	conf.Config = &desfire.Config{Logger: a.log}
	if a.tracer != nil {
		conf.Config.Observe = a.tracer.observe
	}
	return desfire.Keep(ctx, tappedSource{p, a}, conf, step)
}

func closeTransport(t desfire.Transport) {
	if c, ok := frame.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}
