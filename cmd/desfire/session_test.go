package main

import (
	"io"
	"testing"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// shared is a connection to a card that other programs use, too.
type shared struct{ *sim.Activation }

func (shared) Shared() bool { return true }

// Every verb connects to a card of one application over a shared reader, traced
// and recorded too.
func TestConnectShared(t *testing.T) {
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424, wire.EV1} {
		for _, traced := range []bool{false, true} {
			card, err := sim.New(&sim.Config{Generation: g})
			if err != nil {
				t.Fatal(err)
			}
			a := newApp(nil, io.Discard, io.Discard)
			if traced {
				a.tracer, a.recorder = newTracer(io.Discard, screen.Palette{}), trace.NewRecorder(nil)
			}
			c, err := a.connect(t.Context(), a.recorded(shared{card.Present()}))
			if err != nil {
				t.Errorf("%v, traced %v: %v", g, traced, err)
				continue
			}
			if c.Generation() != g {
				t.Errorf("generation %v, want %v", c.Generation(), g)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
