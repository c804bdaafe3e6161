package tcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/link"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// serve presents cards on a port of its own until the test ends.
func serve(t *testing.T, s *Server) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func connected(t *testing.T, addr string, c *Config) *Transport {
	t.Helper()
	tr, err := Dial(context.Background(), addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func TestConformance(t *testing.T) {
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		addr := serve(t, &Server{Present: func(ctx context.Context) (Card, error) { return present(ctx) }})
		return connected(t, addr, nil)
	}
	transporttest.Run(t, open, &transporttest.Config{Reserved: link.IsControl})
}

// script is a server that answers as a test says.
func script(t *testing.T, serve func(c *client)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(&client{c, t})
			}()
		}
	}()
	return l.Addr().String()
}

// take reads one command, if one comes.
func take(c *client) {
	var n [2]byte
	io.ReadFull(c, n[:])
	io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(n[:])))
}

// drain reads what comes until the peer leaves.
func drain(c *client) { io.Copy(io.Discard, c) }

func TestDialATR(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(c *client)
		want  []byte
		limit time.Duration
	}{
		"answered":            {func(c *client) { take(c); c.Write([]byte{0, 2, 0x3B, 0x80}); drain(c) }, []byte{0x3B, 0x80}, patience},
		"taken for a command": {func(c *client) { take(c); c.Write([]byte{0, 1, 0x1C}); drain(c) }, nil, patience},
		"empty":               {func(c *client) { take(c); c.Write([]byte{0, 0}); drain(c) }, nil, patience},
		"ignored":             {drain, nil, 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			tr := connected(t, script(t, test.serve), &Config{ATRTimeout: test.limit})
			if got := tr.ATR(); !bytes.Equal(got, test.want) {
				t.Errorf("ATR % X, want % X", got, test.want)
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	closing := script(t, func(*client) {})
	for name, test := range map[string]struct{ addr, want string }{
		"nobody there":      {"127.0.0.1:1", "connect"},
		"no port":           {"localhost", "missing port"},
		"closes at once":    {closing, "no card answers there"},
		"unknown host":      {"no-such-host.invalid:1", "no-such-host"},
		"garbage of an ATR": {script(t, func(c *client) { take(c); c.Write([]byte{0, 9, 1}) }), "cut off after 3 of 11 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := Dial(context.Background(), test.addr, nil)
			if err == nil {
				tr.Close()
				t.Fatal("Dial succeeds")
			}
			var e *Error
			if !errors.As(err, &e) || e.Sent() || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want *Error with %q", err, test.want)
			}
		})
	}
}

// A server that misbehaves costs the connection, never more.
func TestBadServers(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(c *client)
		want  string
	}{
		"leaves":              {take, "EOF"},
		"half a length":       {func(c *client) { take(c); c.Write([]byte{0}) }, "cut off after 1 of 2 bytes"},
		"half a frame":        {func(c *client) { take(c); c.Write([]byte{0, 4, 1, 2}) }, "cut off after 4 of 6 bytes"},
		"longest, cut off":    {func(c *client) { take(c); c.Write([]byte{0xFF, 0xFF, 1, 2}) }, "cut off after 4 of 65537 bytes"},
		"leaves with a reset": {func(c *client) { take(c); c.Conn.(*net.TCPConn).SetLinger(0) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr := connected(t, script(t, test.serve), &Config{ATRTimeout: -1})
			r, err := tr.Transmit(context.Background(), []byte{0x60})
			var e *Error
			if !errors.As(err, &e) || !e.Sent() || !strings.Contains(err.Error(), test.want) {
				t.Errorf("answer % X, error %v, want *Error with %q and Sent", r, err, test.want)
			}
			if !removed(err) {
				t.Errorf("%v does not say that the card is gone", err)
			}
			if _, err := tr.Transmit(context.Background(), []byte{0x60}); !errors.Is(err, ErrFinished) || !removed(err) {
				t.Errorf("next call: %v, want %v", err, ErrFinished)
			}
		})
	}
}

