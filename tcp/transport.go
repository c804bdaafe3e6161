package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/link"
	"github.com/go-desfire/desfire/wire"
)

// Config says how to reach a card. The zero value is sensible.
type Config struct {
	// DialTimeout limits the wait for a connection; zero is 5 s.
	DialTimeout time.Duration
	// ATRTimeout limits the wait for the answer to reset; zero is 1 s. A server
	// that does not answer in time is taken to know none: the connection is
	// made anew without asking. Negative: do not ask.
	ATRTimeout time.Duration
	// Framing is what Limits reports; Auto leaves it to the reader.
	Framing wire.Framing
	// MaxCommand and MaxResponse are what Limits reports, in bytes of a whole
	// frame; zero leaves it to the reader. The socket carries 65535.
	MaxCommand, MaxResponse int
}

// Error is a failure of the connection.
type Error struct {
	Op   string // "connect", "transmit"
	Addr string
	Err  error

	sent, removed bool
}

func (e *Error) Error() string { return fmt.Sprintf("tcp:%s: %s: %v", e.Addr, e.Op, e.Err) }

// Unwrap gives the cause: an error of package net, io.EOF for a connection
// that the other side closed, or that of the context.
func (e *Error) Unwrap() error { return e.Err }

// Sent reports whether any byte of the command may have left.
func (e *Error) Sent() bool { return e.sent }

// InUse reports whether another client has the card, as it seems.
func (e *Error) InUse() bool { return errors.As(e.Err, new(inUseError)) }

// Removed reports whether the card is gone: nothing answers at the address, or
// the other side ended the connection.
func (e *Error) Removed() bool { return e.removed }

// inUseError is a cause that passes.
type inUseError string

func (e inUseError) Error() string { return string(e) }
func (e inUseError) InUse() bool   { return true }

// Causes of errors besides those of the network and the context.
var (
	ErrClosed   = errors.New("transport is closed")
	ErrFinished = errors.New("connection is finished: call Reconnect")
	ErrBusy     = errors.New("another exchange is under way")
	// ErrInUse: the server takes connections and does not answer.
	ErrInUse error = inUseError("in use by another client, as it seems: the server does not answer yet")
	// ErrTaken: the server has said by an empty frame that this client no longer
	// has the card. Reconnect waits for it.
	ErrTaken error = inUseError("another client has taken the card")
	// ErrNoCard: the server ends the connection instead of an answer to reset.
	ErrNoCard = errors.New("no card answers there: was it lifted?")
	// ErrRemoved comes from Open of a Source's event.
	ErrRemoved error = link.RemovedError("the card is gone")
)

// Transport is one connection to a card, a desfire.Transport with all that is
// optional there.
type Transport struct {
	addr string
	cfg  Config
	busy atomic.Bool

	mu     sync.Mutex
	conn   *conn
	closed bool

	in *presence // nil without a Source
}

// Dial connects to the card at addr, HOST:PORT. A nil Config is the zero value.
func Dial(ctx context.Context, addr string, c *Config) (*Transport, error) {
	t := &Transport{addr: addr}
	if c != nil {
		t.cfg = *c
	}
	conn, err := dial(ctx, addr, &t.cfg)
	if err != nil {
		return nil, unreachable(addr, err)
	}
	t.conn = conn
	return t, nil
}

// Transmit sends a command and waits for its answer, which is valid until the
// next call. When ctx ends it returns at once and the connection is finished
// until Reconnect.
func (t *Transport) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if !t.busy.CompareAndSwap(false, true) {
		return nil, t.fail(ErrBusy, false)
	}
	defer t.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return nil, t.fail(err, false)
	}
	if link.IsControl(command) {
		return nil, t.fail(fmt.Errorf("one byte %02X alone is a control of this protocol and cannot be a command", command[0]), false)
	}
	c, err := t.current()
	if err != nil {
		return nil, t.fail(err, false)
	}
	response, sent, err := c.exchange(ctx, command)
	if err != nil {
		t.mu.Lock()
		if t.closed {
			err = ErrClosed
		}
		t.mu.Unlock()
		return nil, t.fail(err, sent)
	}
	return response, nil
}

func (t *Transport) fail(err error, sent bool) error {
	return &Error{Op: "transmit", Addr: t.addr, Err: err, sent: sent, removed: t.lost()}
}

// lost reports whether the other side ended the connection.
func (t *Transport) lost() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed && t.conn.removed()
}

func (t *Transport) current() (*conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	return t.conn, nil
}

// unreachable is the error of a connection that was not made.
func unreachable(addr string, err error) error {
	return &Error{Op: "connect", Addr: addr, Err: err, removed: theirs(err)}
}

// Reconnect makes a new connection in place of the present one: a new
// activation of the card.
func (t *Transport) Reconnect(ctx context.Context) error {
	old, err := t.current()
	if err != nil {
		return unreachable(t.addr, err)
	}
	old.end(ErrFinished) // first: a card is in one place at a time
	c, err := dial(ctx, t.addr, &t.cfg)
	if err != nil {
		if t.in != nil && ctx.Err() == nil {
			t.in.leave(err)
		}
		return unreachable(t.addr, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		c.end(ErrClosed)
		return &Error{Op: "connect", Addr: t.addr, Err: ErrClosed}
	}
	t.conn = c
	if t.in != nil {
		go t.in.watch(c)
	}
	return nil
}

// Close ends the connection and any exchange under way. It never blocks, may
// be called by any goroutine, and a second call does nothing.
func (t *Transport) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.conn.end(ErrClosed)
		if t.in != nil {
			go t.in.released()
		}
	}
	return nil
}

// ATR is the answer to reset that the card gave when the connection was made,
// nil if it gave none. It is a copy.
func (t *Transport) ATR() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.conn.atr...)
}

// Limits reports what Config says.
func (t *Transport) Limits() (command, response int, framing wire.Framing) {
	return t.cfg.MaxCommand, t.cfg.MaxResponse, t.cfg.Framing
}

func (t *Transport) String() string { return "tcp:" + t.addr }
