package gate

import (
	"context"
	"io"
	"iter"
	"sync"

	"github.com/go-desfire/desfire"
)

// readers is a source whose cards one goroutine has at a time: an opened card is
// closed before the next Open on that reader returns.
type readers struct {
	source desfire.Source

	mu   sync.Mutex
	held map[string]chan struct{} // by reader, room for who has its card
}

func (r *readers) Events(ctx context.Context) iter.Seq2[desfire.Event, error] { return r.at(ctx, "") }

// at are the events of one reader, of all if it has no name.
func (r *readers) at(ctx context.Context, reader string) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for ev, err := range r.source.Events(ctx) {
			if err == nil && reader != "" && ev.Reader != "" && ev.Reader != reader {
				continue
			}
			if open := ev.Open; open != nil {
				ev.Open = func(ctx context.Context) (desfire.Transport, error) { return r.open(ctx, ev.Reader, open) }
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// one is the reader of that name as a source.
type one struct {
	*readers
	name string
}

func (o one) Events(ctx context.Context) iter.Seq2[desfire.Event, error] { return o.at(ctx, o.name) }

func (r *readers) open(ctx context.Context, reader string, open func(context.Context) (desfire.Transport, error)) (desfire.Transport, error) {
	r.mu.Lock()
	turn := r.held[reader]
	if turn == nil {
		turn = make(chan struct{}, 1)
		r.held[reader] = turn
	}
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t, err := open(ctx)
	if err != nil {
		<-turn
		return nil, err
	}
	return &held{Transport: t, turn: turn}, nil
}

// held is a card that nobody else here has until it is closed.
type held struct {
	desfire.Transport
	once sync.Once
	turn chan struct{}
}

// Unwrap leads to what the transport can do besides.
func (h *held) Unwrap() desfire.Transport { return h.Transport }

// Script is that of the transport itself.
func (h *held) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	return desfire.RunScript(ctx, h.Transport, s)
}

// Close gives the card to the next.
func (h *held) Close() (err error) {
	h.once.Do(func() {
		if c, ok := desfire.Ability[io.Closer](h.Transport); ok {
			err = c.Close()
		}
		<-h.turn
	})
	return err
}

// presentation is a card that lies on a reader until gone is closed.
type presentation struct {
	ev   desfire.Event
	gone chan struct{}
}

// Events is this presentation and its end, of which no other follows.
func (p *presentation) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if !yield(p.ev, nil) {
			return
		}
		select {
		case <-p.gone:
			yield(desfire.Event{Kind: desfire.CardRemoved, Reader: p.ev.Reader}, nil)
		case <-ctx.Done():
		}
	}
}

func (p *presentation) over() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}
