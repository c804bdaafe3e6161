package play

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// pay is a debit of the transit card, with a journal that outlives the loss.
type pay struct {
	b *Bench
	p *purse.Purse
}

func newPay(t *testing.T, b *Bench) *pay {
	t.Helper()
	c, _ := Find(b.State().Card.Content)
	d := c.Purse.Discovery(false)
	d.Keys, d.Journal = b.Keys(), purse.Memory(nil)
	p, err := d.Open(t.Context(), connect(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return &pay{b, p}
}

func (x *pay) debit(t *testing.T, id string) error {
	t.Helper()
	card := connect(t, x.b)
	defer card.Close()
	_, err := x.p.Debit(t.Context(), card, purse.Request{ID: id, Amount: 250})
	return err
}

// TestTear tears a debit before and after its commit. What the card holds tells which
// it was, and the same debit again is made once.
func TestTear(t *testing.T) {
	for when, left := range map[Tear]int32{TearBefore: 5000, TearAfter: 4750} {
		t.Run(string(when), func(t *testing.T) {
			b := bench(t, Default())
			x := newPay(t, b)
			if err := b.Tear(when); err != nil {
				t.Fatal(err)
			}
			if s := b.State(); s.Tear != when || s.Away {
				t.Errorf("%+v", s)
			}
			if err := x.debit(t, "ride"); err == nil {
				t.Fatal("a torn debit succeeds")
			}
			s := b.State()
			if !s.Away || !s.Torn || s.Tear != TearNever || s.Log[len(s.Log)-1].Kind != Torn {
				t.Errorf("%+v", s)
			}
			held := b.Holds()
			if v, _ := held.Value(wire.Place{AID: 0xF58401}, 2); v != left {
				t.Errorf("the card holds %d, want %d", v, left)
			}
			b.Return()
			if s := b.State(); s.Away || s.Torn {
				t.Errorf("%+v", s)
			}
			if err := x.debit(t, "ride"); err != nil {
				t.Fatal(err)
			}
			held = b.Holds()
			if v, _ := held.Value(wire.Place{AID: 0xF58401}, 2); v != 4750 {
				t.Errorf("the card holds %d at last", v)
			}
		})
	}
	b := bench(t, Default())
	var wrong *TearError
	if err := b.Tear("sometimes"); !errors.As(err, &wrong) {
		t.Error(err)
	}
	_ = b.Tear(TearAfter)
	_ = b.Tear(TearNever)
	if err := newPay(t, b).debit(t, ""); err != nil {
		t.Errorf("a tear that was taken back: %v", err)
	}
}

// TestBend lets a reader read with a bit bent each time: in a session nothing that is
// wrong is believed.
func TestBend(t *testing.T) {
	b := bench(t, Default())
	ctx := t.Context()
	for range 40 {
		card := connect(t, b)
		o := &unlock.Opener{Store: b.Keys()}
		if _, err := o.File(ctx, card, wire.Place{AID: 0xF58401}, 1, inspect.ActRead); err != nil {
			t.Fatal(err)
		}
		b.Bend(true)
		data, err := card.ReadData(ctx, 1, 0, 0)
		if err == nil {
			t.Fatalf("a bent answer was believed: %q", data)
		}
		s := b.State()
		if s.Bend || s.Log[len(s.Log)-1].Kind != Bent {
			t.Errorf("%+v", s.Log[len(s.Log)-1])
		}
		card.Close()
	}
	b.Bend(true)
	b.Bend(false)
	card := connect(t, b)
	if err := card.SelectApplication(ctx, 0xF58401); err != nil {
		t.Error(err)
	}
}

// TestFaults lets faults happen by chance while a purse pays, a hand lifts the card and
// others look on, and compares what the card holds with what the purse knows.
func TestFaults(t *testing.T) {
	b := bench(t, Default())
	x := newPay(t, b)
	var syntax *sim.FaultSyntaxError
	for _, text := range []string{"nonsense", "keep-power", "flip@p=2"} {
		if err := b.SetFaults(text); !errors.As(err, &syntax) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := b.SetFaults("flip@p=0.01;power-after@p=0.01;power-before@p=0.01;lose-answer@p=0.01;seed=7"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var watch sync.WaitGroup
	for _, look := range []func(){
		func() { b.State() }, func() { b.Holds() }, func() { _, _ = b.Image(false) }, func() { b.Keys().Named() },
		func() { b.Bend(true) }, func() { _ = b.Tear(TearAfter) }, b.Lift, b.Return,
	} {
		watch.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					look()
				}
			}
		})
	}
	failed := 0
	for n := range 30 {
		id := string(rune('A' + n))
		for {
			err := x.try(t.Context(), id)
			if err == nil {
				break
			}
			if failed++; failed > 10_000 {
				t.Fatal(err)
			}
			b.Return()
		}
	}
	close(done)
	watch.Wait()
	b.Return()
	held := b.Holds()
	if v, _ := held.Value(wire.Place{AID: 0xF58401}, 2); v != 5000-30*100 {
		t.Errorf("the card holds %d after 30 debits of 100 and %d failures", v, failed)
	}
	if failed == 0 {
		t.Error("nothing failed")
	}
	if err := b.SetFaults(""); err != nil || b.State().Faults != "" {
		t.Error(err)
	}
	if n := len(b.State().Log); n > keptHappenings {
		t.Errorf("%d happenings", n)
	}
}

// try is one attempt, with whatever card can be had.
func (x *pay) try(ctx context.Context, id string) error {
	l := x.b.here()
	tr, err := l.reader.Open(ctx)
	if err != nil {
		return err
	}
	card, err := desfire.Connect(ctx, tr, nil)
	if err != nil {
		return err
	}
	defer card.Close()
	_, err = x.p.Debit(ctx, card, purse.Request{ID: id, Amount: 100})
	return err
}