// Two answers to one command would shift every later one.
func TestUnaskedFrame(t *testing.T) {
	addr := script(t, func(c *client) {
		take(c)
		c.Write([]byte{0, 2, 0x91, 0x00, 0, 2, 0x91, 0xAF})
		drain(c)
	})
	tr := connected(t, addr, &Config{ATRTimeout: -1})
	if r, err := tr.Transmit(context.Background(), []byte{0x60}); err != nil || !bytes.Equal(r, []byte{0x91, 0x00}) {
		t.Fatalf("answer % X, %v", r, err)
	}
	<-tr.conn.lost
	_, err := tr.Transmit(context.Background(), []byte{0x60})
	if err == nil || !strings.Contains(err.Error(), "2 bytes came unasked") {
		t.Errorf("next call: %v", err)
	}
}

func TestNotTransmitted(t *testing.T) {
	tr := connected(t, serve(t, &Server{Present: (&deck{}).present}), nil)
	for _, command := range [][]byte{{0}, {1}, {2}, {4}, make([]byte, 0x10000)} {
		_, err := tr.Transmit(context.Background(), command)
		var e *Error
		if !errors.As(err, &e) || e.Sent() || e.Removed() {
			t.Errorf("command of %d bytes: error %v, want one with Sent false", len(command), err)
		}
	}
	if r, err := tr.Transmit(context.Background(), []byte{0x60}); err != nil || !bytes.Equal(r, []byte{0x60}) {
		t.Errorf("afterwards: % X, %v", r, err)
	}
}

func TestLimits(t *testing.T) {
	tr := connected(t, serve(t, &Server{Present: (&deck{}).present}), &Config{MaxCommand: 1, MaxResponse: 2, Framing: wire.FramingNative})
	if c, r, f := tr.Limits(); c != 1 || r != 2 || f != wire.FramingNative {
		t.Errorf("Limits %d, %d, %v", c, r, f)
	}
}

func TestBusy(t *testing.T) {
	hung := make(chan struct{}, 1)
	tr := connected(t, serve(t, &Server{Present: func(context.Context) (Card, error) { return hanging{hung}, nil }}), nil)
	done := make(chan error)
	go func() {
		_, err := tr.Transmit(context.Background(), []byte{0x60})
		done <- err
	}()
	<-hung
	if _, err := tr.Transmit(context.Background(), []byte{0x60}); !errors.Is(err, ErrBusy) || removed(err) {
		t.Errorf("second Transmit: %v, want %v", err, ErrBusy)
	}
	tr.Close()
	if err := <-done; !errors.Is(err, ErrClosed) || removed(err) {
		t.Errorf("first Transmit after Close: %v, want %v", err, ErrClosed)
	}
}

// removed reports whether an error says that the card is gone.
func removed(err error) bool {
	var r interface{ Removed() bool }
	return errors.As(err, &r) && r.Removed()
}

// What this side ended says nothing about the card.
func TestOwnEndIsNoRemoval(t *testing.T) {
	hung := make(chan struct{}, 1)
	addr := serve(t, &Server{Present: func(context.Context) (Card, error) { return hanging{hung}, nil }})
	tr := connected(t, addr, nil)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-hung; cancel() }()
	for range 2 {
		if _, err := tr.Transmit(ctx, []byte{0x60}); err == nil || removed(err) {
			t.Errorf("given up: %v", err)
		}
		if _, err := tr.Transmit(context.Background(), []byte{0x60}); !errors.Is(err, ErrFinished) || removed(err) {
			t.Errorf("after that: %v", err)
		}
	}
	if _, err := Dial(ctx, addr, nil); err == nil || removed(err) {
		t.Errorf("given up: %v", err)
	}
	if _, err := Dial(context.Background(), "127.0.0.1:1", nil); !removed(err) {
		t.Errorf("nobody there: %v", err)
	}
}
