package pcsc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// closeWait is how long Close waits for the service where no exchange runs.
const closeWait = time.Second

// Conn is a connection to a card: a desfire.Transport with all that it may
// have besides. Its methods may be called from any goroutine, Transmit by one
// at a time.
type Conn struct {
	readers *Readers
	reader  string
	reset   atomic.Bool

	mu      sync.Mutex
	closed  bool
	session *session // the next one after Reconnect of a finished connection
}

func (c *Conn) current() (s *session, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session, c.closed
}

// Transmit sends one command, ISO 7816-4 or native, short or extended, and
// returns the answer as it comes. The response is valid until the next call.
// When ctx ends, it returns at once and the connection is finished; the handle
// is given back, with a reset of the card, as soon as the reader lets go.
//
// Errors are *OpError. After ErrReset and ErrRemoved commands fail until
// Reconnect: the card has forgotten all.
func (c *Conn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	s, _ := c.current()
	return s.do(ctx, opTransmit, command)
}

// Reconnect activates the card anew (SCARD_RESET_CARD): selection, session and
// framing start from the beginning. A connection that a context has finished
// is made anew, when the reader has let go of the old one.
func (c *Conn) Reconnect(ctx context.Context) error {
	s, closed := c.current()
	if closed || !s.over() {
		_, err := s.do(ctx, opReconnect, nil)
		return err
	}
	next, err := c.readers.session(ctx, c.reader, &c.reset)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		next.end(ErrClosed)
		return &OpError{Op: "reconnect", Reader: c.reader, Err: ErrClosed}
	}
	c.session = next
	return nil
}

// Close gives the card back: left as it is, or reset as ResetOnClose says. It
// never waits for an exchange; one that runs ends with ErrClosed, and its card
// is reset.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	s := c.session
	c.mu.Unlock()
	running := s.busy.Load()
	s.end(ErrClosed)
	if running {
		return nil
	}
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-s.released:
	case <-wait.C:
	}
	return nil
}

// ResetOnClose tells whether Close resets the card. Whoever has authenticated
// or left something pending asks for it, so that the next program does not
// find it.
func (c *Conn) ResetOnClose(reset bool) { c.reset.Store(reset) }

// ATR is a copy of the card's answer to reset, as the reader makes it up from the
// ATS.
func (c *Conn) ATR() []byte {
	s, _ := c.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.atr...)
}

// Limits are the bytes of the longest command and response that the reader
// says it can carry, zero where it does not say: then short commands. Framing
// is left to the caller.
func (c *Conn) Limits() (command, response int, framing wire.Framing) {
	s, _ := c.current()
	return s.commandLimit, s.responseLimit, wire.FramingAuto
}

// String is the reader's name.
func (c *Conn) String() string { return c.reader }

// Shared reports that other programs may use the card, between our jobs: the
// exclusive connection was refused. From the first command until Close we hold
// a PC/SC transaction, which keeps them out. Windows drops it, and resets the
// card, after 5 s without a command.
func (c *Conn) Shared() bool {
	s, _ := c.current()
	return s.share == shareShared
}

// UID asks the reader for the UID of the activation (GET DATA, FF CA 00 00):
// 7 bytes, or 4 random ones that begin with 08. The error wraps
// errors.ErrUnsupported where the reader does not tell.
func (c *Conn) UID(ctx context.Context) ([]byte, error) { return c.getData(ctx, "UID", 0) }

// ATS asks the reader for the card's answer to select (GET DATA, FF CA 01 00),
// as UID does.
func (c *Conn) ATS(ctx context.Context) ([]byte, error) { return c.getData(ctx, "ATS", 1) }

// getData is PC/SC part 3, 3.2.2.1.3.
func (c *Conn) getData(ctx context.Context, what string, p1 byte) ([]byte, error) {
	s, _ := c.current()
	op := &OpError{Op: "get " + what, Reader: c.reader}
	if s.profile.noGetData {
		op.Err = fmt.Errorf("%w: a virtual reader knows no %s", errors.ErrUnsupported, what)
		return nil, op
	}
	r, err := s.do(ctx, opRaw, []byte{0xFF, 0xCA, p1, 0, 0})
	if err != nil {
		return nil, err
	}
	n := len(r) - 2
	if n < 0 || r[n] != 0x90 || r[n+1] != 0 {
		op.Err = fmt.Errorf("%w: the reader answers %X", errors.ErrUnsupported, r)
		return nil, op
	}
	return append([]byte(nil), r[:n]...), nil
}
