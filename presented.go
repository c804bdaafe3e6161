package desfire

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"
)

// Cards yields each card that is presented to any reader of the source, one at
// a time, connected and at PICC level. The card is closed when the loop body
// ends. A card that came and went while another was being served is left out.
//
// Errors are yielded and the loop goes on: a lost reader or service, a card
// that could not be connected, a *NotDESFireError. An error that ends the
// source is yielded last. The end of ctx ends the loop silently. When the loop
// ends, the source is no longer in use.
func Cards(ctx context.Context, source Source, conf *Config) iter.Seq2[*Card, error] {
	return func(yield func(*Card, error) bool) {
		conf := conf.sharing()
		q := watch(ctx, source)
		defer q.stop()
		for {
			it, ok := q.next(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case !ok:
				if q.end != nil {
					yield(nil, q.end)
				}
				return
			case it.err != nil:
				if !yield(nil, it.err) {
					return
				}
				continue
			case it.card == nil:
				continue
			}
			p := it.card
			card, err := p.connect(conf)
			if err != nil {
				if ctx.Err() != nil {
					return
				}
				if p.ctx.Err() != nil {
					continue // it left before we reached it
				}
				if removed(err) {
					q.again(p)
				}
				if !yield(nil, err) {
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

// ServeConfig adjusts Serve. The zero value, and nil, are sensible. Calls of
// OnEvent and OnError do not overlap, and Serve goes on when they return.
type ServeConfig struct {
	// Config is that of each card; nil is its zero value.
	Config *Config

	// OnEvent is told every event of the source, in order. What ends a card's
	// stay is told when its handler has returned, and holds up what the source
	// reported after it.
	OnEvent func(Event)

	// OnError is told of a lost reader or service, a *ReaderError, and of a
	// card that could not be connected, with the event that reported it.
	OnError func(Event, error)
}

// Serve runs handler in a goroutine of its own for each card that is presented
// to any reader, as net/http does for connections. The card is at PICC level.
// The handler's context ends when the card is removed, and the card is closed
// when the handler returns.
//
// Serve returns when ctx ends (nil) or the source does (its error), after all
// handlers have returned. The source is no longer in use then.
func Serve(ctx context.Context, source Source, conf *ServeConfig, handler func(ctx context.Context, card *Card)) error {
	s := &server{handler: handler, running: make(map[string]chan struct{})}
	if conf != nil {
		s.conf = *conf
	}
	s.conf.Config = s.conf.Config.sharing()
	s.q = watch(ctx, source)
	defer s.q.stop()
	defer s.handlers.Wait()
	for {
		it, ok := s.q.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case !ok:
			return s.q.end
		case it.card != nil:
			s.serve(it.card)
		default:
			s.tell(it)
		}
	}
}

type server struct {
	conf     ServeConfig
	handler  func(ctx context.Context, card *Card)
	q        *queue
	handlers sync.WaitGroup
	running  map[string]chan struct{} // by reader, closed when its last handler has returned
	telling  sync.Mutex
}

func (s *server) serve(p *presented) {
	done := make(chan struct{})
	s.running[p.ev.Reader] = done
	s.handlers.Go(func() {
		defer close(done)
		card, err := p.connect(s.conf.Config)
		if err != nil {
			if p.ctx.Err() == nil {
				s.report(p.ev, err)
			}
			if removed(err) {
				s.q.again(p)
			}
			return
		}
		defer card.Close()
		s.handler(p.ctx, card)
		if card.removed {
			s.q.again(p)
		}
	})
}

// tell passes an event on, the end of a card's stay after its handler.
func (s *server) tell(it item) {
	if s.conf.OnEvent != nil {
		for reader, done := range s.running {
			if reader == it.ev.Reader || it.ev.Kind == ServiceLost {
				<-done
				delete(s.running, reader)
			}
		}
		s.telling.Lock()
		s.conf.OnEvent(it.ev)
		s.telling.Unlock()
	}
	if it.err != nil {
		s.report(it.ev, it.err)
	}
}

func (s *server) report(ev Event, err error) {
	if s.conf.OnError != nil {
		s.telling.Lock()
		defer s.telling.Unlock()
		s.conf.OnError(ev, err)
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

// presented is a card that lies on a reader.
type presented struct {
	ctx  context.Context // ends when the card is removed
	gone context.CancelFunc
	ev   Event

	refusals int // statuses that Keep took for a loss
}

func (p *presented) connect(conf *Config) (*Card, error) {
	t, err := p.ev.Open(p.ctx)
	if err != nil {
		return nil, &TransportError{Command: "connect to the card on " + p.ev.Reader, Err: err}
	}
	named := *conf
	named.Reader = p.ev.Reader
	return Connect(p.ctx, t, &named)
}

// item is one thing to take from a queue: a card, or else an event, which
// comes before the card that it brings.
type item struct {
	card *presented
	ev   Event
	err  error // what the event means for who waits for cards
}

// queue holds what the source reported and nobody has taken yet.
type queue struct {
	cancel  context.CancelFunc
	running sync.WaitGroup // the source, and cards that will be presented again

	mu    sync.Mutex
	items []item
	more  chan struct{} // has a token while there may be something to take
	done  bool
	end   error // why the source ended; to be read when next says that it did
}

// watch collects the events of source until ctx ends. Whoever takes from the
// queue stops it.
func watch(ctx context.Context, source Source) *queue {
	ctx, cancel := context.WithCancel(ctx)
	q := &queue{cancel: cancel, more: make(chan struct{}, 1)}
	q.running.Go(func() { q.collect(ctx, source) })
	return q
}

// stop ends the source and returns when it has ended.
func (q *queue) stop() {
	q.cancel()
	q.running.Wait()
}

func (q *queue) collect(ctx context.Context, source Source) {
	lying := make(map[string]*presented)
	remove := func(reader string) {
		if p := lying[reader]; p != nil {
			p.gone()
			delete(lying, reader)
			q.drop(p)
		}
	}
	var end error
	for ev, err := range source.Events(ctx) {
		if err != nil {
			end = err
			break
		}
		it := item{ev: ev}
		switch ev.Kind {
		case CardInserted, CardRemoved:
			remove(ev.Reader)
		case ReaderRemoved:
			remove(ev.Reader)
			it.err = &ReaderError{ev.Reader, ev.Err}
		case ServiceLost:
			for reader := range lying {
				remove(reader)
			}
			it.err = &ReaderError{"", ev.Err}
		}
		q.put(it)
		if ev.Kind == CardInserted && ev.Ignored == "" && ev.Open != nil {
			p := &presented{ev: ev}
			p.ctx, p.gone = context.WithCancel(ctx)
			lying[ev.Reader] = p
			q.put(item{card: p})
		}
	}
	for reader := range lying {
		remove(reader)
	}
	q.mu.Lock()
	q.done, q.end = true, end
	q.mu.Unlock()
	q.signal()
}

func (q *queue) put(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it.card != nil && it.card.ctx.Err() != nil {
		return // it left, and nobody would drop it
	}
	q.items = append(q.items, it)
	q.signal()
}

// blink is how long a card may be away without the source noticing: pcscd
// looks every 400 ms.
const blink = 500 * time.Millisecond

// again presents a card that left and, as the source sees it, still lies
// there: it has come back between two looks. It is called before stop.
func (q *queue) again(p *presented) {
	q.running.Go(func() {
		select {
		case <-p.ctx.Done():
		case <-time.After(blink):
			q.put(item{card: p})
		}
	})
}

// drop takes back a card that left before anybody took it.
func (q *queue) drop(p *presented) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(it item) bool { return it.card == p })
}

func (q *queue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// next waits for something to take; false at the end of ctx and of the source.
func (q *queue) next(ctx context.Context) (item, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			it := q.items[0]
			q.items = q.items[1:]
			q.mu.Unlock()
			return it, ctx.Err() == nil
		}
		done := q.done
		q.mu.Unlock()
		if done {
			return item{}, false
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return item{}, false
		}
	}
}

// errNoIdentity is why a card with a random identifier cannot be recognised.
var errNoIdentity = errors.New("the card has a random identifier: give KeepConfig.Identify a way to recognise it, for example authenticate and read CardUID")
