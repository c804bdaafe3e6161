package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// TestList runs the example on a simulated card behind a socket.
func TestList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := sim.New(&sim.Config{Generation: wire.EV1, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, aid := range []wire.AID{0x121314, 0xF51780} {
		if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := tcp.Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	go serve(ctx, l, c)

	var out strings.Builder
	list(ctx, tcp.NewSource(l.Addr().String(), nil), writer(func(p []byte) (int, error) {
		out.Write(p)
		if strings.Contains(string(p), "F51780") {
			cancel()
		}
		return len(p), nil
	}))
	want := "+ MIFARE DESFire EV1 04010203040506 on tcp:" + l.Addr().String() + "\n  application 121314\n  application F51780\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
}

func serve(ctx context.Context, l net.Listener, c *sim.Card) {
	_ = tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return c.Present(), nil })
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
