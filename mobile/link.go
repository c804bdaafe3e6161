package mobile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire"
)

// link is a tag of an app as a desfire.Transport. Its tag may block for ever: each exchange has a
// goroutine, and whoever waits for it goes on when his context ends.
type link struct {
	name     string
	exchange func(command []byte) ([]byte, error) // the command is its own
	fits     func(command []byte) error           // why a command cannot travel
	present  func() bool
	close    func() // may block; closes shut at its end, and does it once
	shut     chan struct{}
	max      int
	framing  desfire.Framing

	busy atomic.Bool

	mu    sync.Mutex
	ended error // why nothing is sent any more
	gone  bool
	done  chan struct{}
}

// Causes of a linkError.
var (
	errClosed   = errors.New("the connection was closed")
	errFinished = errors.New("an exchange was given up, and the connection with it: present the card again")
	errBusy     = errors.New("another exchange is under way")
)

// linkError is an exchange that failed.
type linkError struct {
	err           error
	sent, removed bool
}

func (e *linkError) Error() string {
	if e.removed {
		return "the card was taken away: " + e.err.Error()
	}
	return e.err.Error()
}

func (e *linkError) Unwrap() error { return e.err }
func (e *linkError) Sent() bool    { return e.sent }
func (e *linkError) Removed() bool { return e.removed }

// Transmit implements desfire.Transport.
func (l *link) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if !l.busy.CompareAndSwap(false, true) {
		return nil, &linkError{err: errBusy}
	}
	defer l.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return nil, &linkError{err: context.Cause(ctx)}
	}
	l.mu.Lock()
	ended, gone := l.ended, l.gone
	l.mu.Unlock()
	if ended != nil {
		return nil, &linkError{err: ended, removed: gone}
	}
	if l.max > 0 && len(command) > l.max {
		return nil, &linkError{err: fmt.Errorf("a command of %d bytes: this phone sends %d at most", len(command), l.max)}
	}
	if err := l.fits(command); err != nil {
		return nil, &linkError{err: err}
	}
	type answer struct {
		response []byte
		err      error
		removed  bool
	}
	came := make(chan answer, 1)
	own := bytes.Clone(command)
	go func() {
		response, err := l.exchange(own)
		a := answer{response: response, err: err}
		if err != nil {
			a.removed = !l.present()
		}
		came <- a
	}()
	select {
	case a := <-came:
		if a.err != nil {
			l.end(a.err, a.removed)
			return nil, &linkError{err: a.err, sent: true, removed: a.removed}
		}
		return a.response, nil
	case <-ctx.Done():
		l.end(errFinished, false)
		go l.close()
		return nil, &linkError{err: context.Cause(ctx), sent: true}
	case <-l.done:
		return nil, &linkError{err: errClosed, sent: true}
	}
}

// end lets nothing be sent any more.
func (l *link) end(why error, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended, l.gone = why, gone
	}
}

// state is whether nothing is sent any more, and whether that is since the card has left.
func (l *link) state() (over, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended != nil, l.gone
}

// Close implements desfire.Transport.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return nil
	default:
	}
	close(l.done)
	l.ended = errClosed
	go l.close()
	return nil
}

// Limits implements desfire.Transport.
func (l *link) Limits() (command, response int, framing desfire.Framing) {
	return l.max, 0, l.framing
}

// String is the name of the reader.
func (l *link) String() string { return l.name }
