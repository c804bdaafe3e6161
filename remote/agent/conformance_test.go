package agent

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/transporttest"
)

var selectPICC = []byte{0x90, 0x5A, 0, 0, 3, 0, 0, 0, 0}

func TestFixedConformance(t *testing.T) {
	transporttest.RunFixed(t, func(t *testing.T) transporttest.Transport {
		return newWorld(t, simulated(t, "sim:"), nil).card("")
	}, selectPICC)
}

func TestConformance(t *testing.T) {
	for name, reconnects := range map[string]bool{"activated by Reconnect": true, "activated by opening": false} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
				return newWorld(t, &bench{present: present, reconnects: reconnects}, nil).card("")
			}, nil)
		})
	}
}

func TestLocalConformance(t *testing.T) {
	for name, reconnects := range map[string]bool{"with Reconnect": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
				w := newWorld(t, &bench{present: present, reconnects: reconnects}, nil)
				w.server.Stop() // it does without
				ev := w.inserted(w.agent.Source("the test"))
				tr, err := ev.Open(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				return tr
			}, nil)
		})
	}
}

// bench is a source with one card of the conformance suite.
type bench struct {
	present    func(context.Context) (transporttest.Card, error)
	reconnects bool
}

func (b *bench) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: "bench"}, nil) &&
			yield(desfire.Event{Kind: desfire.CardInserted, Reader: "bench", ATR: []byte{0x3B, 0x80}, Open: b.open}, nil) {
			<-ctx.Done()
		}
	}
}

func (b *bench) open(ctx context.Context) (desfire.Transport, error) {
	card, err := b.present(ctx)
	if err != nil {
		return nil, err
	}
	l := &stub{bench: b, card: card, atr: card.ATR()}
	if b.reconnects {
		return &reconnecting{l}, nil
	}
	return l, nil
}

// unsent is an error before anything was sent.
type unsent struct{ error }

func (unsent) Sent() bool      { return false }
func (u unsent) Unwrap() error { return u.error }

// stub is a transport to such a card that keeps the contract.
type stub struct {
	bench *bench
	atr   []byte

	mu     sync.Mutex
	card   transporttest.Card // nil: closed, given up, or it failed
	cancel context.CancelFunc
	closed bool
}

func (l *stub) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	l.mu.Lock()
	card := l.card
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	l.cancel = cancel
	l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, unsent{ctx.Err()}
	case card == nil:
		return nil, unsent{errors.New("closed")}
	}
	type answer struct {
		r   []byte
		err error
	}
	done := make(chan answer, 1)
	command = bytes.Clone(command)
	go func() {
		r, err := card.Transmit(inner, command)
		done <- answer{r, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			l.end(false)
		}
		if a.err != nil && ctx.Err() != nil { // both have come
			a.err = ctx.Err()
		}
		return a.r, a.err
	case <-inner.Done():
		l.end(false)
		return nil, inner.Err()
	}
}

func (l *stub) ATR() []byte { return bytes.Clone(l.atr) }

func (l *stub) Close() error {
	l.end(true)
	return nil
}

func (l *stub) end(good bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || good
	if l.card != nil {
		_ = l.card.Close()
		l.card = nil
	}
	if l.cancel != nil {
		l.cancel()
	}
}

type reconnecting struct{ *stub }

func (r *reconnecting) Reconnect(ctx context.Context) error {
	r.end(false)
	card, err := r.bench.present(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = card.Close()
		return errors.New("closed")
	}
	r.card = card
	return nil
}
