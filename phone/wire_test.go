package phone

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/go-desfire/desfire"
)

func dialTCP(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }

// wire is what lies between phone and computer: it can be cut, hold bytes back, add some, and
// it remembers what the phone has sent.
type wire struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	held  chan struct{} // not nil: bytes to the computer wait until it is closed
	said  []byte        // by the phone, in its first connection
	conns []net.Conn
	work  sync.WaitGroup
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, to: to}
	w.work.Go(func() {
		for first := true; ; first = false {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				nc.Close()
				return
			}
			w.mu.Lock()
			w.conns = append(w.conns, nc, out)
			w.mu.Unlock()
			w.work.Go(func() { w.carry(out, nc, first) })
			w.work.Go(func() { defer nc.Close(); _, _ = io.Copy(nc, out) })
		}
	})
	t.Cleanup(func() { l.Close(); w.cut(); w.work.Wait() })
	return w
}

func (w *wire) carry(to, from net.Conn, remember bool) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		held := w.held
		if remember {
			w.said = append(w.said, b[:n]...)
		}
		w.mu.Unlock()
		if held != nil {
			<-held
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

// add puts bytes on the way to the computer.
func (w *wire) add(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.conns[1].Write(b)
}

// answering is a card that answers each command with itself, when it may.
type answering struct {
	got chan []byte
	may chan struct{}
}

func newAnswering() *answering {
	return &answering{got: make(chan []byte, 16), may: make(chan struct{}, 16)}
}

func (a *answering) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	a.got <- append([]byte(nil), command...)
	select {
	case <-a.may:
		return append([]byte(nil), command...), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *answering) Reconnect(context.Context) error { return nil }

// Faults between the two: an exchange fails and may have happened, nothing is sent again, and
// the phone comes back.
func TestThreatWire(t *testing.T) {
	for name, harm := range map[string]func(w *wire){
		"cut":     func(w *wire) { w.cut() },
		"garbage": func(w *wire) { w.add([]byte("GET / HTTP/1.1\r\n\r\n garbage between records")) },
		"doubled": func(w *wire) { w.mu.Lock(); said := w.said; w.mu.Unlock(); w.add(said[len(said)-40:]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
			w := newWire(t, s.addr.String())
			c := paired(t, s, "phone")
			c.addresses = []string{w.l.Addr().String()}
			seen := events(t, s)
			card := newAnswering()
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = Run(ctx, c, oneCard{card}, nil) })
			defer running.Wait()
			defer cancel()
			next(t, seen, desfire.ReaderAdded)
			tr := opened(t, next(t, seen, desfire.CardInserted))
			done := transmit(tr, 0x0C, 1)
			within(t, "command at the card", card.got)
			harm(w)
			if r := within(t, "exchange", done); r.err == nil || !sentOf(r.err) || !removed(r.err) {
				t.Errorf("% X, %v", r.answer, r.err)
			}
			tr.Close()
			next(t, seen, desfire.CardRemoved)
			next(t, seen, desfire.ReaderRemoved)
			next(t, seen, desfire.ReaderAdded)
			again := opened(t, next(t, seen, desfire.CardInserted))
			card.may <- struct{}{}
			if r := within(t, "a new exchange", transmit(again, 0x60)); r.err != nil || len(r.answer) != 1 {
				t.Errorf("% X, %v", r.answer, r.err)
			}
			if first := within(t, "command", card.got); len(first) != 1 {
				t.Errorf("the card had % X again", first)
			}
		})
	}
}

// Bytes of the phone that were held back arrive late, and are what they are; those of a
// connection before, sent again, are nothing.
func TestThreatReplay(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	w := newWire(t, s.addr.String())
	c := paired(t, s, "phone")
	c.addresses = []string{w.l.Addr().String()}
	seen := events(t, s)
	l := linked(t, c)
	card := newAnswering()
	offering(t, l, Card{Open: func(context.Context) (desfire.Transport, error) { return card, nil }})
	next(t, seen, desfire.ReaderAdded)
	tr := opened(t, next(t, seen, desfire.CardInserted))
	w.mu.Lock()
	w.held = make(chan struct{})
	held := w.held
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := transmitIn(ctx, tr, 1)
	within(t, "command", card.got)
	card.may <- struct{}{}
	cancel()
	if r := within(t, "given up", done); r.err == nil || !sentOf(r.err) {
		t.Error(r.err)
	}
	w.mu.Lock()
	close(held)
	w.held = nil
	w.mu.Unlock()
	if err := tr.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	card.may <- struct{}{}
	if r := within(t, "exchange", transmit(tr, 2)); r.err != nil || r.answer[0] != 2 {
		t.Errorf("% X, %v", r.answer, r.err)
	}
	l.Close()
	next(t, seen, desfire.CardRemoved)
	next(t, seen, desfire.ReaderRemoved)
	w.mu.Lock()
	said := append([]byte(nil), w.said...)
	w.mu.Unlock()
	nc, err := dialTCP(s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(said); err != nil {
		t.Log(err)
	}
	_, _ = io.Copy(io.Discard, nc) // until the computer ends it
	if got := s.Connected(); len(got) != 0 {
		t.Errorf("what a phone said was played, and connected: %q", got)
	}
	select {
	case ev := <-seen:
		t.Errorf("%v of %s", ev.Kind, ev.Reader)
	default:
	}
}
