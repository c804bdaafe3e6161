package desfire

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
)

// Cards yields each card that is presented to any reader of the source, one at
// a time, connected and at PICC level. The card is closed when the loop body
// ends. A card that came and went while another was being served is left out.
//
// Errors are yielded and the loop goes on: a lost reader or service, a card
// that could not be connected, a *NotDESFireError. An error that ends the
// source is yielded last. The end of ctx ends the loop silently.
func Cards(ctx context.Context, source Source, conf *Config) iter.Seq2[*Card, error] {
	return func(yield func(*Card, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		conf := conf.sharing()
		q := watch(ctx, source)
		for {
			p, ok := q.next(ctx)
			if !ok {
				return
			}
			if p.err != nil {
				if !yield(nil, p.err) {
					return
				}
				continue
			}
			card, err := p.connect(conf)
			if err != nil {
				if p.ctx.Err() != nil && ctx.Err() == nil {
					continue // it left before we reached it
				}
				if ctx.Err() != nil || !yield(nil, err) {
					return
				}
				continue
			}
			more := yield(card, nil)
			_ = card.Close()
			if !more {
				return
			}
			if card.removed {
				q.again(p)
			}
		}
	}
}

// Serve runs handler in a goroutine of its own for each card that is presented
// to any reader, as net/http does for connections. The handler's context ends
// when the card is removed, and the card is closed when the handler returns.
// Errors that concern no card, or a card that could not be connected, go to
// onError, which may be nil and is not called concurrently.
//
// Serve returns when ctx ends (nil) or the source does (its error), after all
// handlers have returned.
func Serve(ctx context.Context, source Source, conf *Config, handler func(ctx context.Context, card *Card), onError func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	var mu sync.Mutex
	report := func(err error) {
		if onError != nil {
			mu.Lock()
			defer mu.Unlock()
			onError(err)
		}
	}
	conf = conf.sharing()
	q := watch(ctx, source)
	for {
		p, ok := q.next(ctx)
		if !ok {
			if ctx.Err() != nil {
				return nil
			}
			return q.end
		}
		if p.err != nil {
			report(p.err)
			continue
		}
		handlers.Go(func() {
			card, err := p.connect(conf)
			if err != nil {
				if p.ctx.Err() == nil {
					report(err)
				}
				return
			}
			handler(p.ctx, card)
			_ = card.Close()
			if card.removed {
				q.again(p)
			}
		})
	}
}

// ReaderError is yielded for a reader or service that was lost. The loop waits
// for it to come back.
type ReaderError struct {
	Reader string // empty: the service, and every reader with it
	Err    error
}

func (e *ReaderError) Error() string {
	what := "reader " + e.Reader
	if e.Reader == "" {
		what = "the smart card service"
	}
	if e.Err == nil {
		return "desfire: " + what + " is gone; waiting for it to come back"
	}
	return fmt.Sprintf("desfire: %s is gone; waiting for it to come back: %v", what, e.Err)
}

// Unwrap returns the cause, if known.
func (e *ReaderError) Unwrap() error { return e.Err }

// presented is a card that lies on a reader, or an error in place of one.
type presented struct {
	ctx  context.Context // ends when the card is removed
	gone context.CancelFunc
	ev   Event
	err  error
}

func (p *presented) connect(conf *Config) (*Card, error) {
	t, err := p.ev.Open(p.ctx)
	if err != nil {
		return nil, &TransportError{"connect to the card on " + p.ev.Reader, err}
	}
	named := *conf
	named.Reader = p.ev.Reader
	return Connect(p.ctx, t, &named)
}

// queue holds what the source reported and nobody has taken yet.
type queue struct {
	mu    sync.Mutex
	items []*presented
	more  chan struct{} // has a token while there may be something to take
	done  bool
	end   error // why the source ended
}

// watch collects the events of source until ctx ends.
func watch(ctx context.Context, source Source) *queue {
	q := &queue{more: make(chan struct{}, 1)}
	go func() {
		lying := make(map[string]*presented)
		remove := func(reader string) {
			if p := lying[reader]; p != nil {
				p.gone()
				delete(lying, reader)
				q.drop(p)
			}
		}
		for ev, err := range source.Events(ctx) {
			if err != nil {
				q.mu.Lock()
				q.end = err
				q.mu.Unlock()
				q.put(&presented{err: err})
				break
			}
			switch ev.Kind {
			case CardInserted:
				remove(ev.Reader)
				if ev.Ignored != "" || ev.Open == nil {
					continue
				}
				p := &presented{ev: ev}
				p.ctx, p.gone = context.WithCancel(ctx)
				lying[ev.Reader] = p
				q.put(p)
			case CardRemoved:
				remove(ev.Reader)
			case ReaderRemoved:
				remove(ev.Reader)
				q.put(&presented{err: &ReaderError{ev.Reader, ev.Err}})
			case ServiceLost:
				for reader := range lying {
					remove(reader)
				}
				q.put(&presented{err: &ReaderError{"", ev.Err}})
			}
		}
		for reader := range lying {
			remove(reader)
		}
		q.mu.Lock()
		q.done = true
		q.mu.Unlock()
		q.signal()
	}()
	return q
}

func (q *queue) put(p *presented) {
	q.mu.Lock()
	if q.done {
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, p)
	q.mu.Unlock()
	q.signal()
}

// blink is how long a card may be away without the source noticing: pcscd
// looks every 400 ms.
const blink = 500 * time.Millisecond

// again presents a card that left and, as the source sees it, still lies
// there: it has come back between two looks.
func (q *queue) again(p *presented) {
	time.AfterFunc(blink, func() {
		if p.ctx.Err() == nil {
			q.put(p)
		}
	})
}

// drop takes back a card that left before anybody took it.
func (q *queue) drop(p *presented) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, x := range q.items {
		if x == p {
			q.items = append(q.items[:i], q.items[i+1:]...)
			return
		}
	}
}

func (q *queue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// next waits for something to take; false at the end.
func (q *queue) next(ctx context.Context) (*presented, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			p := q.items[0]
			q.items = q.items[1:]
			q.mu.Unlock()
			return p, ctx.Err() == nil
		}
		done := q.done
		q.mu.Unlock()
		if done {
			return nil, false
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// errNoIdentity is why a card with a random identifier cannot be recognised.
var errNoIdentity = errors.New("the card has a random identifier: give KeepConfig.Identify a way to recognise it, for example authenticate and read CardUID")
