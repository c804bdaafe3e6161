package pcsc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
)

// closeWait is how long Close waits for the service where no exchange runs.
const closeWait = time.Second

// Conn is a connection to a card: a desfire.Transport with all that it may
// have besides. Its methods may be called from any goroutine, Transmit by one
// at a time.
type Conn struct {
	link // used by the goroutine that owns the handle, and by nobody else

	reader string
	shared bool
	log    *slog.Logger

	requests chan request
	results  chan result   // of one element: the owner never waits
	ended    chan struct{} // closed by end
	released chan struct{} // closed when the handle is given back

	once      sync.Once
	cause     error       // why it ended; set before ended is closed
	busy      atomic.Bool // an exchange runs
	reset     atomic.Bool // RESET_CARD on Disconnect
	abandoned atomic.Bool // ended in mid-exchange
	command   []byte      // copy of the command, for the owner

	mu  sync.Mutex // guards atr
	atr []byte

	commandLimit, responseLimit int
}

type operation uint8

const (
	opTransmit operation = iota
	opRaw                // to the reader or card as it is
	opReconnect
)

func (o operation) String() string { return [...]string{"transmit", "transmit", "reconnect"}[o] }

type request struct {
	op operation
}

type result struct {
	response []byte
	err      error
}

// own serves the handle until the connection ends.
func (c *Conn) own() {
	defer close(c.released)
	for {
		select {
		case <-c.ended:
			disposition := uint32(leaveCard)
			if c.reset.Load() || c.abandoned.Load() {
				disposition = resetCard
			}
			c.link.release(disposition)
			return
		case r := <-c.requests:
			var res result
			switch r.op {
			case opReconnect:
				var atr []byte
				if atr, res.err = c.link.reconnect(); res.err == nil {
					c.mu.Lock()
					c.atr = atr
					c.mu.Unlock()
				}
			case opRaw:
				res.response, res.err = c.link.transmit(c.command)
			default:
				res.response, res.err = c.link.exchange(c.command)
			}
			c.results <- res
		}
	}
}

// do hands an operation to the owner and waits for it or for the end.
func (c *Conn) do(ctx context.Context, op operation, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, c.unsent(op, err)
	}
	select {
	case <-c.ended:
		return nil, c.unsent(op, c.cause)
	default:
	}
	if !c.busy.CompareAndSwap(false, true) {
		return nil, c.unsent(op, errors.New("another goroutine uses this connection"))
	}
	c.command = append(c.command[:0], command...)
	select {
	case c.requests <- request{op}:
	case <-c.ended:
		c.busy.Store(false)
		return nil, c.unsent(op, c.cause)
	}
	select {
	case r := <-c.results:
		c.busy.Store(false)
		return r.response, r.err
	default:
	}
	select {
	case r := <-c.results:
		c.busy.Store(false)
		return r.response, r.err
	case <-ctx.Done():
		c.abandoned.Store(true)
		c.end(fmt.Errorf("%w: %w ended it in mid-exchange", ErrClosed, ctx.Err()))
		return nil, &OpError{Op: op.String(), Reader: c.reader, Err: ctx.Err(), sent: op != opReconnect}
	case <-c.ended:
		c.abandoned.Store(true)
		return nil, &OpError{Op: op.String(), Reader: c.reader, Err: c.cause, sent: op != opReconnect}
	}
}

func (c *Conn) unsent(op operation, err error) error {
	return &OpError{Op: op.String(), Reader: c.reader, Err: err}
}

func (c *Conn) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.ended)
	})
}

// Transmit sends one command, ISO 7816-4 or native, short or extended, and
// returns the answer as it comes. The response is valid until the next call.
// When ctx ends, it returns at once and the connection is finished; the handle
// is given back, with a reset of the card, as soon as the reader lets go.
//
// Errors are *OpError. With ErrReset, Reconnect and start over; with
// ErrRemoved, wait for the next insertion.
func (c *Conn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return c.do(ctx, opTransmit, command)
}

// Reconnect activates the card anew (SCARD_RESET_CARD): selection, session and
// framing start from the beginning.
func (c *Conn) Reconnect(ctx context.Context) error {
	_, err := c.do(ctx, opReconnect, nil)
	return err
}

// Close gives the card back: left as it is, or reset as ResetOnClose says. It
// never waits for an exchange; one that runs ends with ErrClosed, and its card
// is reset.
func (c *Conn) Close() error {
	running := c.busy.Load()
	c.end(ErrClosed)
	if running {
		return nil
	}
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-c.released:
	case <-wait.C:
	}
	return nil
}

// ResetOnClose tells whether Close resets the card. Whoever has authenticated
// or left something pending asks for it, so that the next program does not
// find it.
func (c *Conn) ResetOnClose(reset bool) { c.reset.Store(reset) }

// ATR is the card's answer to reset, as the reader makes it up from the ATS.
func (c *Conn) ATR() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.atr...)
}

// Limits are the bytes of the longest command and response that the reader
// says it can carry, zero where it does not say: then short commands. Framing
// is left to the caller.
func (c *Conn) Limits() (command, response int, framing frame.Framing) {
	return c.commandLimit, c.responseLimit, frame.Auto
}

// String is the reader's name.
func (c *Conn) String() string { return c.reader }

// Shared reports that other programs may use the card, between our jobs: the
// exclusive connection was refused. From the first command until Close we hold
// a PC/SC transaction, which keeps them out. Windows drops it, and resets the
// card, after 5 s without a command.
func (c *Conn) Shared() bool { return c.shared }

// UID asks the reader for the UID of the activation (GET DATA, FF CA 00 00):
// 7 bytes, or 4 random ones that begin with 08. The error wraps
// errors.ErrUnsupported where the reader does not tell.
func (c *Conn) UID(ctx context.Context) ([]byte, error) { return c.getData(ctx, "UID", 0) }

// ATS asks the reader for the card's answer to select (GET DATA, FF CA 01 00),
// as UID does.
func (c *Conn) ATS(ctx context.Context) ([]byte, error) { return c.getData(ctx, "ATS", 1) }

// getData is PC/SC part 3, 3.2.2.1.3.
func (c *Conn) getData(ctx context.Context, what string, p1 byte) ([]byte, error) {
	op := &OpError{Op: "get " + what, Reader: c.reader}
	if c.profile.noGetData {
		op.Err = fmt.Errorf("%w: a virtual reader knows no %s", errors.ErrUnsupported, what)
		return nil, op
	}
	r, err := c.do(ctx, opRaw, []byte{0xFF, 0xCA, p1, 0, 0})
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
