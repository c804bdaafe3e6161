package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// settledFor is what an agent is to be told about an entry of its journal.
type settledFor struct {
	By      string        `json:"by,omitempty"`
	Outcome purse.Outcome `json:"outcome"`
}

func (c *Centre) putSettled(ctx context.Context, r *Record) error {
	v, err := json.Marshal(settledFor{r.By(), *r.Judged})
	if err != nil {
		return err
	}
	key := r.Agent + "." + r.Entry.ID.String()
	have, err := c.st.settled.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
	case err != nil:
		return err
	case string(have.Value()) == string(v):
		return nil
	}
	if _, err := c.st.settled.Put(ctx, key, v); err != nil {
		return err
	}
	c.contact(r.Agent)
	return nil
}

// contacts are the agents that were heard of, and may be told something.
type contacts struct {
	bell
	mu   sync.Mutex
	here map[string]bool // heard of since the last round
}

// contact takes note that an agent is there.
func (c *Centre) contact(agent string) {
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	if c.told.here == nil {
		c.told.here = map[string]bool{}
	}
	c.told.here[agent] = true
	c.told.ring()
}

// tell tells agents what became of their entries, until they have taken it over.
func (c *Centre) tell(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	busy := &limits{}
	for ctx.Err() == nil {
		c.told.bell.wait(ctx, time.Second)
		c.told.mu.Lock()
		here := c.told.here
		c.told.here = nil
		c.told.mu.Unlock()
		for agent := range here {
			if ctx.Err() != nil {
				break
			}
			end := busy.try(agent)
			if end == nil {
				c.later(agent)
				continue
			}
			group.Go(func() {
				defer end()
				if err := c.tellAgent(ctx, agent); err != nil && ctx.Err() == nil {
					c.log.Info("an agent is not told yet what became of its entries", "agent", agent, "error", err)
				}
			})
		}
	}
	return ctx.Err()
}

// tellAgent tells one agent all that there is for it.
func (c *Centre) tellAgent(ctx context.Context, agent string) error {
	keys, err := c.st.settled.ListKeysFiltered(ctx, agent+".*")
	if err != nil {
		return err
	}
	defer func() { _ = keys.Stop() }()
	var all []string
	for k := range keys.Keys() {
		all = append(all, k)
	}
	for _, key := range all {
		if err := c.tellOne(ctx, agent, key); err != nil {
			return err
		}
	}
	return nil
}

func (c *Centre) tellOne(ctx context.Context, agent, key string) error {
	v, err := c.st.settled.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var s settledFor
	var id purse.ID
	if err := json.Unmarshal(v.Value(), &s); err != nil {
		return fmt.Errorf("key %s of the bucket of what was settled: %w", key, err)
	}
	if err := id.UnmarshalText([]byte(key[strings.LastIndexByte(key, '.')+1:])); err != nil {
		return fmt.Errorf("key %s of the bucket of what was settled: %w", key, err)
	}
	payload, err := json.Marshal(s.Outcome)
	if err != nil {
		return err
	}
	m, err := remote.Encode(Settled{Versioned: version, ID: id, By: s.By}, payload)
	if err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := c.conf.Conn.RequestWithContext(ask, c.at.Settled(agent), m)
	if err != nil {
		return err
	}
	var taken Taken
	if _, err := remote.Decode(r.Data, &taken); err != nil {
		return err
	}
	if taken.Refused != "" {
		if err := c.alarm(ctx, agent, "not taken over", "what was found out of the transaction is not taken over by its agent: "+taken.Refused, id); err != nil {
			return err
		}
	}
	return remove(ctx, c.st.settled, key)
}

// later tells it again when something else happens.
func (c *Centre) later(agent string) {
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	if c.told.here == nil {
		c.told.here = map[string]bool{}
	}
	c.told.here[agent] = true
}
