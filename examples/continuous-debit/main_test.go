package main

import (
	"bytes"
	"context"
	"log"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// TestDrain runs the example on a simulated card that loses power in a commit,
// once before and once after it happened.
func TestDrain(t *testing.T) {
	const credit = 6
	for name, tear := range map[string]func(c *sim.Card, n int){
		"the debit was made: true":  (*sim.Card).TearAfter,
		"the debit was made: false": (*sim.Card).TearBefore,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c, left := newPurse(ctx, t, credit)
			addr := present(ctx, t, c, tear)
			var out bytes.Buffer
			defer log.SetOutput(log.Writer())
			log.SetOutput(&out)
			if err := drain(ctx, tcp.NewSource(addr, nil), time.Millisecond); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if !strings.Contains(out.String(), name) {
				t.Errorf("no %q in\n%s", name, &out)
			}
			if v := left(); v != 0 {
				t.Errorf("the card has %d left", v)
			}
		})
	}
}

// newPurse makes a card with the purse, and a function that tells what is in it.
func newPurse(ctx context.Context, t *testing.T, credit int32) (*sim.Card, func() int32) {
	t.Helper()
	c, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}),
		card.SelectApplication(ctx, farebox),
		card.CreateFile(ctx, &wire.CreateValueFile{File: file, Access: free, Upper: 100, Value: credit}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c, func() int32 { return c.Image().Applications[0].Files[0].Value.Value }
}

// present serves the card on a socket. The power is gone in the commit of the
// third debit.
func present(ctx context.Context, t *testing.T, c *sim.Card, tear func(c *sim.Card, n int)) string {
	t.Helper()
	var torn atomic.Bool
	l, err := tcp.Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) {
			if torn.CompareAndSwap(false, true) {
				// Identify, find the file, then select, get, debit and commit three times.
				tear(c, 3+2+3*4)
			}
			return c.Present(), nil
		})
	}()
	return l.Addr().String()
}
