package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
)

// kindUnknown are alarms about what an agent found of a transaction that nobody has reported yet. They are
// over when somebody does.
const kindUnknown = "an unknown transaction"

// early are findings whose transactions nobody has reported yet: where a store was set back, agents ship again, each in
// its own time. The bucket of states has them as well.
type early struct {
	mu sync.Mutex
	m  map[purse.ID]map[string]*earlyFound // by key
	n  map[string]int                      // of each agent
}

type earlyFound struct {
	Agent    string       `json:"agent"`
	Found    *purse.Found `json:"found"`
	Received time.Time    `json:"received"`
}

// maxEarly is how many findings of an agent may wait.
const maxEarly = 1000

// earlyKeys is how their keys begin.
const earlyKeys = "early."

func (e *early) waits(id purse.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.m[id]) > 0
}

// of are those of a transaction, by key.
func (e *early) of(id purse.ID) map[string]*earlyFound {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.m[id])
}

// put takes note of one; false if it has it, or too many of its agent wait.
func (e *early) put(key string, f *earlyFound) (fresh, full bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := f.Found.ID
	switch {
	case e.m[id][key] != nil:
		return false, false
	case e.n[f.Agent] >= maxEarly:
		return false, true
	case e.m == nil:
		e.m, e.n = map[purse.ID]map[string]*earlyFound{}, map[string]int{}
	}
	if e.m[id] == nil {
		e.m[id] = map[string]*earlyFound{}
	}
	e.m[id][key] = f
	e.n[f.Agent]++
	return true, false
}

func (e *early) drop(key string, f *earlyFound) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := f.Found.ID
	if e.m[id][key] == nil {
		return
	}
	if delete(e.m[id], key); len(e.m[id]) == 0 {
		delete(e.m, id)
	}
	if e.n[f.Agent]--; e.n[f.Agent] == 0 {
		delete(e.n, f.Agent)
	}
}

// loadEarly reads what waits.
func (c *Centre) loadEarly(ctx context.Context) error {
	w, err := c.st.state.Watch(ctx, earlyKeys+">", jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case v := <-w.Updates():
			if v == nil {
				return nil
			}
			f := new(earlyFound)
			if err := json.Unmarshal(v.Value(), f); err != nil || f.Found == nil {
				c.log.Error("a finding that waits is not understood", "key", v.Key(), "error", err)
				continue
			}
			c.early.put(v.Key(), f)
		}
	}
}

// tooEarly keeps a finding until somebody reports its transaction, and tells of it.
func (c *Centre) tooEarly(ctx context.Context, agent string, f *purse.Found, received time.Time, why string) error {
	x := &earlyFound{agent, f, received}
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	key := earlyKeys + strings.Join([]string{f.ID.String(), agent, digest(string(b))}, ".")
	fresh, full := c.early.put(key, x)
	if full {
		return c.alarm(ctx, agent, "a finding is left out", fmt.Sprintf("%s, and %d such findings of it wait already", why, maxEarly), f.ID)
	}
	if fresh {
		if _, err := c.st.state.Put(ctx, key, b); err != nil {
			c.early.drop(key, x) // it is tried again
			return err
		}
	}
	return c.alarm(ctx, agent, kindUnknown, why, f.ID)
}

// catchUp adds the findings that waited for a transaction which is reported now.
func (c *Centre) catchUp(ctx context.Context, r *Record) (*Record, error) {
	waiting := c.early.of(r.Entry.ID)
	for _, key := range slices.Sorted(maps.Keys(waiting)) {
		f := waiting[key]
		if f.Found.CardApp != r.Entry.CardApp {
			continue // of another card: nobody reports that one
		}
		next, _, err := c.st.update(ctx, c.st.subject(r.Agent, &r.Entry), func(r *Record) (*Record, bool) {
			if r == nil {
				return nil, false
			}
			return r, r.find(f.Agent, f.Found.Outcome, f.Received)
		})
		if err != nil {
			return r, err
		}
		if next != nil {
			r = next
		}
		if err := remove(ctx, c.st.state, key); err != nil {
			return r, err
		}
		c.early.drop(key, f)
	}
	return r, nil
}
