package tcp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
)

// events runs a Source and hands out what it reports.
func events(t *testing.T, s *Source) func(kind desfire.EventKind) desfire.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := make(chan desfire.Event)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range s.Events(ctx) {
			if err != nil {
				t.Errorf("event with error %v", err)
			}
			select {
			case c <- e:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Events goes on after its context ended")
		}
	})
	return func(kind desfire.EventKind) desfire.Event {
		t.Helper()
		select {
		case e := <-c:
			if e.Kind != kind || e.Reader != s.String() {
				t.Fatalf("event %v of %q, want %v of %q", e.Kind, e.Reader, kind, s)
			}
			return e
		case <-time.After(patience):
			t.Fatalf("no event in %v, want %v", patience, kind)
		}
		panic("not reached")
	}
}

// cradle is a server that a test starts and stops at one address.
type cradle struct {
	t    *testing.T
	addr string
	stop func()
}

func (c *cradle) start(s *Server) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var l net.Listener
	var err error
	if c.addr == "" {
		c.addr = "127.0.0.1:0"
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if l, err = Listen(ctx, c.addr); err == nil {
			break
		}
		if time.Now().After(end) {
			c.t.Fatal(err)
		}
	}
	c.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	c.stop = func() { cancel(); <-done }
	c.t.Cleanup(c.stop)
}

func open(t *testing.T, e desfire.Event) desfire.Transport {
	t.Helper()
	tr, err := e.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.(*Transport).Close() })
	return tr
}

func transmit(t *testing.T, tr desfire.Transport, command ...byte) {
	t.Helper()
	if r, err := tr.Transmit(context.Background(), command); err != nil || !bytes.Equal(r, command) {
		t.Fatalf("answer % X, %v", r, err)
	}
}

func TestSource(t *testing.T) {
	d := &deck{atr: []byte{0x3B, 0x80, 0x80, 0x01, 0x01}}
	c := &cradle{t: t}
	c.start(&Server{Present: d.present})
	c.stop()
	next := events(t, NewSource(c.addr, nil))
	next(desfire.ReaderAdded)
	for round := range 3 {
		c.start(&Server{Present: d.present})
		e := next(desfire.CardInserted)
		if !bytes.Equal(e.ATR, d.atr) {
			t.Errorf("ATR % X", e.ATR)
		}
		before := d.presented.Load()
		for range 3 { // closed and opened again while the card lies there
			tr := open(t, e)
			transmit(t, tr, 0x60)
			tr.(*Transport).Close()
		}
		if n := d.presented.Load() - before; n < 2 {
			t.Errorf("%d new activations for three transports", n)
		}
		if round == 1 {
			transmit(t, open(t, e), 0x60) // lost in use
		}
		c.stop()
		next(desfire.CardRemoved)
		if tr, err := e.Open(context.Background()); !errors.Is(err, ErrRemoved) || !removed(err) {
			t.Errorf("Open after removal: %v, %v", tr, err)
		}
	}
}

func TestSourceReconnect(t *testing.T) {
	d := &deck{}
	c := &cradle{t: t}
	c.start(&Server{Present: d.present})
	next := events(t, NewSource(c.addr, nil))
	next(desfire.ReaderAdded)
	tr := open(t, next(desfire.CardInserted)).(*Transport)
	for range 3 {
		transmit(t, tr, 0x60)
		if err := tr.Reconnect(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	transmit(t, tr, 0x60)
	c.stop()
	next(desfire.CardRemoved)
	if err := tr.Reconnect(context.Background()); err == nil {
		t.Error("Reconnect succeeds without a server")
	}
}

// A card that fails is removed and inserted again.
func TestSourceCardFails(t *testing.T) {
	cards := make(chan Card, 4)
	c := &cradle{t: t}
	c.start(&Server{Present: func(ctx context.Context) (Card, error) {
		select {
		case card := <-cards:
			return card, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	next := events(t, NewSource(c.addr, nil))
	next(desfire.ReaderAdded)
	cards <- failing{err: errors.New("pulled away")}
	tr := open(t, next(desfire.CardInserted))
	if _, err := tr.Transmit(context.Background(), []byte{0x60}); err == nil {
		t.Fatal("the failing card answers")
	}
	next(desfire.CardRemoved)
	cards <- &echoCard{closed: &(&deck{}).closed}
	transmit(t, open(t, next(desfire.CardInserted)), 0x6A)
}

// A card that other clients use is not presented anew by that: neither where the
// watcher has let go of it, nor where it is taken from the watcher.
func TestSourceAmongOthers(t *testing.T) {
	for _, holding := range []bool{false, true} {
		d := &deck{}
		c := &cradle{t: t}
		c.start(&Server{Present: d.present, Idle: 50 * time.Millisecond})
		seen := make(chan desfire.EventKind, 100)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e := range NewSource(c.addr, nil).Events(ctx) {
				if e.Kind == desfire.CardInserted {
					tr, err := e.Open(ctx)
					if err == nil {
						_, err = tr.Transmit(ctx, []byte{0x60})
					}
					if err != nil {
						t.Error(err)
					} else if holding {
						defer tr.(*Transport).Close()
					} else {
						tr.(*Transport).Close()
					}
				}
				seen <- e.Kind
			}
		}()
		await := func(want desfire.EventKind) {
			t.Helper()
			select {
			case got := <-seen:
				if got != want {
					t.Fatalf("holding %t: event %v, want %v", holding, got, want)
				}
			case <-time.After(patience):
				t.Fatalf("holding %t: no event, want %v", holding, want)
			}
		}
		await(desfire.ReaderAdded)
		for range 2 {
			await(desfire.CardInserted)
			for range 3 { // as a script does that runs for each insertion
				other, err := Dial(ctx, c.addr, nil)
				if err != nil {
					t.Fatal(err)
				}
				transmit(t, other, 0x60)
				other.Close()
				time.Sleep(2 * firstRetry)
			}
			if len(seen) > 0 {
				t.Fatalf("holding %t: %v though the card has not moved", holding, <-seen)
			}
			c.stop()
			await(desfire.CardRemoved)
			c.start(&Server{Present: d.present, Idle: 50 * time.Millisecond})
		}
		cancel()
		<-done
	}
}

// While another client has the card nothing is claimed.
func TestSourceWaitsForItsTurn(t *testing.T) {
	d := &deck{}
	c := &cradle{t: t}
	c.start(&Server{Present: d.present, Idle: time.Hour})
	other := raw(t, c.addr)
	other.send(0x60)
	other.want(0x60)
	left := make(chan struct{})
	time.AfterFunc(1500*time.Millisecond, func() { close(left); other.Close() })
	next := events(t, NewSource(c.addr, nil))
	next(desfire.ReaderAdded)
	e := next(desfire.CardInserted)
	select {
	case <-left:
	default:
		t.Error("inserted while another client has the card")
	}
	transmit(t, open(t, e), 0x60)
}

func TestSourceStops(t *testing.T) {
	c := &cradle{t: t}
	c.start(&Server{Present: (&deck{}).present})
	for _, stop := range []desfire.EventKind{desfire.ReaderAdded, desfire.CardInserted} {
		for e := range NewSource(c.addr, nil).Events(context.Background()) {
			if e.Kind == stop {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range NewSource("127.0.0.1:1", nil).Events(ctx) {
		if e.Kind != desfire.ReaderAdded || err != nil {
			t.Errorf("event %v, %v", e.Kind, err)
		}
	}
}
