package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/remote"
)

// opens are the entries that are open, as the bucket has them.
type opens struct {
	mu sync.Mutex
	m  map[string][]byte // by key: JSON of Opened
}

func (o *opens) set(key string, v []byte) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.m == nil {
		o.m = map[string][]byte{}
	}
	had, there := o.m[key]
	switch {
	case v == nil:
		delete(o.m, key)
		return there
	case there && string(had) == string(v):
		return false
	}
	o.m[key] = v
	return true
}

// same reports whether a key has a value; nil: none.
func (o *opens) same(key string, v []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	had, there := o.m[key]
	return there == (v != nil) && string(had) == string(v)
}

// page is what comes after a key, of a card if prefix says one.
func (o *opens) page(after, prefix string) (list []json.RawMessage, next string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var keys []string
	for k := range o.m {
		if k > after && strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	size := 2
	for i, k := range keys {
		v := o.m[k]
		if size += len(v) + 1; i > 0 && (size > maxChanges || i >= maxBatch) {
			return list, keys[i-1]
		}
		list = append(list, v)
	}
	return list, ""
}

// showOpen tells everybody whether a transaction is open.
func (c *Centre) showOpen(ctx context.Context, r *Record) error {
	key := openKey(r.Entry.CardApp, r.Entry.ID)
	o := Opened{ID: r.Entry.ID, Agent: r.Agent, CardApp: r.Entry.CardApp}
	if r.IsOpen() {
		o.Entry = &r.Entry
	}
	v, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if o.Entry == nil {
		if c.opens.same(key, nil) {
			return nil
		}
		if err := remove(ctx, c.st.open, key); err != nil {
			return err
		}
		c.opens.set(key, nil)
	} else {
		if c.opens.same(key, v) {
			return nil
		}
		if _, err := c.st.open.Put(ctx, key, v); err != nil {
			return err
		}
		c.opens.set(key, v)
	}
	m, err := remote.Encode(version, v)
	if err != nil {
		return err
	}
	return c.conf.Conn.Publish(c.at.Open(key), m)
}

// loadOpen reads the bucket and returns who tells of changes in it.
func (c *Centre) loadOpen(ctx context.Context) (jetstream.KeyWatcher, error) {
	w, err := c.st.open.WatchAll(ctx)
	if err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case e := <-w.Updates():
			if e == nil {
				return w, nil
			}
			c.opensOf(e)
		}
	}
}

func (c *Centre) opensOf(e jetstream.KeyValueEntry) {
	if e.Operation() == jetstream.KeyValuePut {
		c.opens.set(e.Key(), e.Value())
		return
	}
	c.opens.set(e.Key(), nil)
}

// watchOpen follows what other centres write.
func (c *Centre) watchOpen(ctx context.Context) error {
	defer func() { _ = c.openWatch.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-c.openWatch.Updates():
			if !ok {
				return nil // the connection is closed
			}
			if e != nil {
				c.opensOf(e)
			}
		}
	}
}

// opened answers an agent that asks for what is open.
func (c *Centre) opened(_ context.Context, agent string, m *nats.Msg) []byte {
	var ask OpenedAsk
	var page OpenedPage
	page.Versioned = version
	var list []json.RawMessage
	if _, err := remote.Decode(m.Data, &ask); err != nil {
		page.Refused = shortened(err.Error())
	} else {
		prefix := ""
		if ask.Card != nil {
			prefix = cardKey(*ask.Card) + "."
		}
		list, page.Next = c.opens.page(ask.After, prefix)
	}
	payload, err := json.Marshal(list)
	if err == nil {
		var b []byte
		if b, err = remote.Encode(page, payload); err == nil {
			return b
		}
	}
	c.log.Error("what is open cannot be told", "agent", agent, "error", err)
	return nil
}
