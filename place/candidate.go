package place

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/go-desfire/desfire"
)

// candidate is a card that lies there.
type candidate struct {
	ev    desfire.Event
	name  string
	t     desfire.Transport // if it is wanted
	busy  error             // to be tried again
	tries int               // that failed
}

// maxTries is how often a card is tried that breaks off while it tells what it
// is. One that is elsewhere in use, or away for a blink, is tried for ever.
const maxTries = 3

// try opens a card and finds out whether it is wanted. An error ends Open.
func (o *opening) try(ctx context.Context, c *candidate) error {
	c.busy = nil
	t, err := c.open(ctx)
	switch {
	case ctx.Err() != nil:
		closeTransport(t)
		return ctx.Err()
	case left(err) || InUse(err):
		c.busy = err
		return nil
	case err != nil && o.Identify == nil:
		o.at = c.ev.Reader
		return err
	case err != nil:
		o.see(Seen{c.ev.Reader, "", err})
		return nil
	case o.Identify == nil:
		c.t = t
		return nil
	}
	name, wanted, err := o.Identify(ctx, &borrowed{t}, c.ev.Reader)
	if err == nil && wanted {
		t, err = c.fresh(ctx, t)
	}
	var giveUp *desfire.GiveUp
	switch {
	case errors.As(err, &giveUp):
		err, o.at = giveUp.Err, c.ev.Reader
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && wanted:
		c.t, c.name = t, name
		return nil
	case left(err) || InUse(err):
		c.busy, err = err, nil
	case desfire.Lost(err) && c.tries < maxTries:
		c.tries++
		c.busy, err = err, nil
	default:
		o.see(Seen{c.ev.Reader, name, err})
		err = nil
	}
	closeTransport(t)
	return err
}

// see remembers a card that is not wanted, once.
func (o *opening) see(card Seen) {
	if !slices.ContainsFunc(o.seen, func(s Seen) bool { return s.String() == card.String() }) {
		o.seen = append(o.seen, card)
	}
}

func (c *candidate) open(ctx context.Context) (desfire.Transport, error) {
	ctx, cancel := context.WithTimeout(ctx, connecting)
	defer cancel()
	return c.ev.Open(ctx)
}

// fresh activates the card on t anew: what Identify did is forgotten.
func (c *candidate) fresh(ctx context.Context, t desfire.Transport) (desfire.Transport, error) {
	connecting, cancel := context.WithTimeout(ctx, connecting)
	defer cancel()
	err := reconnect(connecting, t)
	if !errors.Is(err, errors.ErrUnsupported) {
		return t, err
	}
	closeTransport(t)
	return c.open(ctx)
}

func (c *candidate) close() {
	closeTransport(c.t)
	c.t = nil
}

// borrowed is a transport that Identify cannot close.
type borrowed struct{ desfire.Transport }

func (b *borrowed) Unwrap() desfire.Transport           { return b.Transport }
func (b *borrowed) Close() error                        { return nil }
func (b *borrowed) Reconnect(ctx context.Context) error { return reconnect(ctx, b.Transport) }

// Script passes a script on, if the transport carries them.
func (b *borrowed) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	return desfire.PassScript(ctx, b.Transport, s)
}

func reconnect(ctx context.Context, t desfire.Transport) error {
	if r, ok := t.(interface{ Reconnect(context.Context) error }); ok {
		return r.Reconnect(ctx)
	}
	return errors.ErrUnsupported
}

func closeTransport(t desfire.Transport) {
	if t == nil {
		return
	}
	if c, ok := desfire.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}
