package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire/internal/link"
)

// conn is a connection with a goroutine that reads it all the time, so that
// its loss is known while nobody transmits.
type conn struct {
	link    *link.Conn
	atr     []byte
	waiting atomic.Bool // an exchange expects a frame
	frames  chan []byte // room for that frame

	once sync.Once
	lost chan struct{} // closed when err is set
	err  error
}

func newConn(nc net.Conn) *conn {
	c := &conn{link: link.NewConn(nc), frames: make(chan []byte, 1), lost: make(chan struct{})}
	go c.read()
	return c
}

// read alternates between two buffers: one holds the answer that the caller
// may still use, the other takes what comes next.
func (c *conn) read() {
	var bufs [2][]byte
	for i := 0; ; i ^= 1 {
		f, err := c.link.Read(bufs[i])
		if err == nil && !c.waiting.CompareAndSwap(true, false) {
			if err = fmt.Errorf("%d bytes came unasked", len(f)); len(f) == 0 {
				err = ErrTaken
			}
		}
		if err != nil {
			c.end(err)
			return
		}
		bufs[i] = f
		c.frames <- f
	}
}

// end finishes the connection; the first cause stays.
func (c *conn) end(cause error) {
	c.once.Do(func() {
		c.err = cause
		close(c.lost)
	})
	c.link.Close()
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

func (c *conn) exchange(ctx context.Context, command []byte) (response []byte, sent bool, err error) {
	select {
	case <-c.lost:
		return nil, false, finished(c.err)
	default:
	}
	defer context.AfterFunc(ctx, func() { c.end(ctx.Err()) })() // frees a Write, too
	c.waiting.Store(true)
	if sent, err = c.link.Write(command); err != nil {
		if len(command) > link.MaxFrame {
			c.waiting.Store(false)
			return nil, false, err
		}
		c.end(err)
		return nil, sent, c.err
	}
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
