package pn532

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// closeWait is how long Close waits for the field to go off where no exchange
// runs.
const closeWait = time.Second

// session is one activation in the hands of one connection. It ends once.
type session struct {
	ctx    context.Context // ends with it
	cancel context.CancelFunc
	last   time.Time // of its last exchange; the turn is held

	mu      sync.Mutex
	cause   error
	removed bool
}

func newSession(ctx context.Context) *session {
	s := &session{last: time.Now()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *session) end(cause error, removed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause, s.removed = cause, removed
		s.cancel()
	}
}

func (s *session) over() bool { return s.ctx.Err() != nil }

func (s *session) why() (cause error, removed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil && s.over() { // the reader was closed
		return ErrClosed, false
	}
	return s.cause, s.removed
}

// Conn is a connection to a card, a desfire.Transport with all that is optional
// there. Its methods may be called from any goroutine, Transmit by one at a time.
type Conn struct {
	r    *Reader
	link *link
	card *insertion
	busy atomic.Bool
	buf  []byte

	mu      sync.Mutex
	session *session
	closed  bool
	target  target
}

// connect connects to a card that was inserted.
func (r *Reader) connect(ctx context.Context, card *insertion) (*Conn, error) {
	l, err := r.use()
	if err != nil {
		return nil, r.unconnected(err, false)
	}
	c := &Conn{r: r, link: l, card: card}
	if err := c.open(ctx); err != nil {
		r.release()
		return nil, err
	}
	return c, nil
}

func (r *Reader) unconnected(err error, removed bool) error {
	return &Error{Op: "connect", Address: r.at.text, Err: err, removed: removed}
}

// open activates the card for this connection.
func (c *Conn) open(ctx context.Context) error {
	l := c.link
	if err := l.take(ctx); err != nil {
		return c.r.unconnected(err, false)
	}
	defer l.give()
	if l.holder != nil && !l.holder.over() {
		return c.r.unconnected(ErrTaken, false)
	}
	l.holder = nil
	now := l.card()
	if l == c.card.link && now != c.card {
		return c.r.unconnected(ErrRemoved, true)
	}
	if l.host == nil || l.on == nil || l.used || now == nil || l.host.lost {
		err := l.reach(ctx)
		if err == nil {
			now, err = l.find(ctx, now)
		}
		if err != nil {
			return c.failed(ctx, err)
		}
	}
	if now == nil || now != c.card && !c.card.same(&now.target) {
		return c.r.unconnected(ErrRemoved, true)
	}
	if text := now.ignored(); text != "" {
		return c.r.unconnected(errors.New(text), false)
	}
	l.used = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.r.unconnected(ErrClosed, false)
	}
	c.card, c.target, c.session = now, *l.on, newSession(l.ctx)
	l.holder = c.session
	return nil
}

// failed is the error of a connection that was not made. The turn is held.
func (c *Conn) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		c.link.soon()
		return c.r.unconnected(ctx.Err(), false)
	}
	return c.r.unconnected(c.link.lose(err), true)
}

// Reconnect activates the card anew: its field goes off and on. A connection
// that is finished comes back so, if the card is still there.
func (c *Conn) Reconnect(ctx context.Context) error {
	c.mu.Lock()
	s, closed := c.session, c.closed
	c.mu.Unlock()
	if closed {
		return c.r.unconnected(ErrClosed, false)
	}
	s.end(ErrFinished, false)
	return c.open(ctx)
}

// Transmit sends a command and waits for its answer, which is valid until the
// next call. When ctx ends it returns at once and the connection is finished
// until Reconnect, as after any other error: an exchange whose answer was lost
// is never repeated, and one that the line has doubled is ErrTwice.
func (c *Conn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if !c.busy.CompareAndSwap(false, true) {
		return nil, c.unsent(ErrBusy)
	}
	defer c.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return nil, c.unsent(err)
	}
	if len(command) == 0 {
		return nil, c.unsent(ErrEmpty)
	}
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if cause, removed := s.why(); cause != nil {
		return nil, &Error{Op: "transmit", Address: c.r.at.text, Err: cause, removed: removed}
	}
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	sent, err := c.exchange(both, s, command)
	if err == nil {
		return c.buf, nil
	}
	removed := false
	switch cause, gone := s.why(); {
	case ctx.Err() != nil:
		err = ctx.Err()
	case cause != nil:
		err, removed = cause, gone
	case errors.Is(err, ErrTwice):
	default:
		err = judge(c.r.at, err)
	}
	s.end(ErrFinished, removed)
	c.link.soon()
	return nil, &Error{Op: "transmit", Address: c.r.at.text, Err: err, sent: sent, removed: removed}
}

// exchange does one exchange, when it is its turn.
func (c *Conn) exchange(ctx context.Context, s *session, command []byte) (sent bool, err error) {
	l := c.link
	if err := l.take(ctx); err != nil {
		return false, err
	}
	defer l.give()
	if l.host == nil || l.holder != s || l.host.lost && l.host.resync(ctx) != nil {
		return false, ErrFinished
	}
	c.buf, sent, err = l.host.exchange(ctx, c.r.cfg.timeout(), c.buf[:0], command)
	s.last = time.Now()
	if status := (*StatusError)(nil); errors.As(err, &status) && ctx.Err() == nil {
		// The session is over; is the card as well?
		card := l.card()
		l.letGo()
		switch now, lost := l.find(ctx, card); {
		case lost != nil && ctx.Err() == nil:
			s.end(l.lose(lost), true)
		case lost == nil && now != card:
			s.end(status, true)
		}
	}
	if line := (*LineError)(nil); errors.As(err, &line) {
		l.lose(err)
	}
	return sent, err
}

func (c *Conn) unsent(err error) error { return &Error{Op: "transmit", Address: c.r.at.text, Err: err} }

// Close gives the card back: its field goes off. It never waits for an exchange;
// one that runs ends with ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	s := c.session
	c.mu.Unlock()
	running := c.busy.Load()
	s.end(ErrClosed, false)
	released := make(chan struct{})
	go func() {
		defer close(released)
		c.letGo(s)
		c.r.release()
	}()
	if running {
		return nil
	}
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-released:
	case <-wait.C:
	}
	return nil
}

// letGo switches the field off if the card is in the hands of a session.
func (c *Conn) letGo(s *session) {
	ctx, cancel := context.WithTimeout(c.link.ctx, shutTime)
	defer cancel()
	if c.link.take(ctx) != nil {
		return
	}
	defer c.link.give()
	if c.link.holder != s || c.link.host == nil {
		return
	}
	c.link.letGo()
	if err := c.link.host.field(ctx, false); err != nil && ctx.Err() == nil {
		c.link.lose(err)
	}
	c.link.soon()
}

// ATR is the card's ATS in the form of an answer to reset, a copy.
func (c *Conn) ATR() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target.atr()
}

// UID is that of the activation, a copy: 7 bytes, or 4 random ones that begin
// with 08.
func (c *Conn) UID() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.target.uid...)
}

// Limits reports what Config says.
func (c *Conn) Limits() (command, response int, framing wire.Framing) {
	return c.r.cfg.MaxCommand, c.r.cfg.MaxResponse, wire.FramingAuto
}

// Shared is false: while a connection is open, nobody else has the card.
func (c *Conn) Shared() bool { return false }

func (c *Conn) String() string { return c.r.String() }
