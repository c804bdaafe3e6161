package fleet

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// crowd is a source of many readers, to which cards come and from which they go.
type crowd struct {
	mu      sync.Mutex
	names   []string
	lying   map[string]lying
	hearers map[*hearer]bool
}

// hearer is one call of Events: what it has not been told yet.
type hearer struct {
	mu    sync.Mutex
	queue []desfire.Event
	more  chan struct{}
}

func (h *hearer) tell(ev desfire.Event) {
	h.mu.Lock()
	h.queue = append(h.queue, ev)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
}

func newCrowd(readers int, name string) *crowd {
	c := &crowd{lying: map[string]lying{}, hearers: map[*hearer]bool{}}
	for i := range readers {
		c.names = append(c.names, fmt.Sprintf("%s-%d", name, i))
	}
	return c
}

// lying is a card on a reader.
type lying struct {
	picc    *sim.Card
	present func() desfire.Transport
}

func (l lying) inserted(reader string) desfire.Event {
	return desfire.Event{Kind: desfire.CardInserted, Reader: reader, ATR: l.picc.ATR(),
		Open: func(context.Context) (desfire.Transport, error) { return l.present(), nil }}
}

// layPlastic puts a card there that is looked at after each commit.
func (c *crowd) layPlastic(reader string, p *plastic) {
	c.put(reader, lying{p.picc, func() desfire.Transport { return &watched{p.picc.Present(), p} }})
}

func (c *crowd) put(reader string, l lying) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lying[reader] = l
	for h := range c.hearers {
		h.tell(l.inserted(reader))
	}
}

// layPlain puts a card there.
func (c *crowd) layPlain(reader string, picc *sim.Card) {
	c.put(reader, lying{picc, func() desfire.Transport { return picc.Present() }})
}

// lift takes the card from a reader.
func (c *crowd) lift(reader string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.lying[reader]
	if !ok {
		return
	}
	delete(c.lying, reader)
	l.picc.Lift()
	for h := range c.hearers {
		h.tell(desfire.Event{Kind: desfire.CardRemoved, Reader: reader})
	}
}

func (c *crowd) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		h := &hearer{more: make(chan struct{}, 1)}
		c.mu.Lock()
		for _, name := range c.names {
			h.queue = append(h.queue, desfire.Event{Kind: desfire.ReaderAdded, Reader: name})
			if l, ok := c.lying[name]; ok {
				h.queue = append(h.queue, l.inserted(name))
			}
		}
		c.hearers[h] = true
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			delete(c.hearers, h)
			c.mu.Unlock()
		}()
		for {
			h.mu.Lock()
			queue := h.queue
			h.queue = nil
			h.mu.Unlock()
			for _, ev := range queue {
				if ctx.Err() != nil || !yield(ev, nil) {
					return
				}
			}
			select {
			case <-h.more:
			case <-ctx.Done():
				return
			}
		}
	}
}
