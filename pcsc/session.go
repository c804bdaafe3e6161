package pcsc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// session is one handle of a card and the goroutine that owns it, because a
// call of the library cannot be interrupted. It ends once.
type session struct {
	link // used by the owner, and by nobody else

	requests chan operation
	results  chan result   // of one element: the owner never waits
	ended    chan struct{} // closed by end
	released chan struct{} // closed when the handle was given back

	once      sync.Once
	cause     error       // why it ended; set before ended is closed
	busy      atomic.Bool // an exchange runs
	abandoned atomic.Bool // ended in mid-exchange
	reset     *atomic.Bool
	command   []byte // copy of the command, for the owner

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

type result struct {
	response []byte
	err      error
}

// own serves the handle until the session ends, and gives it back.
func (s *session) own() {
	defer close(s.released)
	for {
		select {
		case <-s.ended:
			disposition := uint32(leaveCard)
			if s.reset.Load() || s.abandoned.Load() {
				disposition = resetCard
			}
			s.release(disposition)
			return
		case op := <-s.requests:
			var r result
			switch op {
			case opTransmit:
				r.response, r.err = s.exchange(s.command)
			case opRaw:
				r.response, r.err = s.transmit(s.command)
			case opReconnect:
				var atr []byte
				if atr, r.err = s.reconnect(); r.err == nil {
					s.setATR(atr)
				}
			}
			s.results <- r
		}
	}
}

func (s *session) setATR(atr []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atr = atr
}

func (s *session) fail(op operation, err error, sent bool) error {
	return &OpError{Op: op.String(), Reader: s.name, Err: err, sent: sent && op != opReconnect}
}

// do hands an operation to the owner and waits for it or for the end.
func (s *session) do(ctx context.Context, op operation, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.fail(op, err, false)
	}
	select {
	case <-s.ended:
		return nil, s.fail(op, s.cause, false)
	default:
	}
	if !s.busy.CompareAndSwap(false, true) {
		return nil, s.fail(op, errors.New("another goroutine uses this connection"), false)
	}
	s.command = append(s.command[:0], command...)
	select {
	case s.requests <- op:
	case <-s.ended:
		s.busy.Store(false)
		return nil, s.fail(op, s.cause, false)
	}
	select {
	case r := <-s.results:
		s.busy.Store(false)
		return r.response, r.err
	case <-ctx.Done():
		s.abandoned.Store(true)
		s.end(fmt.Errorf("%w: %w ended it in mid-exchange", ErrClosed, ctx.Err()))
		return nil, s.fail(op, ctx.Err(), true)
	case <-s.ended:
		s.abandoned.Store(true)
		return nil, s.fail(op, s.cause, true)
	}
}

// end tells the owner to give the handle back when it can.
func (s *session) end(cause error) {
	s.once.Do(func() {
		s.cause = cause
		close(s.ended)
	})
}

// over reports whether the session has ended.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}
