package tcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/internal/link"
)

const patience = time.Minute

// echoCard answers with the command, and counts.
type echoCard struct {
	atr    []byte
	closed *atomic.Int32
}

func (c *echoCard) Transmit(_ context.Context, command []byte) ([]byte, error) { return command, nil }
func (c *echoCard) ATR() []byte                                                { return c.atr }
func (c *echoCard) Close() error                                               { c.closed.Add(1); return nil }

// deck presents echoCards.
type deck struct {
	presented, closed atomic.Int32
	atr               []byte
}

func (d *deck) present(context.Context) (Card, error) {
	d.presented.Add(1)
	return &echoCard{atr: d.atr, closed: &d.closed}, nil
}

// client is a program that writes bytes as it likes.
type client struct {
	net.Conn
	t *testing.T
}

func raw(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &client{c, t}
}

func (c *client) send(payload ...byte) {
	c.t.Helper()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() []byte {
	c.t.Helper()
	var n [2]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(n[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *client) want(b ...byte) {
	c.t.Helper()
	if got := c.receive(); !bytes.Equal(got, b) {
		c.t.Fatalf("answer % X, want % X", got, b)
	}
}

func TestControls(t *testing.T) {
	d := &deck{atr: []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x81}}
	c := raw(t, serve(t, &Server{Present: d.present}))
	activations := func(presented, closed int32) {
		t.Helper()
		if p, cl := d.presented.Load(), d.closed.Load(); p != presented || cl != closed {
			t.Fatalf("%d activations begun and %d ended, want %d and %d", p, cl, presented, closed)
		}
	}
	c.send(link.ReadATR)
	c.want(d.atr...)
	c.send(0x60)
	c.want(0x60)
	activations(1, 0)
	c.send(link.PowerOff)
	c.send(link.ReadATR) // asked while off: no activation
	c.want(d.atr...)
	activations(1, 1)
	c.send(0xAF) // after power-off without power-on, as pcscd does it
	c.want(0xAF)
	activations(2, 1)
	c.send(link.Reset)
	c.send(link.PowerOn)
	c.send(0x6A)
	c.want(0x6A)
	activations(3, 2)
	c.send(0x03) // no control
	c.want(0x03)
	c.send() // nothing is not a control either: the card's own affair
	c.want()
	activations(3, 2)
}

func TestEachConnectionIsAnActivation(t *testing.T) {
	d := &deck{}
	addr := serve(t, &Server{Present: d.present})
	for i := range int32(5) {
		c := raw(t, addr)
		c.send(0x60)
		c.want(0x60)
		if n := d.presented.Load(); n != i+1 {
			t.Fatalf("%d activations after %d connections", n, i+1)
		}
		c.Close()
	}
}

func TestATRDefault(t *testing.T) {
	c := raw(t, serve(t, &Server{Present: (&deck{}).present}))
	c.send(link.ReadATR)
	c.want(0x3B, 0x81, 0x80, 0x01, 0x80, 0x80)
}

// However a client misbehaves, the next one is served.
func TestBadClients(t *testing.T) {
	d := &deck{}
	addr := serve(t, &Server{Present: d.present})
	for name, behave := range map[string]func(c *client){
		"nothing":             func(*client) {},
		"half a length":       func(c *client) { c.Write([]byte{0}) },
		"length only":         func(c *client) { c.Write([]byte{0, 5}) },
		"half a frame":        func(c *client) { c.Write([]byte{0, 5, 0x90, 0x60}) },
		"longest, cut off":    func(c *client) { c.Write(append([]byte{0xFF, 0xFF}, make([]byte, 1000)...)) },
		"HTTP":                func(c *client) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: card\r\n\r\n") },
		"answers never read":  func(c *client) { c.Write(bytes.Repeat([]byte{0, 2, 0x60, 0x60}, 100)) },
		"controls only":       func(c *client) { c.Write(bytes.Repeat([]byte{0, 1, 2, 0, 1, 0}, 1000)) },
		"reset by the client": func(c *client) { c.Conn.(*net.TCPConn).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			c := raw(t, addr)
			behave(c)
			c.Close()
			good := raw(t, addr)
			defer good.Close()
			good.send(0x90, 0x60, 0, 0, 0)
			good.want(0x90, 0x60, 0, 0, 0)
		})
	}
}

func TestFrameInPieces(t *testing.T) {
	c := raw(t, serve(t, &Server{Present: (&deck{}).present}))
	for _, b := range []byte{0, 3, 0x5A, 1, 2} {
		c.Write([]byte{b})
		time.Sleep(2 * time.Millisecond)
	}
	c.want(0x5A, 1, 2)
	c.Write([]byte{0, 1, 0x60, 0, 2, 0x6A, 7, 0}) // two frames and a half
	c.want(0x60)
	c.want(0x6A, 7)
	c.Write([]byte{1, 0xF5})
	c.want(0xF5)
}

func TestLongestFrame(t *testing.T) {
	c := raw(t, serve(t, &Server{Present: (&deck{}).present}))
	long := bytes.Repeat([]byte{0xA5}, 0xFFFF)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.Write(append([]byte{0xFF, 0xFF}, long...))
	}()
	c.want(long...)
	<-sent
}

