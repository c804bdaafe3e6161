package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// cell is a key that is written in the file, or elsewhere, and got once.
type cell struct {
	ring   *Ring
	what   string         // the key in a question
	source string         // where it is, for people
	spec   *keystore.Spec // nil: sealed
	sealed []byte

	turn  chan struct{} // held by who gets the key or looks whether it was got
	got   key.Key
	facts keystore.Facts
}

// written is what stands in the file of the key.
func (c *cell) written() keystore.Facts {
	f := keystore.Facts{NoVersion: true}
	if c.spec != nil {
		f = c.spec.Facts()
	}
	f.Source = c.source
	return f
}

// key gets the key, whatever it takes.
func (c *cell) key(ctx context.Context) (key.Key, keystore.Facts, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, keystore.Facts{}, ctx.Err()
	}
	defer func() { <-c.turn }()
	if err := c.get(ctx, true); err != nil {
		return nil, keystore.Facts{}, err
	}
	return c.got, c.facts, nil
}

// look is the key if it can be had without asking anybody, and in any case what
// is known of it. Why it cannot be had, key will say.
func (c *cell) look(ctx context.Context) (key.Key, keystore.Facts) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	default: // somebody is being asked for it
		return nil, c.written()
	}
	if err := c.get(ctx, false); err != nil {
		return nil, c.written()
	}
	return c.got, c.facts
}

// get gets the key; without may, nobody is asked and nothing is run.
func (c *cell) get(ctx context.Context, may bool) error {
	if c.got != nil {
		return nil
	}
	if c.ring.closed.Load() {
		return errClosed
	}
	if c.spec == nil {
		return c.unseal(ctx, may)
	}
	conf := c.config(may)
	if !may && c.spec.Asks(conf) {
		return errAsks
	}
	k, f, err := c.spec.Get(ctx, conf)
	if err != nil {
		return err
	}
	f.Source = c.source
	c.got, c.facts = k, f
	return nil
}

func (c *cell) config(may bool) *keystore.Config {
	r := c.ring
	conf := &keystore.Config{
		Question: c.what,
		Warn:     r.warn,
		Dir:      r.dir,
		Decrypt: func(ctx context.Context, what string, text []byte) ([]byte, error) {
			return r.ages.open(ctx, what, text, may, keytext.MaxFile)
		},
	}
	if may {
		conf.Prompt, conf.Exec, conf.Code = r.prompt, r.trust.exec, r.trust.code
	}
	return conf
}

// unseal deciphers a key that stands in the file. What is in it must be a key: who
// can encrypt to us must not make us run or read anything.
func (c *cell) unseal(ctx context.Context, may bool) error {
	text, err := c.ring.ages.open(ctx, c.what+" in "+c.source, c.sealed, may, keytext.MaxFile)
	if err != nil {
		return err
	}
	defer clear(text)
	k, f, err := keystore.ReadText(text)
	if err != nil {
		return fmt.Errorf("what is encrypted at %s: %w", c.source, err)
	}
	f.Source = c.source
	c.got, c.facts = k, f
	return nil
}

var errClosed = errors.New("keyring: it was closed")
