package vpcd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = time.Minute

// driver plays vpcd: it listens, one card at a time, and asks.
type driver struct {
	t    *testing.T
	l    net.Listener
	card net.Conn
}

func newDriver(t *testing.T, addr string) *driver {
	t.Helper()
	var l net.Listener
	var err error
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if l, err = net.Listen("tcp", addr); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	d := &driver{t: t, l: l}
	t.Cleanup(d.stop)
	return d
}

func (d *driver) addr() string { return d.l.Addr().String() }

// accept takes the next card.
func (d *driver) accept() {
	d.t.Helper()
	d.l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := d.l.Accept()
	if err != nil {
		d.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	d.card = c
}

func (d *driver) stop() {
	d.l.Close()
	if d.card != nil {
		d.card.Close()
	}
}

// send writes length and payload apart, as the real one does.
func (d *driver) send(payload ...byte) {
	d.t.Helper()
	if _, err := d.card.Write(binary.BigEndian.AppendUint16(nil, uint16(len(payload)))); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.card.Write(payload); err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) want(b ...byte) {
	d.t.Helper()
	got := make([]byte, 2+len(b))
	if _, err := io.ReadFull(d.card, got); err != nil {
		d.t.Fatalf("answer %v, want % X", err, b)
	}
	if int(binary.BigEndian.Uint16(got)) != len(b) || !bytes.Equal(got[2:], b) {
		d.t.Fatalf("answer % X, want % X", got, b)
	}
}

func (d *driver) wantGone() {
	d.t.Helper()
	if _, err := d.card.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		d.t.Fatalf("read: %v, want the end of the connection", err)
	}
}

// echo is a card that counts its activations.
type echo struct {
	mu        sync.Mutex
	presented int
	transmit  func(ctx context.Context, command []byte) ([]byte, error)
}

func (e *echo) present(context.Context) (Card, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.presented++
	return e, nil
}

func (e *echo) activations() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.presented
}

func (e *echo) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if e.transmit != nil {
		return e.transmit(ctx, command)
	}
	return command, nil
}

// run keeps a client running until the test ends, and collects its events.
func run(t *testing.T, addr string, e *echo) (c *Client, next func(EventKind) Event) {
	t.Helper()
	events := make(chan Event, 100)
	c = New(addr, e.present, &Config{Retry: 10 * time.Millisecond, Away: 20 * time.Millisecond,
		Observe: func(e Event) { events <- e }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run goes on after its context ended")
		}
	})
	return c, func(kind EventKind) Event {
		t.Helper()
		select {
		case e := <-events:
			if e.Kind != kind {
				t.Fatalf("event %v (%v), want %v", e.Kind, e.Err, kind)
			}
			return e
		case <-time.After(patience):
			t.Fatalf("no event, want %v", kind)
		}
		panic("not reached")
	}
}

func TestClient(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	c, next := run(t, d.addr(), e)
	d.accept()
	next(Connected)
	if c.Inserted() {
		t.Error("inserted before the first ATR request")
	}
	d.send(4)
	d.want(0x3B, 0x81, 0x80, 0x01, 0x80, 0x80)
	next(Inserted)
	next(Activated)
	if !c.Inserted() {
		t.Error("not inserted after the first ATR request")
	}
	d.send(1) // power on
	d.send(0x60)
	d.want(0x60)
	next(Activated)
	d.send(4) // pcscd looks all the time
	d.want(0x3B, 0x81, 0x80, 0x01, 0x80, 0x80)
	d.send(2) // reset
	d.send(0x90, 0x60, 0, 0, 0)
	d.want(0x90, 0x60, 0, 0, 0)
	next(Activated)
	d.send(0)    // power off, and
	d.send(0xAF) // on without a power-on
	d.want(0xAF)
	next(Activated)
	if n := e.activations(); n != 4 {
		t.Errorf("%d activations, want 4", n)
	}
}