func TestCardFailureClosesConnection(t *testing.T) {
	gone := errors.New("pulled away")
	for name, present := range map[string]func(context.Context) (Card, error){
		"not presented": func(context.Context) (Card, error) { return nil, gone },
		"nil card":      func(context.Context) (Card, error) { return nil, nil },
		"fails":         func(context.Context) (Card, error) { return failing{gone, nil}, nil },
		"answers too much": func(context.Context) (Card, error) {
			return failing{nil, make([]byte, 0x10000)}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan error, 1)
			addr := serve(t, &Server{Present: present, Observe: func(e ServerEvent) {
				if e.Kind == Left {
					left <- e.Err
				}
			}})
			c := raw(t, addr)
			c.send(0x60)
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Fatalf("read: %v, want %v", err, io.EOF)
			}
			var failed *link.CardError
			if err := <-left; !errors.As(err, &failed) {
				t.Errorf("connection ended with %v, want an error of the card", err)
			}
		})
	}
}

type failing struct {
	err    error
	answer []byte
}

func (f failing) Transmit(context.Context, []byte) ([]byte, error) { return f.answer, f.err }

func TestSecondClient(t *testing.T) {
	d := &deck{}
	var mu sync.Mutex
	var log []string
	addr := serve(t, &Server{Present: d.present, Idle: 50 * time.Millisecond, Observe: func(e ServerEvent) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, e.Kind.String())
	}})
	first := raw(t, addr)
	first.send(0x60)
	first.want(0x60)
	second := raw(t, addr)
	second.send(0x6A) // waits until the first has been silent long enough
	second.want(0x6A)
	first.want() // an empty frame, and the end
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the first client still has the card")
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Join(log, " "), "came activated left came activated"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

