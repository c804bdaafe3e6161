package gate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// ServeConfig says who may order by request: whoever the server of the fleet lets write
// to the subjects of this agent's readers.
type ServeConfig struct {
	Conn  *nats.Conn
	Fleet string
	Agent string // as it is called in the fleet
	// Reader is the name of the reader with an id of the fleet; false if there is none.
	Reader func(id string) (name string, ok bool)
}

// maxOrders bounds how many orders wait or are under way.
const maxOrders = 64

// Serve makes orders that come by request until ctx ends; those that wait for a card are
// given up then, and what is under way is ended first. Run may run beside it.
func (g *Gate) Serve(ctx context.Context, c ServeConfig) error {
	room := make(chan struct{}, maxOrders)
	var running sync.WaitGroup
	defer running.Wait()
	subject := remote.Subjects{Fleet: c.Fleet}.Order(c.Agent, "*")
	at := len(strings.Split(subject, ".")) - 2
	sub, err := c.Conn.Subscribe(subject, func(m *nats.Msg) {
		if _, ok := remote.InboxOf(m.Reply); !ok {
			return
		}
		select {
		case room <- struct{}{}:
		default:
			g.respond(m, &OrderAnswer{Code: CodeBusy, Text: fmt.Sprintf("%d orders wait already", maxOrders)})
			return
		}
		running.Go(func() {
			defer func() { <-room }()
			g.respond(m, g.requested(ctx, &c, strings.Split(m.Subject, ".")[at], m.Data))
		})
	})
	if err != nil {
		return fmt.Errorf("gate: %w", err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	return nil
}

func (g *Gate) requested(ctx context.Context, c *ServeConfig, id string, message []byte) *OrderAnswer {
	r, err := DecodeOrderRequest(message)
	if err != nil {
		return &OrderAnswer{Code: CodeRequest, Text: err.Error()}
	}
	reader, ok := c.Reader(id)
	if !ok {
		return &OrderAnswer{Code: CodeReader, Text: fmt.Sprintf("%s has no reader %.32q", c.Agent, id)}
	}
	wait := g.conf.Wait
	if r.Wait > 0 {
		wait = time.Duration(r.Wait) * time.Millisecond
	}
	a := answerOf(g.OrderWithin(ctx, reader, r.order(), wait))
	if ctx.Err() != nil && !a.Happened && a.Entry == nil {
		a.Code, a.Text = CodeEnding, "the gate is being ended"
	}
	return a
}

func (g *Gate) respond(m *nats.Msg, a *OrderAnswer) {
	b, err := a.Encode()
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil { // who asked asks again, and gets what is stored
		g.conf.Logger.Warn("an order is not answered", "subject", m.Subject, "err", err)
	}
}
