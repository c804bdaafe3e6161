package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/link"
)

// conn is a connection whose loss is known while nobody transmits: what has been
// idle for a moment is read by a goroutine. An exchange before that reads its
// answer itself, which takes half the time.
type conn struct {
	link *link.Conn
	atr  []byte
	buf  []byte // the answer to an exchange that read it itself

	mu       sync.Mutex
	watching bool        // the goroutine reads
	busy     bool        // an exchange is under way
	used     bool        // there was one since idle looked
	idle     *time.Timer // looks whether the goroutine is needed
	bound    *bound      // what ends the exchange

	frames chan []byte // the answer that the goroutine read; room for it
	bufs   [2][]byte   // of the goroutine: the caller may still use one

	once sync.Once
	lost chan struct{} // closed when err is set
	err  error
}

// rest is how long a connection is idle, at the most twice that, before the
// goroutine reads it.
const rest = 10 * time.Millisecond

func newConn(nc net.Conn) *conn {
	c := &conn{link: link.NewConn(nc), watching: true, frames: make(chan []byte, 1), lost: make(chan struct{})}
	c.idle = time.AfterFunc(rest, c.look)
	c.idle.Stop()
	go c.watch()
	return c
}

// look starts the goroutine where there was no exchange since it looked last.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching {
		return
	}
	if c.busy || c.used {
		c.used = false
		c.idle.Reset(rest)
		return
	}
	c.watching = true
	go c.watch()
}

// watch reads until something comes: the answer to an exchange that found it
// reading, or the end.
func (c *conn) watch() {
	f, err := c.link.Read(c.bufs[0])
	c.bufs[0], c.bufs[1] = c.bufs[1], f
	c.mu.Lock()
	busy := c.busy
	if err == nil && busy {
		c.watching, c.used = false, true
		c.idle.Reset(rest)
	}
	c.mu.Unlock()
	switch {
	case err != nil:
		c.end(err)
	case !busy:
		c.end(unasked(f))
	default:
		c.frames <- f
	}
}

// unasked is the end that a frame without a command means.
func unasked(frame []byte) error {
	if len(frame) == 0 {
		return ErrTaken
	}
	return fmt.Errorf("%d bytes came unasked", len(frame))
}

// end finishes the connection; the first cause stays.
func (c *conn) end(cause error) {
	c.once.Do(func() {
		c.err = cause
		close(c.lost)
	})
	c.link.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Stop()
	c.unbind()
}

// removed reports whether the other side ended the connection because the card
// has gone.
func (c *conn) removed() bool {
	select {
	case <-c.lost:
		return theirs(c.err)
	default:
		return false
	}
}

// theirs reports whether an end was not this side's doing, and says that the
// card has gone.
func theirs(cause error) bool {
	for _, ours := range []error{ErrClosed, ErrFinished, ErrTaken, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(cause, ours) {
			return false
		}
	}
	return true
}

// bound is a context that ends the exchange under way.
type bound struct {
	done <-chan struct{}
	stop func() bool
}

// bind has ctx end the exchange. What is there for the same context stays from
// one exchange to the next. c.mu is held.
func (c *conn) bind(ctx context.Context) {
	if c.bound != nil && c.bound.done == ctx.Done() {
		return
	}
	c.unbind()
	b := &bound{done: ctx.Done()}
	c.bound = b
	b.stop = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		mine := c.busy && c.bound == b
		c.mu.Unlock()
		if mine {
			c.end(ctx.Err()) // frees a Write, too
		}
	})
}

// unbind forgets the context. c.mu is held.
func (c *conn) unbind() {
	if c.bound != nil {
		c.bound.stop()
		c.bound = nil
	}
}

// begin and done enclose an exchange.
func (c *conn) begin(ctx context.Context) (watched bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.used = true, true
	c.bind(ctx)
	return c.watching
}

func (c *conn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
}

func (c *conn) exchange(ctx context.Context, command []byte) (response []byte, sent bool, err error) {
	select {
	case <-c.lost:
		return nil, false, finished(c.err)
	default:
	}
	watched := c.begin(ctx)
	defer c.done()
	if err := ctx.Err(); err != nil { // it ended before begin, with nobody to tell
		return nil, false, err
	}
	if !watched && c.link.Waiting() {
		f, err := c.link.Read(nil)
		if err == nil {
			err = unasked(f)
		}
		c.end(err)
		return nil, false, finished(c.err)
	}
	if sent, err = c.link.Write(command); err != nil {
		if len(command) > link.MaxFrame {
			return nil, false, err
		}
		c.end(err)
		return nil, sent, c.err
	}
	if watched {
		return c.await()
	}
	f, err := c.link.Read(c.buf)
	if err != nil {
		c.end(err)
		return nil, true, c.err
	}
	c.buf = f
	return f, true, nil
}

// await waits for the answer from the goroutine.
func (c *conn) await() (response []byte, sent bool, err error) {
	select {
	case response = <-c.frames:
	case <-c.lost:
		select { // the answer came before the end
		case response = <-c.frames:
		default:
			return nil, true, c.err
		}
	}
	return response, true, nil
}

// finished is the error of a call on a connection that ended earlier. An ended
// context is not wrapped: it was that of another call.
func finished(cause error) error {
	switch {
	case errors.Is(cause, ErrFinished):
		return cause
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%w (%v)", ErrFinished, cause)
	}
	return fmt.Errorf("%w (%w)", ErrFinished, cause)
}
