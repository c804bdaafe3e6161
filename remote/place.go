package remote

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/place"
)

// Scheme is the places "nats:", "nats:AGENT" and "nats:AGENT/READER": the readers of a
// fleet. dial connects to it when a place is opened, and names it.
func Scheme(dial func() (conn *nats.Conn, fleet string, err error)) place.Scheme {
	return place.Scheme{
		Name:  "nats",
		Forms: []string{"nats:", "nats:AGENT", "nats:AGENT/READER"},
		Open: func(address string) (*place.Place, error) {
			agent, reader, both := strings.Cut(address, "/")
			if address != "" && CheckName(agent) != nil || both && CheckName(reader) != nil {
				return nil, fmt.Errorf("%w: agents and readers are lower-case letters, digits and hyphens, as desfire fleet readers shows them", place.ErrAddress)
			}
			conn, name, err := dial()
			if err != nil {
				return nil, err
			}
			c, err := NewClient(conn, &ClientConfig{Fleet: name})
			if err != nil {
				return nil, err
			}
			return c.Place(agent, reader), nil
		},
	}
}

// Place is the readers of a Source as a place.
func (c *Client) Place(agent, reader string) *place.Place {
	s := &source{c, agent, reader}
	p := &place.Place{Source: s, Name: "nats:" + agent, Await: s.await}
	if reader != "" {
		p.Name += "/" + reader
	}
	p.List = func(ctx context.Context) ([]place.Reader, error) {
		agents, err := c.Agents(ctx, agent)
		if err != nil {
			return nil, err
		}
		var list []place.Reader
		for _, a := range agents {
			for _, r := range a.Readers {
				if reader == "" || r.ID == reader {
					list = append(list, listed(r))
				}
			}
		}
		return list, nil
	}
	return p
}

func listed(r fleet.Reader) place.Reader {
	l := place.Reader{Name: r.Agent + "/" + r.ID, State: r.State}
	if r.Name != "" && r.Name != r.ID {
		l.State += fmt.Sprintf(" (%q)", r.Name)
	}
	l.Ignored = r.Ignored
	if c := r.Card; c != nil {
		l.Card = true
		l.ATR, _ = hex.DecodeString(c.ATR)
		l.Ignored = cmp.Or(r.Ignored, c.Ignored)
	}
	return l
}

// How long Agents waits.
const (
	answering = 2 * time.Second        // for one agent
	rolling   = 700 * time.Millisecond // for all, after the last one that is new
)

// Agents asks who there is: one agent, or all of those that are connected if name is
// empty.
func (c *Client) Agents(ctx context.Context, name string) ([]fleet.Agent, error) {
	if !c.conn.IsConnected() {
		return nil, fmt.Errorf("fleet: %w", ErrNotConnected)
	}
	if name != "" {
		asking, cancel := context.WithTimeoutCause(ctx, answering, ErrNoAnswer)
		defer cancel()
		answer, _, err := c.request(asking, c.subject.Ask(name), nil)
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", name, err)
		}
		h, err := DecodeHello(answer)
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", name, err)
		}
		return []fleet.Agent{h.Agent(name)}, nil
	}
	messages := make(chan *nats.Msg, maxWaiting)
	sub, err := c.conn.ChanSubscribe(c.subject.Hello("*"), messages)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.conn.Publish(c.subject.Roll(), nil); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	var agents []fleet.Agent
	seen := make(map[string]int)
	quiet := time.NewTimer(answering) // an empty fleet, or a slow one
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-quiet.C:
			return agents, nil
		case m := <-messages:
			parts := strings.Split(m.Subject, ".")
			h, err := DecodeHello(m.Data)
			if err != nil || len(parts) != 5 || CheckName(parts[3]) != nil {
				continue
			}
			a := h.Agent(parts[3])
			if i, ok := seen[a.Name]; ok {
				agents[i] = a
			} else if len(agents) < maxAgents {
				quiet.Reset(rolling)
				seen[a.Name] = len(agents)
				agents = append(agents, a)
			}
		}
	}
}

var _ desfire.Source = (*source)(nil)
