package sim

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// say sends a native frame, and returns the answer or the error.
func say(t testing.TB, tr Transport, cmd string) string {
	t.Helper()
	b, err := tr.Transmit(t.Context(), unhex(t, cmd))
	if err != nil {
		return err.Error()
	}
	return hex.EncodeToString(b)
}

// purse is a card with value file 3 at 100, selected behind a relay.
func purse(t testing.TB, r *Relay) (*Card, *Air) {
	t.Helper()
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	a := r.Present(c)
	if got := say(t, a, "5a563412"); got != "00" {
		t.Fatal(got)
	}
	return c, a
}

func (c *Card) value() int32 { return c.nvm.app(0x123456).file(3).value }

func TestRelayHoldsAndDelivers(t *testing.T) {
	r := &Relay{}
	c, a := purse(t, r)
	r.Meet = func(_ context.Context, x *Exchange) ([]byte, error) {
		switch {
		case x.INS == 0xC7 && x.Nth == 1:
			x.Hold()
			return nil, NoAnswer("held back")
		case x.INS == 0x5A:
			return x.Forge(wire.StatusOK), nil
		}
		return x.Pass()
	}
	say(t, a, "dc0301000000")
	if got := say(t, a, "c7"); got != "held back" || c.value() != 100 {
		t.Fatalf("%s, value %d", got, c.value())
	}
	if got := say(t, a, "5a563412"); got != "00" || !c.Truth().Pending {
		t.Fatalf("the forged selection answers %s, pending %v", got, c.Truth().Pending)
	}
	if got := say(t, a, "905a00000356341200"); got != "9100" {
		t.Errorf("the forged selection in a wrapped frame answers %s", got)
	}
	if held := r.Held(); len(held) != 1 || held[0][0] != 0xC7 {
		t.Errorf("held %X", held)
	}
	if n := a.Deliver(t.Context()); n != 1 || c.value() != 99 {
		t.Errorf("%d delivered, value %d", n, c.value())
	}
	if a.Deliver(t.Context()) != 0 {
		t.Error("delivered twice")
	}
	if r.Exchanges() != 5 {
		t.Errorf("%d exchanges", r.Exchanges())
	}
}

func TestRelayInserts(t *testing.T) {
	r := &Relay{}
	c, a := purse(t, r)
	r.Meet = func(_ context.Context, x *Exchange) ([]byte, error) {
		if x.INS == 0x6C {
			if b, err := x.Tell(0x00, 0x84, 0, 0, 8); err != nil || len(b) != 10 {
				t.Errorf("GET CHALLENGE answers %X, %v", b, err)
			}
			if b, err := x.Tell(0xC7); err != nil || hex.EncodeToString(b) != "00" {
				t.Errorf("commit answers %X, %v", b, err)
			}
		}
		return x.Pass()
	}
	say(t, a, "dc0301000000")
	if got := say(t, a, "6c03"); got != "0063000000" || c.value() != 99 {
		t.Errorf("%s, value %d", got, c.value())
	}
}

func TestRelayChangesCommandAndFaults(t *testing.T) {
	r := &Relay{}
	c, a := purse(t, r)
	r.Meet = func(_ context.Context, x *Exchange) ([]byte, error) {
		switch x.INS {
		case 0xDC:
			x.Command[2] = 7
		case 0xC7:
			return x.PassWith(Fault{Kind: LosePowerAfter})
		}
		return x.Pass()
	}
	say(t, a, "dc0301000000")
	_, err := a.Transmit(t.Context(), []byte{0xC7})
	var lost *FieldError
	if !errors.As(err, &lost) || !lost.Sent() || !lost.Removed() || c.value() != 93 {
		t.Errorf("%v, value %d", err, c.value())
	}
	r.Meet = nil
	if err := a.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := say(t, a, "5a563412"); got != "00" {
		t.Error(got)
	}
}

// Relays stack: the fault of the outer one reaches the card through the inner.
func TestRelaysStack(t *testing.T) {
	inner := &Relay{}
	c, a := purse(t, inner)
	outer := &Relay{Meet: func(_ context.Context, x *Exchange) ([]byte, error) {
		return x.PassWith(Fault{Kind: FailWrite})
	}}
	b := outer.Wrap(a)
	say(t, b, "dc0301000000")
	if got := say(t, b, "c7"); got != "ee" || c.value() != 100 || inner.Exchanges() != 3 {
		t.Errorf("%s, value %d, %d exchanges", got, c.value(), inner.Exchanges())
	}
	if b.Card() != c || len(b.ATR()) == 0 || b.String() != c.String() {
		t.Error("the card is not found through two relays")
	}
}

func TestRelayKeepsPower(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := &Relay{KeepPower: keep}
		c, a := purse(t, r)
		say(t, a, "dc0301000000")
		if err := a.Reconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.Truth().Pending != keep {
			t.Errorf("keep %v: after Reconnect pending %v", keep, !keep)
		}
		a.Close()
		b := r.Present(c)
		if c.Truth().Pending != keep {
			t.Errorf("keep %v: after a new connection pending %v", keep, !keep)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Transmit(ctx, []byte{0x6A}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if got := say(t, b, "6a"); got != "the activation is over: reconnect" {
			t.Error(got)
		}
		if c.Truth().Pending != keep {
			t.Errorf("keep %v: after a context ended pending %v", keep, !keep)
		}
		c.Lift()
		if err := b.Reconnect(t.Context()); err == nil {
			t.Error("a lifted card is activated")
		}
	}
}

// What waits in a relay ends with its context, its activation, and the field.
func TestRelayWaitEnds(t *testing.T) {
	for name, end := range map[string]func(c *Card, a *Air, cancel func()){
		"context": func(_ *Card, _ *Air, cancel func()) { cancel() },
		"close":   func(_ *Card, a *Air, _ func()) { a.Close() },
		"lift":    func(c *Card, _ *Air, _ func()) { c.Lift() },
	} {
		t.Run(name, func(t *testing.T) {
			waits := make(chan struct{})
			r := &Relay{}
			c, a := purse(t, r)
			r.Meet = func(_ context.Context, x *Exchange) ([]byte, error) {
				close(waits)
				if err := x.Wait(time.Hour); err != nil {
					return nil, err
				}
				return x.Pass()
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			go func() {
				_, err := a.Transmit(ctx, []byte{0x6A})
				done <- err
			}()
			<-waits
			end(c, a, cancel)
			if err := <-done; err == nil {
				t.Error("no error")
			}
		})
	}
}
