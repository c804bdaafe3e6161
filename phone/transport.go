package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire"
)

// Transport is a card at a phone, a desfire.Transport with all that is optional there but
// Script and Unwrap. It does not know whether the phone does what it is told to.
type Transport struct {
	l      *link
	card   *lain
	busy   atomic.Bool
	closed chan struct{}

	mu         sync.Mutex
	over       bool   // closed
	activation uint64 // 0 for none
	why        error  // why there is none
	atr        []byte
	limits     [2]int
	framing    desfire.Framing
	onClose    func()
}

// take activates the card for a new Transport.
func (l *link) take(ctx context.Context, card *lain) (*Transport, error) {
	fail := func(err error, inUse, gone bool) error {
		return &Error{Op: "open", Phone: l.phone.Name, Err: err, inUse: inUse, removed: gone}
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(err, false, false)
	}
	if err := l.s.allowed(l); err != nil {
		return nil, fail(err, false, true)
	}
	t := &Transport{l: l, card: card, closed: make(chan struct{}), atr: card.atr}
	l.mu.Lock()
	switch {
	case l.card != card || l.ended() != nil:
		l.mu.Unlock()
		return nil, fail(ErrGone, false, true)
	case card.user != nil:
		l.mu.Unlock()
		return nil, fail(ErrInUse, true, false)
	}
	card.user = t
	l.mu.Unlock()
	if err := t.activate(ctx, "open"); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// activate makes a new activation.
func (t *Transport) activate(ctx context.Context, op string) error {
	n, r, _, err := t.l.call(ctx, t.card, func(n uint64) bool {
		return t.l.say(&message{Type: typeActivate, N: n, Card: t.card.number})
	}, true, t.closed)
	if err == nil && r.failed != nil {
		err = t.phoneSays(r.failed)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil && t.over:
		err = ErrClosed
		fallthrough
	case err != nil:
		if n != 0 && !errors.As(err, new(phoneError)) {
			t.l.release(n) // if it is there
		}
		t.activation, t.why = 0, err
		return t.fail(op, err, false)
	}
	t.activation, t.why = n, nil
	if len(r.active.ATR) > 0 {
		t.atr = r.active.ATR
	}
	t.limits = [2]int{max(r.active.Command, 0), max(r.active.Response, 0)}
	t.framing = map[string]desfire.Framing{"native": desfire.FramingNative, "wrapped": desfire.FramingWrapped}[r.active.Framing]
	return nil
}

// phoneError is what the phone says about a request.
type phoneError struct {
	text string
	gone bool
}

func (e phoneError) Error() string {
	if e.text == "" {
		return "the phone could not do it"
	}
	return "the phone says: " + e.text
}

func (t *Transport) phoneSays(m *message) error { return phoneError{m.Text, m.Removed} }

// fail makes an error. t.mu may be held.
func (t *Transport) fail(op string, err error, sent bool) error {
	var says phoneError
	gone := errors.Is(err, ErrGone) || errors.As(err, &says) && says.gone
	if !errors.Is(err, ErrClosed) && t.l.ended() != nil {
		gone = true
	}
	select {
	case <-t.card.gone:
		gone = gone || !errors.Is(err, ErrClosed)
	default:
	}
	return &Error{Op: op, Phone: t.l.phone.Name, Err: err, sent: sent, removed: gone}
}

// Transmit sends a command and waits for its answer. When ctx ends it returns at once, and
// the activation is over until Reconnect. An error after the command was given away never
// says that it was not sent, whatever the phone says.
func (t *Transport) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	const op = "transmit"
	if !t.busy.CompareAndSwap(false, true) {
		return nil, t.fail(op, ErrBusy, false)
	}
	defer t.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return nil, t.fail(op, err, false)
	}
	if len(command) > MaxFrame {
		return nil, t.fail(op, fmt.Errorf("a command of %d bytes, at most are %d", len(command), MaxFrame), false)
	}
	activation, err := t.current()
	if err == nil {
		err = t.l.s.allowed(t.l)
	}
	if err != nil {
		return nil, t.fail(op, err, false)
	}
	_, r, sent, err := t.l.call(ctx, t.card, func(n uint64) bool { return t.l.sendCommand(activation, n, command) }, false, t.closed)
	if err == nil && r.failed != nil {
		err = t.phoneSays(r.failed)
	}
	if err != nil {
		t.finish(err)
		return nil, t.fail(op, err, sent)
	}
	return r.answer, nil
}

// current is the activation that there is.
func (t *Transport) current() (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return 0, ErrClosed
	case t.l.ended() != nil:
		return 0, t.l.ended()
	}
	select {
	case <-t.card.gone:
		return 0, ErrGone
	default:
	}
	if t.activation == 0 {
		return 0, finished(t.why)
	}
	return t.activation, nil
}

// finished is the error of a call after the end. An ended context is not wrapped: it was
// that of another call.
func finished(why error) error {
	if why == nil {
		return ErrFinished
	}
	return fmt.Errorf("%w (%v)", ErrFinished, why)
}

// finish ends the activation.
func (t *Transport) finish(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.activation != 0 {
		t.l.release(t.activation)
		t.activation, t.why = 0, why
	}
}

// Reconnect makes a new activation of the card.
func (t *Transport) Reconnect(ctx context.Context) error {
	const op = "reconnect"
	if !t.busy.CompareAndSwap(false, true) {
		return t.fail(op, ErrBusy, false)
	}
	defer t.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return t.fail(op, err, false)
	}
	if _, err := t.current(); err != nil && !errors.Is(err, ErrFinished) {
		return t.fail(op, err, false)
	}
	if err := t.l.s.allowed(t.l); err != nil {
		return t.fail(op, err, false)
	}
	t.finish(nil)
	return t.activate(ctx, op)
}

// Close ends the activation, and the field with it. It may be called from any goroutine
// and does not wait for an exchange under way, which fails.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return nil
	}
	t.over = true
	close(t.closed)
	if t.activation != 0 {
		t.l.release(t.activation)
		t.activation = 0
	}
	onClose := t.onClose
	t.mu.Unlock()
	t.l.mu.Lock()
	if t.card.user == t {
		t.card.user = nil
	}
	t.l.mu.Unlock()
	if onClose != nil {
		onClose()
	}
	return nil
}

// whenClosed has f called when the transport is closed.
func (t *Transport) whenClosed(f func()) {
	t.mu.Lock()
	over := t.over
	t.onClose = f
	t.mu.Unlock()
	if over {
		f()
	}
}

// ATR is what the phone says is the card's answer to reset, a copy.
func (t *Transport) ATR() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.atr)
}

// Limits is what the phone says it can carry.
func (t *Transport) Limits() (command, response int, framing desfire.Framing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limits[0], t.limits[1], t.framing
}

// Shared is false: while a phone offers a card, it is the computer's.
func (t *Transport) Shared() bool { return false }

func (t *Transport) String() string { return t.l.reader() }