func TestLiftAndReturn(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	c, next := run(t, d.addr(), e)
	for range 3 {
		d.accept()
		next(Connected)
		d.send(4)
		d.want(0x3B, 0x81, 0x80, 0x01, 0x80, 0x80)
		next(Inserted)
		next(Activated)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Wait(ctx, true); err != nil {
			t.Fatal(err)
		}
		c.Lift()
		d.wantGone()
		if e := next(Removed); !errors.Is(e.Err, ErrLifted) {
			t.Errorf("removed because of %v", e.Err)
		}
		if err := c.Wait(ctx, false); err != nil {
			t.Fatal(err)
		}
		c.Lift() // twice is once
		c.Return()
	}
}

func TestLiftedFromTheStart(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	c := New(d.addr(), e.present, nil)
	c.Lift()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	d.l.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := d.l.Accept(); err == nil {
		t.Error("a lifted card connects")
	}
	c.Return()
	d.accept()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The card's own goroutine lifts it: the answer never leaves, and nothing blocks.
func TestLiftInCommand(t *testing.T) {
	for name, answer := range map[string]struct {
		response []byte
		err      error
	}{"executed": {[]byte{0x91, 0x00}, nil}, "not executed": {nil, errors.New("torn")}} {
		t.Run(name, func(t *testing.T) {
			d, e := newDriver(t, "127.0.0.1:0"), &echo{}
			var c *Client
			ready := make(chan struct{})
			e.transmit = func(ctx context.Context, _ []byte) ([]byte, error) {
				<-ready
				c.Lift()
				if ctx.Err() == nil {
					t.Error("the card's context goes on after Lift")
				}
				return answer.response, answer.err
			}
			c, next := run(t, d.addr(), e)
			close(ready)
			d.accept()
			next(Connected)
			d.send(0x90, 0xC7, 0, 0, 0)
			next(Activated)
			d.wantGone()
			if e := next(Removed); !errors.Is(e.Err, ErrLifted) {
				t.Errorf("removed because of %v", e.Err)
			}
		})
	}
}

func TestCardFails(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	torn := errors.New("torn")
	e.transmit = func(context.Context, []byte) ([]byte, error) { return nil, torn }
	_, next := run(t, d.addr(), e)
	for range 2 { // it comes back
		d.accept()
		next(Connected)
		d.send(0x60)
		next(Activated)
		d.wantGone()
		if e := next(Removed); !errors.Is(e.Err, torn) {
			t.Errorf("removed because of %v", e.Err)
		}
	}
}

func TestDriverRestarts(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	addr := d.addr()
	_, next := run(t, addr, e)
	for range 2 {
		d.accept()
		next(Connected)
		d.stop()
		if e := next(Removed); e.Err == nil {
			t.Error("removed without a reason")
		}
		if e := next(Unreachable); !strings.Contains(e.Err.Error(), addr) {
			t.Errorf("unreachable: %v", e.Err)
		}
		d = newDriver(t, addr)
	}
	d.accept()
	next(Connected)
}

// Garbage of the driver costs the connection only.
func TestBadDriver(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	_, next := run(t, d.addr(), e)
	for _, garbage := range [][]byte{{0}, {0, 9, 1}, {0xFF, 0xFF, 1, 2, 3}} {
		d.accept()
		next(Connected)
		d.card.Write(garbage)
		d.card.Close()
		next(Removed)
	}
	d.accept()
	next(Connected)
	d.send(0x60)
	d.want(0x60)
}

func TestRunTwice(t *testing.T) {
	d, e := newDriver(t, "127.0.0.1:0"), &echo{}
	c, next := run(t, d.addr(), e)
	next(Connected)
	if err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("second Run: %v", err)
	}
}

func TestWaitEnds(t *testing.T) {
	c := New("", (&echo{}).present, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Wait(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if c.String() != "vpcd:127.0.0.1:35963" {
		t.Errorf("String %q", c)
	}
}

func TestEventKinds(t *testing.T) {
	var names []string
	for k := Unreachable; k <= Removed; k++ {
		names = append(names, k.String())
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != 5 || slices.Contains(names, "unknown") {
		t.Errorf("names %q", names)
	}
	if EventKind(0xFF).String() != "unknown" {
		t.Error("an unknown kind has a name")
	}
}
