package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire/internal/frame"
)

// Transport carries one frame to a card and its answer back: an *Activation, an
// *Air around one, or any transport of the reader.
type Transport = frame.Transmitter

// Relay lies between readers and a card, and decides about each exchange: it may
// pass a command, change it, hold it back, answer by itself, change the answer,
// take the power away, and give the card frames of its own. It outlives
// activations: what it counts and holds goes on with the next one. The zero value
// passes everything. Its methods may be called from any goroutine.
type Relay struct {
	// Meet decides what becomes of a command, and returns what the reader sees:
	// x.Pass() for an exchange that nothing happens to. It is called by one
	// goroutine at a time. An answer without error is kept until the next call.
	// Nil passes everything.
	Meet func(ctx context.Context, x *Exchange) (answer []byte, err error)
	// KeepPower hides the power: a reader that activates the card anew, or connects
	// anew, goes on with the activation that there is, as long as it lives.
	KeepPower bool

	mu     sync.Mutex
	turn   chan struct{} // one exchange at a time
	n      int
	ins    [256]int
	airs   int
	held   [][]byte
	living *Activation // the last one of Present
}

// Wrap puts the relay between a reader and t.
func (r *Relay) Wrap(t Transport) *Air {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn == nil {
		r.turn = make(chan struct{}, 1)
	}
	r.airs++
	return &Air{relay: r, next: t, number: r.airs, done: make(chan struct{})}
}

// Present puts the card into the field behind the relay, as Card.Present does.
func (r *Relay) Present(c *Card) *Air {
	r.mu.Lock()
	a := r.living
	if !r.KeepPower || a == nil || a.card != c || !a.Alive() {
		a = c.Present()
		r.living = a
	}
	r.mu.Unlock()
	return r.Wrap(a)
}

// Exchanges is how many commands readers have sent through the relay.
func (r *Relay) Exchanges() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// Hold keeps a copy of a frame for Deliver.
func (r *Relay) Hold(command []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = append(r.held, append([]byte(nil), command...))
}

// Held are copies of the frames that Deliver would give the card, oldest first.
func (r *Relay) Held() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all [][]byte
	for _, b := range r.held {
		all = append(all, append([]byte(nil), b...))
	}
	return all
}

// takeHeld empties what is held.
func (r *Relay) takeHeld() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held
	r.held = nil
	return held
}

// Air is a relay around one activation: a transport of the reader.
type Air struct {
	relay  *Relay
	next   Transport
	number int
	broken atomic.Bool // a context ended: nothing until Reconnect
	once   sync.Once
	done   chan struct{}
}

// Transmit carries one exchange, as the relay's Meet decides.
func (a *Air) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	r := a.relay
	select {
	case <-a.done:
		return nil, &FieldError{Reason: "the activation was closed"}
	default:
	}
	if a.broken.Load() {
		return nil, &FieldError{Reason: "the activation is over: reconnect"}
	}
	if ctx.Err() != nil {
		return nil, a.breakOff(ctx)
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, a.breakOff(ctx)
	case <-a.done:
		return nil, &FieldError{Reason: "the activation was closed"}
	}
	defer func() { <-r.turn }()
	x := r.begin(ctx, a, command)
	meet := r.Meet
	if meet == nil {
		meet = func(_ context.Context, x *Exchange) ([]byte, error) { return x.Pass() }
	}
	answer, err := meet(ctx, x)
	if err != nil && ctx.Err() != nil {
		a.broken.Store(true)
	}
	return answer, err
}

// breakOff is the end of the activation, as the reader's context says.
func (a *Air) breakOff(ctx context.Context) error {
	a.broken.Store(true)
	return &FieldError{Reason: ctx.Err().Error(), Err: ctx.Err()}
}

// begin counts an exchange.
func (r *Relay) begin(ctx context.Context, a *Air, command []byte) *Exchange {
	x := &Exchange{Command: append([]byte(nil), command...), Air: a, ctx: ctx}
	x.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	r.ins[x.INS]++
	x.N, x.Nth = r.n, r.ins[x.INS]
	return x
}

// Tell gives the card a frame that no reader sent. It does not wait for an
// exchange under way, so that a Meet may call it. The answer is the caller's.
func (a *Air) Tell(ctx context.Context, frame []byte) ([]byte, error) {
	answer, err := a.next.Transmit(ctx, frame)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), answer...), nil
}

// Deliver gives the card the frames that the relay holds, oldest first, and keeps
// them no longer. It returns how many the card answered.
func (a *Air) Deliver(ctx context.Context) int {
	n := 0
	for _, b := range a.relay.takeHeld() {
		if _, err := a.next.Transmit(ctx, b); err == nil {
			n++
		}
	}
	return n
}

// Reconnect activates the card anew, or seems to: see Relay.KeepPower.
func (a *Air) Reconnect(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-a.done:
		return &FieldError{Reason: "the activation was closed"}
	default:
	}
	if act := a.activation(); a.relay.KeepPower && (act == nil || act.Alive()) {
		a.broken.Store(false)
		return nil
	}
	if next, ok := a.next.(interface{ Reconnect(context.Context) error }); ok {
		err := next.Reconnect(ctx)
		if err == nil {
			a.broken.Store(false)
		}
		return err
	}
	return fmt.Errorf("%v has no Reconnect: %w", a.next, errors.ErrUnsupported)
}

// Close ends the activation for the reader, and behind the relay unless it keeps
// the power. An exchange that waits ends.
func (a *Air) Close() error {
	a.once.Do(func() { close(a.done) })
	if a.relay.KeepPower {
		return nil
	}
	if c, ok := frame.Ability[io.Closer](a.next); ok {
		return c.Close()
	}
	return nil
}

// ATR is that of what is wrapped, a copy.
func (a *Air) ATR() []byte {
	if h, ok := frame.Ability[interface{ ATR() []byte }](a.next); ok {
		return h.ATR()
	}
	return nil
}

// Unwrap returns what is wrapped.
func (a *Air) Unwrap() Transport { return a.next }

func (a *Air) String() string { return fmt.Sprint(a.next) }

// Card is the simulated card behind the relay, nil if there is none.
func (a *Air) Card() *Card {
	if act := a.activation(); act != nil {
		return act.card
	}
	return nil
}

func (a *Air) activation() *Activation {
	if act, ok := frame.Ability[interface{ self() *Activation }](a.next); ok {
		return act.self()
	}
	return nil
}

func (a *Activation) self() *Activation { return a }

// Alive reports whether the card still has the power of this activation, as it would say that answers a
// presence check. It changes nothing on the card.
func (a *Activation) Alive() bool {
	n := a.number.Load()
	f := &a.card.field
	f.mu.Lock()
	defer f.mu.Unlock()
	return !a.closed() && f.present && n != 0 && n == f.activation
}
