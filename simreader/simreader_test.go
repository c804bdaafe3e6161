package simreader

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
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
