package browser

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/vpcd"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// pcscd goes while the page is open, and comes back: the page says so, and goes on.
func TestLiveServiceRestarted(t *testing.T) {
	needChromium(t)
	stack := pcsctest.StartOwned(t)
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	client := vpcd.New(stack.Slot(0), func(context.Context) (vpcd.Card, error) { return card.Present(), nil }, &vpcd.Config{Retry: 50 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	readers, err := pcsc.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, web.Config{Source: readers})
	p.wait("h1", "DESFire EV2")
	p.wait("#rail", stack.Reader(0))
	stack.Stop(t)
	p.wait("body", "service")
	p.gone("h1", "DESFire EV2")
	p.shotAt("no-service")
	p.until(`document.querySelector('#rail p.said').offsetHeight < 40`, "the mark and its words on one line")
	stack.Restart(t)
	p.wait("h1", "DESFire EV2")
}

// One browser has the pages of two programs open: their sessions do not meet.
func TestTwoPrograms(t *testing.T) {
	make := func(g wire.Generation) (*web.Server, string) {
		card, err := sim.New(&sim.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		return serve(t, web.Config{Source: field(card)})
	}
	first, at1 := make(wire.EV1)
	second, at2 := make(wire.EV3)
	p := visit(t, first, at1)
	p.wait("h1", "DESFire EV1")
	p.at("http://127.0.0.1:")
	p.navigate(at2 + "/?code=" + second.Code())
	p.wait("h1", "DESFire EV3")
	p.navigate(at1 + "/card")
	p.wait("h1", "DESFire EV1")
	p.navigate(at2 + "/card")
	p.wait("h1", "DESFire EV3")
}

// Two pages of one program, in one browser: what happens is seen on both.
func TestTwoPages(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	desk := field(card)
	s, url := serve(t, web.Config{Source: desk})
	p, q := visit(t, s, url), visit(t, s, url)
	p.wait("h1", "DESFire EV2")
	q.wait("h1", "DESFire EV2")
	desk.Lift()
	p.wait("h1", "Lay a card on the reader")
	q.wait("h1", "Lay a card on the reader")
	if err := desk.Return(); err != nil {
		t.Fatal(err)
	}
	p.wait("h1", "DESFire EV2")
	q.wait("h1", "DESFire EV2")
}
