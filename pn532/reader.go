package pn532

import (
	"context"
	"sync"

	"github.com/go-desfire/desfire"
)

// Reader is the chip at one address as a reader: a desfire.Source. It holds the
// device while somebody watches it or is connected to its card.
type Reader struct {
	at   address
	cfg  Config
	open func(context.Context, address, *Config) (line, error)

	mu     sync.Mutex
	users  int
	link   *link
	closed bool
	ended  chan struct{} // closed with closed
}

var _ desfire.Source = (*Reader)(nil)

// Open makes a Reader of an address: the name of a serial port, i2c1, spi0.0, or
// nothing, for the one chip that is there. It connects to nothing yet. A nil Config is the zero value.
func Open(address string, c *Config) (*Reader, error) {
	at, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	r := &Reader{at: at, open: openLine, ended: make(chan struct{})}
	if c != nil {
		r.cfg = *c
	}
	return r, nil
}

func (r *Reader) String() string { return r.at.String() }

// Close ends every watch and every connection, and lets go of the device. It
// never waits for an exchange, and a second call does nothing.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.ended)
		if r.link != nil {
			r.link.cancel()
		}
	}
	return nil
}

// use is the link, which is let go by as many calls of release.
func (r *Reader) use() (*link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.users == 0 {
		var before <-chan struct{}
		if r.link != nil {
			before = r.link.done
		}
		r.link = r.newLink(before)
	}
	r.users++
	return r.link, nil
}

// release ends the link with its last user, and waits for that.
func (r *Reader) release() {
	r.mu.Lock()
	l := r.link
	r.users--
	last := r.users == 0
	if last {
		l.cancel()
	}
	r.mu.Unlock()
	if last {
		<-l.done
	}
}

// await waits until the chip was looked for, and its card.
func (r *Reader) await(ctx context.Context) (state, error) {
	l, err := r.use()
	if err != nil {
		return state{}, err
	}
	defer r.release()
	for {
		s, changed := l.snapshot()
		if s.err != nil || s.looked {
			return s, s.err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s, ctx.Err()
		case <-r.ended:
			return s, ErrClosed
		}
	}
}