// Clients that connect and say nothing keep the card from nobody, however many
// they are and however often they come back.
func TestSilentClients(t *testing.T) {
	addr := serve(t, &Server{Present: (&deck{}).present, Idle: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	var silent sync.WaitGroup
	defer silent.Wait()
	defer cancel()
	var came sync.WaitGroup
	came.Add(40)
	for range 40 {
		silent.Go(func() {
			for first := true; ctx.Err() == nil; first = false {
				c, err := net.Dial("tcp", addr)
				if first {
					came.Done()
				}
				if err != nil {
					t.Error(err)
					return
				}
				stop := context.AfterFunc(ctx, func() { c.Close() })
				c.Read(make([]byte, 1)) // until it is turned away
				stop()
				c.Close()
			}
		})
	}
	came.Wait()
	for range 3 {
		c := raw(t, addr)
		c.send(0x60)
		c.want(0x60)
		c.Close()
	}
}

// A client that only asks for the answer to reset does not use the card.
func TestAskingForTheATRKeepsNobodyAway(t *testing.T) {
	addr := serve(t, &Server{Present: (&deck{}).present, Idle: time.Hour})
	asking, asked := raw(t, addr), make(chan struct{})
	asking.send(link.ReadATR)
	asking.want(link.DESFireATR()...)
	go func() {
		defer close(asked)
		ask, answer := []byte{0, 1, link.ReadATR}, make([]byte, 2+len(link.DESFireATR()))
		for {
			if _, err := asking.Write(ask); err != nil {
				return
			}
			if _, err := io.ReadFull(asking, answer); err != nil {
				return
			}
		}
	}()
	real := raw(t, addr)
	real.send(0x60)
	real.want(0x60)
	asking.Close()
	<-asked
}

// A client without a command loses the card without a word, and has it again
// when it has one.
func TestWatchingClient(t *testing.T) {
	d := &deck{}
	addr := serve(t, &Server{Present: d.present, Idle: time.Hour})
	watching := raw(t, addr)
	watching.send(link.ReadATR)
	watching.want(link.DESFireATR()...)
	for i := range int32(3) {
		other := raw(t, addr)
		other.send(0x60)
		other.want(0x60)
		if presented, closed := d.presented.Load(), d.closed.Load(); presented != i+2 || closed != i+1 {
			t.Errorf("%d activations begun and %d ended, want %d and %d", presented, closed, i+2, i+1)
		}
		other.Close()
	}
	watching.send(0x6A)
	watching.want(0x6A)
	other := raw(t, addr)
	other.send(0x60)
	other.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the card is taken from a client with a command: %v", err)
	}
}

// Clients that have lost the card without a word are not kept without bound.
func TestParkedClients(t *testing.T) {
	addr := serve(t, &Server{Present: (&deck{}).present, Idle: time.Hour})
	first := raw(t, addr)
	first.send(link.ReadATR)
	first.want(link.DESFireATR()...)
	for range maxWaiting + 1 {
		c := raw(t, addr)
		c.send(link.ReadATR)
		c.want(link.DESFireATR()...)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read: %v, want %v", err, io.EOF)
	}
}

// Clients that wait have their turn in the order in which they came.
func TestClientsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &field{Server: new(Server), idle: 1000 * time.Hour}
		newPeer := func() *peer { return &peer{session: new(link.Session)} }
		first := newPeer()
		if err := f.enter(t.Context(), first, true); err != nil {
			t.Fatal(err)
		}
		var order []int
		ends := make([]context.CancelFunc, maxWaiting)
		for i := range maxWaiting {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ends[i] = cancel
			go func() {
				p := newPeer()
				if f.enter(ctx, p, true) == nil {
					order = append(order, i)
				}
				f.leave(p)
			}()
			synctest.Wait() // until it waits
			time.Sleep(time.Hour)
		}
		if f.enter(t.Context(), newPeer(), true) == nil {
			t.Error("one more is not turned away")
		}
		ends[3]()
		synctest.Wait()
		f.leave(first)
		synctest.Wait()
		var want []int
		for i := range maxWaiting {
			if i != 3 {
				want = append(want, i)
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("turns %v, want %v", order, want)
		}
		if err := f.enter(t.Context(), first, true); err != nil {
			t.Error("the card is not free in the end")
		}
	})
}

func TestManyClients(t *testing.T) {
	d := &deck{}
	addr := serve(t, &Server{Present: d.present})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			tr, err := Dial(context.Background(), addr, &Config{ATRTimeout: -1})
			if err != nil {
				t.Error(err)
				return
			}
			defer tr.Close()
			for j := range 20 {
				command := []byte{0x90, byte(i), byte(j)}
				if r, err := tr.Transmit(context.Background(), command); err != nil || !bytes.Equal(r, command) {
					t.Errorf("client %d: % X, %v", i, r, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestServeEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hung := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, func(context.Context) (Card, error) { return hanging{hung}, nil })
	}()
	c, waiting := raw(t, l.Addr().String()), raw(t, l.Addr().String())
	c.send(0x60)
	<-hung
	waiting.send(0x60)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	for _, c := range []*client{c, waiting} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection stands after Serve")
		}
	}
	// Not by dialling: another program may have got the port by now.
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener after Serve: %v", err)
	}
}

type hanging struct{ hung chan struct{} }

func (h hanging) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	h.hung <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestServeListenerFails(t *testing.T) {
	l, err := Listen(context.Background(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(context.Background(), l, (&deck{}).present); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v, want %v", err, net.ErrClosed)
	}
}

func TestListen(t *testing.T) {
	l, err := Listen(context.Background(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a := l.Addr().(*net.TCPAddr); !a.IP.IsLoopback() {
		t.Errorf("without a host it listens on %v", a)
	}
	if _, err := Listen(context.Background(), "9000"); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
		t.Errorf("address without a colon: %v", err)
	}
}
