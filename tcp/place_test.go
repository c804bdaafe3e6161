package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/link"
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
	if err := p.Ready(t.Context()); !errors.As(err, new(*Error)) || !strings.Contains(err.Error(), "is a card served there?") {
		t.Error(err)
	}
}

// placeAt is the place of an address.
func placeAt(t *testing.T, addr string) *place.Place {
	t.Helper()
	p, err := place.Parse("tcp:"+addr, place.Schemes{Scheme(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlaceWaits(t *testing.T) {
	d := &deck{}
	var lifted atomic.Bool
	present := func(ctx context.Context) (Card, error) {
		if lifted.Load() {
			return nil, errors.New("lifted")
		}
		return d.present(ctx)
	}
	c := &cradle{t: t}
	c.start(&Server{Present: present, Idle: time.Hour})
	p := placeAt(t, c.addr)
	open := func(later func()) { // waits for what happens later
		t.Helper()
		time.AfterFunc(200*time.Millisecond, later)
		tr, reader, err := p.Open(t.Context(), nil)
		if err != nil || reader != p.Name {
			t.Fatal(reader, err)
		}
		defer tr.(*Transport).Close()
		transmit(t, tr, 0x60)
	}
	var told []error
	fails := func(target error, want string, as any) {
		t.Helper()
		told = nil
		w := &place.Wait{Limit: 2 * time.Second, OnWait: func(why error) { told = append(told, why) }}
		_, _, err := p.Open(t.Context(), w)
		if target != nil && !errors.Is(err, target) || !errors.As(err, as) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %v with %q", err, target, want)
		}
		if len(told) != 1 || !errors.As(told[0], as) {
			t.Errorf("told %q", told)
		}
	}

	lifted.Store(true)
	fails(ErrNoCard, "was it lifted?", new(*place.NoCardError))
	open(func() { lifted.Store(false) })

	other := raw(t, c.addr)
	other.send(0x60)
	other.want(0x60)
	fails(ErrInUse, "in use by another client", new(*place.InUseError))
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || !list[0].Card || !strings.Contains(list[0].State, "in use") {
		t.Errorf("%+v, %v", list, err)
	}
	open(func() { other.Close() })

	c.stop()
	fails(nil, "is a card served there?", new(*place.NoCardError))
	open(func() { c.start(&Server{Present: present}) })
}

// What was done to find out whether it is the right card is forgotten.
func TestPlaceIdentifies(t *testing.T) {
	d := &deck{}
	c := &cradle{t: t}
	c.start(&Server{Present: d.present})
	tr, _, err := placeAt(t, c.addr).Open(t.Context(), &place.Wait{
		Identify: func(ctx context.Context, tr desfire.Transport, _ string) (string, bool, error) {
			transmit(t, tr, 0x60)
			closer, _ := desfire.Ability[io.Closer](tr)
			return "a card", true, closer.Close()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.(*Transport).Close()
	transmit(t, tr, 0x60)
	if n := d.presented.Load(); n != 2 {
		t.Errorf("%d activations, want 2", n)
	}
}

// A server that knows no answer to reset has a card all the same.
func TestPlaceWithoutATR(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer l.Close()
	clients.Go(func() {
		for { // one client after the other
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c := link.NewConn(nc)
			for {
				f, err := c.Read(nil)
				if err != nil {
					break
				}
				if !link.IsControl(f) {
					c.Write(f)
				}
			}
			c.Close()
		}
	})
	tr, _, err := placeAt(t, l.Addr().String()).Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.(*Transport).Close()
	transmit(t, tr, 0x60)
}

func TestPlaceFailsAtOnce(t *testing.T) {
	for _, addr := range []string{"localhost:99999", "localhost:no-such-service"} {
		_, _, err := placeAt(t, addr).Open(t.Context(), &place.Wait{Limit: time.Minute})
		if err == nil || errors.As(err, new(*place.NoCardError)) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for err, want := range map[error]bool{
		&net.DNSError{IsNotFound: true}:                                true,
		&net.DNSError{IsTemporary: true}:                               false,
		&net.DNSError{IsTimeout: true}:                                 false,
		&net.OpError{Op: "dial", Err: &net.AddrError{Err: "bad"}}:      true,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}:            false,
		&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}: true,
		&net.OpError{Op: "dial", Err: context.DeadlineExceeded}:        false,
	} {
		if final(err) != want {
			t.Errorf("%v: final %t", err, !want)
		}
	}
}
