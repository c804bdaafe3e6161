package tcp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/place"
)

func TestPlace(t *testing.T) {
	schemes := place.Schemes{Scheme(nil)}
	for _, spec := range []string{"tcp", "tcp:", "tcp:host", "tcp:host:"} {
		var e *place.SpecError
		if _, err := place.Parse(spec, schemes); !errors.As(err, &e) || e.Error() != spec+": want tcp:HOST:PORT" {
			t.Errorf("%s: %v", spec, err)
		}
	}
	l, err := Listen(t.Context(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p, err := place.Parse("tcp:127.0.0.1:"+port, schemes)
	if err != nil || !p.Fixed || p.Name != "tcp:127.0.0.1:"+port {
		t.Fatalf("%+v, %v", p, err)
	}
	if local, err := place.Parse("tcp::"+port, schemes); err != nil || local.Name != "tcp:localhost:"+port {
		t.Errorf("%+v, %v", local, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	d := &deck{atr: []byte{0x3B, 0x81}}
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, l, d.present)
	}()
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || !list[0].Card || !bytes.Equal(list[0].ATR, []byte{0x3B, 0x81}) {
		t.Errorf("%+v, %v", list, err)
	}
	tr, reader, err := p.Open(t.Context(), nil)
	if err != nil || reader != p.Name {
		t.Fatal(reader, err)
	}
	if _, err := tr.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
		t.Error(err)
	}
	tr.(*Transport).Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}

	// Nobody serves a card any more.
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || list[0].Card {
		t.Errorf("%+v, %v", list, err)
	}
	_, _, err = p.Open(t.Context(), &place.Wait{Limit: 100 * time.Millisecond})
	if !errors.As(err, new(*place.NoCardError)) {
		t.Error(err)
	}
	for _, err := range []error{p.Ready(t.Context()), err} {
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "is a card served there?") {
			t.Error(err)
		}
	}
}
