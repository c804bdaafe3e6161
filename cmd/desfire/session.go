package main

import (
	"context"
	"io"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
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
	notice := time.AfterFunc(400*time.Millisecond, func() { a.log.Info("waiting for a card: present one", "reader", p.Name) })
	defer notice.Stop()
	t, reader, err := p.Open(ctx, &place.Wait{Limit: a.wait, Alone: true, OnEvent: func(ev desfire.Event) {
		switch ev.Kind {
		case desfire.ServiceLost:
			a.log.Warn("the smart card service is gone; waiting for it", "err", ev.Err)
		case desfire.CardInserted:
			notice.Stop()
		}
	}})
	notice.Stop()
	if err != nil {
		return err
	}
	t = a.recorded(t)
	defer closeTransport(t)
	a.at = reader
	return f(ctx, reader, t)
}

// connect finds out what lies behind t.
func (a *app) connect(ctx context.Context, t desfire.Transport) (*desfire.Card, error) {
	var observe func(*desfire.Exchange)
	if a.tracer != nil {
		var x *traced
		t, x = a.tracer.wrap(t)
		observe = x.observe
	}
	return desfire.Connect(ctx, t, a.cardConfig(observe))
}

// config is that of cards whose connections are tapped: their traffic is traced
// if --trace says so.
func (a *app) config() *desfire.Config {
	if a.tracer != nil {
		return a.cardConfig(a.tracer.observe)
	}
	return a.cardConfig(nil)
}

// keep is desfire.Keep at a place, with the traffic traced if --trace says so.
func (a *app) keep(ctx context.Context, p *place.Place, conf *desfire.KeepConfig, step desfire.Step) error {
	conf.Config = a.config()
	return desfire.Keep(ctx, tappedSource{p, a}, conf, step)
}

func closeTransport(t desfire.Transport) {
	if c, ok := desfire.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}
