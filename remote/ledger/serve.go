package ledger

import (
	"context"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// How many requests are worked on at once, of all agents.
const atOnce = 64

// maxWaiting is how many requests of one agent may wait for each other.
const maxWaiting = 4

// limits lets one request of a kind and agent be worked on at once.
type limits struct {
	mu   sync.Mutex
	busy map[string]*turn
}

type turn struct {
	sync.Mutex
	waiting int
}

// begin waits for its turn; nil where too many wait already.
func (l *limits) begin(what string) (end func()) {
	l.mu.Lock()
	if l.busy == nil {
		l.busy = map[string]*turn{}
	}
	t := l.busy[what]
	if t == nil {
		t = new(turn)
		l.busy[what] = t
	}
	if t.waiting >= maxWaiting {
		l.mu.Unlock()
		return nil
	}
	t.waiting++
	l.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(l.busy, what)
		}
	}
}

// try is begin for who does not wait.
func (l *limits) try(what string) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == nil {
		l.busy = map[string]*turn{}
	}
	if l.busy[what] != nil {
		return nil
	}
	l.busy[what] = new(turn)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.busy, what)
	}
}

// serve answers the requests of agents on a subject that ends with the agent's name. The server checks who
// may publish there.
func (c *Centre) serve(ctx context.Context, group *sync.WaitGroup, subject string, handle func(ctx context.Context, agent string, m *nats.Msg) []byte) (*nats.Subscription, error) {
	slots := make(chan struct{}, atOnce)
	return c.conf.Conn.QueueSubscribe(subject, "centre", func(m *nats.Msg) {
		agent := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		if remote.CheckName(agent) != nil || !remote.IsInbox(agent, m.Reply) {
			return // the centre may publish where the agent may not
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group.Go(func() {
			defer func() { <-slots }()
			answer := []byte(nil)
			if end := c.busy.begin(m.Subject); end != nil {
				answer = handle(ctx, agent, m)
				end()
			}
			if answer != nil && ctx.Err() == nil {
				if err := m.Respond(answer); err != nil {
					c.log.Warn("an answer does not leave", "agent", agent, "error", err)
				}
			}
		})
	})
}
