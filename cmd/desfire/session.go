package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
)

// A verb that works on one card gets it here, and nowhere else.

// withCard runs f with the card that is presented, or the first that will be.
func (a *app) withCard(cmd *cobra.Command, f func(ctx context.Context, card *desfire.Card) error) error {
	if a.present != nil {
		return a.withPresent(cmd, f)
	}
	return a.withTransport(cmd, func(ctx context.Context, reader string, t desfire.Transport) error {
		card, err := a.connect(ctx, t)
		if err != nil {
			return err
		}
		defer card.Close()
		a.saw(card)
		a.log.Debug("connected", "card", card, "reader", reader, "framing", card.Framing())
		return f(ctx, card)
	})
}

// withCardToChange is withCard for a verb that changes the card: it says first
// which one that is.
func (a *app) withCardToChange(cmd *cobra.Command, f func(ctx context.Context, card *desfire.Card) error) error {
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		a.announce(card)
		return f(ctx, card)
	})
}

// announce says which card is about to be changed.
func (a *app) announce(card *desfire.Card) {
	if a.json || a.present != nil || a.shell != nil && a.shell.announced == card.String() {
		return // the result says it, or each or the shell did
	}
	if a.shell != nil {
		a.shell.announced = card.String()
	}
	a.sayf("%s %s\n", a.err.Title.Render(card), a.err.Dim.Render("on "+a.at))
}

// withTransport runs f with the connection to the card that is presented, or
// the first that will be. Nothing has been sent on it.
func (a *app) withTransport(cmd *cobra.Command, f func(ctx context.Context, reader string, t desfire.Transport) error) error {
	if a.present != nil {
		return a.withPresentTransport(cmd, f)
	}
	p, err := a.place(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	t, reader, err := a.await(ctx, p)
	if err != nil {
		return err
	}
	t = a.recorded(t)
	defer closeTransport(t)
	a.at = reader
	ctx, cancel := a.limited(ctx)
	defer cancel()
	return a.notInTime(ctx, f(ctx, reader, t))
}

// await waits for the card as --wait and --uid say. More than one that may be
// meant is an error.
func (a *app) await(ctx context.Context, p *place.Place) (t desfire.Transport, reader string, err error) {
	wait := &place.Wait{Limit: a.wait, Alone: true, OnWait: func(why error) { a.log.Info("waiting for a card: "+text(why), "reader", p.Name) }, OnEvent: func(ev desfire.Event) {
		if ev.Kind == desfire.ServiceLost {
			a.log.Warn("the "+serviceOf(ev.Err)+" is gone; waiting for it", "err", ev.Err)
		}
	}}
	if a.uid != "" {
		wait.Identify = a.identify
	}
	return p.Open(ctx, wait)
}

// awaitToKeep is await for a verb that keeps its card, however often that leaves:
// the connection is let go of again.
func (a *app) awaitToKeep(ctx context.Context, p *place.Place) error {
	if a.present != nil {
		return nil
	}
	t, _, err := a.await(ctx, p)
	if err != nil {
		return err
	}
	closeTransport(t)
	return nil
}

// notInTime says of an error that --timeout has caused it.
func (a *app) notInTime(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		err = withCode(exitNoCard, fmt.Errorf("not done within --timeout %v: %w", a.timeout, err))
	}
	return err
}

// readUID reads --uid.
func (a *app) readUID(cmd *cobra.Command) error {
	digits := strings.ToUpper(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(a.uid))
	_, err := hex.DecodeString(digits + strings.Repeat("0", len(digits)%2))
	if err != nil || len(digits) > 20 || digits == "" && cmd.Root().PersistentFlags().Changed("uid") {
		return &usageError{cmd, fmt.Errorf("--uid %q: want hexadecimal digits, all of a UID or its beginning", a.uid)}
	}
	a.uid = digits
	return nil
}

// identify tells which card t leads to, and whether --uid means it.
func (a *app) identify(ctx context.Context, t desfire.Transport, _ string) (name string, wanted bool, err error) {
	card, err := desfire.Connect(ctx, t, a.cardConfig(nil))
	if err != nil {
		return "", false, err
	}
	return card.String(), a.wanted(card.UID()), nil
}

// wanted reports whether --uid means this card.
func (a *app) wanted(uid []byte) bool {
	return strings.HasPrefix(strings.ToUpper(hex.EncodeToString(uid)), a.uid)
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
	if a.present != nil {
		return a.present.keep(ctx, conf, step)
	}
	conf.Config = a.config()
	return desfire.Keep(ctx, tappedSource{p, a}, conf, step)
}

func closeTransport(t desfire.Transport) {
	if c, ok := desfire.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}
