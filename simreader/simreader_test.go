package simreader

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
)

func TestField(t *testing.T) {
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := New("R", card)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var open func(context.Context) (desfire.Transport, error)
	step := 0
	want := []desfire.EventKind{desfire.ReaderAdded, desfire.CardInserted, desfire.CardRemoved, desfire.CardInserted}
	for ev, err := range f.Events(ctx) {
		if err != nil || ev.Kind != want[step] || ev.Reader != "R" {
			t.Fatalf("step %d: %+v %v, want %v", step, ev, err, want[step])
		}
		switch step++; step {
		case 2:
			open = ev.Open
			tr, err := open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tr.Transmit(ctx, []byte{0x60}); err != nil {
				t.Fatal(err)
			}
			f.Lift()
			if _, err := tr.Transmit(ctx, []byte{0x60}); err == nil {
				t.Error("a lifted card answers")
			}
		case 3:
			if _, err := open(ctx); !errors.Is(err, ErrLifted) || card.InField() {
				t.Errorf("opening a lifted card: %v, in the field: %t", err, card.InField())
			}
			if !f.Toggle() || !card.InField() {
				t.Error("Toggle does not return the card")
			}
		case 4:
			if f.Toggle() || card.InField() {
				t.Error("Toggle does not lift the card")
			}
			cancel()
		}
	}
	if step != 4 {
		t.Errorf("%d events, want 4", step)
	}
	if _, err := f.Activate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Activate after the end: %v", err)
	}
}

// Whatever fails because the card was lifted says so.
func TestRemoved(t *testing.T) {
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := New("R", card)
	removed := func(err error) bool {
		var e interface{ Removed() bool }
		return errors.As(err, &e) && e.Removed()
	}
	a, err := r.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Lift()
	if _, err := a.Transmit(t.Context(), []byte{0x60}); !removed(err) {
		t.Errorf("Transmit: %v", err)
	}
	if err := a.Reconnect(t.Context()); !removed(err) {
		t.Errorf("Reconnect: %v", err)
	}
	if _, err := r.Activate(t.Context()); !removed(err) {
		t.Errorf("Activate: %v", err)
	}
	r.Return()
	card.Inject(sim.Fault{Exchange: 1, Kind: sim.LosePowerBefore})
	if a, err = r.Activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Transmit(t.Context(), []byte{0x60}); !removed(err) {
		t.Errorf("a lost field: %v", err)
	}
	r.Return()
	if a, err = r.Activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if _, err := a.Transmit(t.Context(), []byte{0x60}); err == nil || removed(err) {
		t.Errorf("closed: %v", err)
	}
}

func TestScheme(t *testing.T) {
	mine := errors.New("no such file")
	schemes := place.Schemes{Scheme(func(file string) (*sim.Card, error) {
		if file != "" {
			return nil, mine
		}
		return sim.New(nil)
	})}
	p, err := place.Parse("sim:", schemes)
	if err != nil {
		t.Fatal(err)
	}
	tr, reader, err := p.Open(t.Context(), nil)
	if err != nil || reader != "sim:" || tr == nil || !p.Fixed {
		t.Errorf("%v on %s, %v", tr, reader, err)
	}
	if _, err := place.Parse("sim:x.json", schemes); !errors.Is(err, mine) {
		t.Error(err)
	}
}

// What lies between reader and card is there for everybody who opens it.
func TestRelay(t *testing.T) {
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := sim.ParseFaults("forge=910C:unseen@0x60#2")
	if err != nil {
		t.Fatal(err)
	}
	r := New("desk", card)
	r.Relay = &faults.Relay
	for i, want := range []byte{0xAF, 0x0C} {
		tr, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := tr.Transmit(t.Context(), []byte{0x60}); err != nil || b[0] != want {
			t.Errorf("opened %d times: %X, %v", i+1, b, err)
		}
	}
	r.Lift()
	if _, err := r.Open(t.Context()); err != ErrLifted {
		t.Errorf("lifted: %v", err)
	}
}
