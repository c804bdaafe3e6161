package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
)

// NoCardError says that no card came to a reader in time, or none that an order was
// for. Nothing was begun.
type NoCardError struct {
	Reader string        // empty: any
	Wait   time.Duration // how long was waited; 0 where the card left
	Why    error         // where that is known
}

func (e *NoCardError) Error() string {
	s := "the card left before it paid"
	if e.Wait > 0 {
		where := "the gate"
		if e.Reader != "" {
			where = e.Reader
		}
		s = fmt.Sprintf("no card was presented to %s within %v", where, e.Wait)
	}
	if e.Why != nil {
		s += ": " + e.Why.Error()
	}
	return s
}

// Unwrap returns why.
func (e *NoCardError) Unwrap() error { return e.Why }

// flight is an order under way.
type flight struct {
	reader  string
	order   purse.Order
	done    chan struct{} // closed when the rest is there
	receipt *purse.Receipt
	err     error
}

// Order makes an order with the card that lies on a reader, or comes to it while the
// gate waits; of any reader if it has no name. The error is nil exactly if it
// happened: now, or in an earlier call with the same ID, which needs no card. A call
// with the ID of one that is under way waits for that one. Other errors are those of
// purse.Purse.Do, with a receipt where a change was begun, and *NoCardError.
//
// A card that comes to a reader while an order waits there is that of the order, and
// pays nothing else. If ctx ends, the step under way is ended first.
func (g *Gate) Order(ctx context.Context, reader string, o purse.Order) (*purse.Receipt, error) {
	return g.OrderWithin(ctx, reader, o, g.conf.Wait)
}

// OrderWithin is Order with a wait of its own.
func (g *Gate) OrderWithin(ctx context.Context, reader string, o purse.Order, wait time.Duration) (*purse.Receipt, error) {
	if o.ID == "" {
		return g.order(ctx, reader, o, wait)
	}
	for {
		f, mine := g.fly(reader, o)
		if mine {
			f.receipt, f.err = g.order(ctx, reader, o, wait)
			g.land(f)
			return f.receipt, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if f.reader == reader && reflect.DeepEqual(f.order, o) {
			return f.receipt, f.err
		}
	}
}

// fly begins an order, or finds the one of that ID which is under way.
func (g *Gate) fly(reader string, o purse.Order) (f *flight, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.flights[o.ID]; f != nil {
		return f, false
	}
	f = &flight{reader: reader, order: o, done: make(chan struct{})}
	g.flights[o.ID] = f
	return f, true
}

func (g *Gate) land(f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.flights, f.order.ID)
	close(f.done)
}

func (g *Gate) order(ctx context.Context, reader string, o purse.Order, wait time.Duration) (*purse.Receipt, error) {
	before, err := g.stored(ctx, &o)
	if err != nil || before != nil {
		return before, err
	}
	j := &job{Gate: g, reader: reader, once: purse.Once{Order: o}}
	r, err := j.outcome(ctx, g.await(ctx, j, wait))
	e := Event{Kind: kindOf(err), Reader: j.reader, Trace: j.trace, Request: o.ID, UID: j.uid, Receipt: r, Err: err}
	if e.Kind == Paid {
		g.hasPaid(r.Entry.UID)
	}
	g.tell(e)
	return r, err
}

// stored is the receipt of an order that happened before; nil if there is none. It
// needs neither card nor keys.
func (g *Gate) stored(ctx context.Context, o *purse.Order) (*purse.Receipt, error) {
	conf := g.conf.Purse
	conf.Keys = keystore.Map{}
	p, err := purse.Open(conf)
	if err != nil {
		return nil, err
	}
	return p.Stored(ctx, *o)
}

var errNoCard = errors.New("no card came in time")

// await makes an order with the card that comes.
func (g *Gate) await(ctx context.Context, j *job, wait time.Duration) error {
	reader := j.reader
	g.expect(reader, 1)
	defer g.expect(reader, -1)
	waiting, cancel := context.WithTimeoutCause(ctx, wait, errNoCard)
	defer cancel()
	j.accept = func(_ context.Context, card *desfire.Card) error {
		if want := j.once.Order.UID; want != nil && card.UID() != nil && !bytes.Equal(want, card.UID()) {
			return &purse.OtherCardError{Want: want, Is: card.UID()}
		}
		return nil
	}
	err := j.run(waiting, one{g.readers, reader})
	switch {
	case j.once.Receipt != nil:
		return err
	case errors.Is(err, errNoCard) || err == nil:
		return &NoCardError{Reader: reader, Wait: wait, Why: j.why}
	}
	return err
}

func (g *Gate) expect(reader string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[reader] += n; g.waiting[reader] == 0 {
		delete(g.waiting, reader)
	}
}
