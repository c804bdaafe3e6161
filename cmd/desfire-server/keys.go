package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/keyopen"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/web"
)

// partKeys is the key service.
const partKeys = "keys"

// keys are what the key service works with.
type keys struct {
	ring *keyring.Ring

	mu      sync.Mutex
	policy  *keyservice.Policy                 // in force
	service atomic.Pointer[keyservice.Service] // that runs
}

// answerKeyChange changes a key of a card for an operator.
func (c *running) answerKeyChange(ctx context.Context, in []byte) (any, error) {
	if c.keys == nil {
		return nil, errors.New("this centre has no keys: desfire-server --keys FILE --policy FILE")
	}
	s := c.keys.service.Load()
	if s == nil {
		return nil, errors.New("the key service is being started")
	}
	return s.AdminChange(ctx, in)
}

// openKeys opens the keyring and the policy, if there are any.
func (c *running) openKeys(ctx context.Context) (err error) {
	f := c.flags
	if f.keys == "" {
		return nil
	}
	k := &keys{}
	warn := func(text string) { c.log.Warn(text, "part", partKeys) }
	modules := keyopen.Modules(warn)
	c.end(func() {
		if err := modules.Close(); err != nil {
			c.log.Warn(err.Error())
		}
	})
	if k.ring, err = keyopen.Keyring(ctx, f.keys, keyopen.Config{Identity: f.identity, Warn: warn, Modules: modules}); err != nil {
		return bad(err, "desfire key list --keys "+f.keys+" looks at it.")
	}
	if k.policy, err = keyservice.LoadPolicy(ctx, f.policy, warn); err != nil {
		return bad(err, "")
	}
	c.keys = k
	c.health.Set(partKeys, false, "it is being started")
	return nil
}

// serveKeys answers agents until ctx ends.
func (c *running) serveKeys(ctx context.Context) error {
	if err := keyservice.EnsureAudit(ctx, c.conn, c.fleet, c.replicas); err != nil {
		return err
	}
	stream, err := keyservice.StreamAudit(c.conn, c.fleet)
	if err != nil {
		return err
	}
	audit := func(ctx context.Context, u *keyservice.Use) error {
		if err := c.space.err(); err != nil {
			return err
		}
		return stream(ctx, u)
	}
	readers, err := remote.NewClient(c.conn, &remote.ClientConfig{Fleet: c.fleet, Holder: "the centre, which changes a key"})
	if err != nil {
		return err
	}
	journal, err := rekey.OpenJournal(filepath.Join(c.dir, "key-journal.jsonl"))
	if err != nil {
		return fmt.Errorf("the journal of key changes: %w", err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			c.log.Warn("the journal of key changes", "err", err)
		}
	}()
	s, err := c.keys.begin(keyservice.Config{
		Conn: c.conn, Fleet: c.fleet, Store: c.keys.ring, Audit: audit, Logger: c.log.With("part", partKeys),
		Changes: &keyservice.Changes{Source: readers.Source, Journal: journal},
	})
	if err != nil {
		return err
	}
	defer c.keys.service.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	waiting.Go(func() { c.ready(ctx, partKeys, s.Ready()) })
	return s.Run(ctx)
}

// mostPast is how many uses of keys are shown that were before the start.
const mostPast = 5000

// followUses shows the uses of keys, those of before and each new one, until ctx ends.
func (c *running) followUses(ctx context.Context) error {
	js, err := jetstream.New(c.conn)
	if err != nil {
		return err
	}
	if err := keyservice.EnsureAudit(ctx, c.conn, c.fleet, c.replicas); err != nil {
		return err
	}
	stream, err := js.Stream(ctx, remote.Subjects{Fleet: c.fleet}.Stream("AUDIT"))
	if err != nil {
		return err
	}
	from := c.used + 1
	if last := stream.CachedInfo().State.LastSeq; last > mostPast {
		from = max(from, last-mostPast+1)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return err
	}
	uses, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, uses.Stop)()
	defer uses.Stop()
	for {
		m, err := uses.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		about, err := m.Metadata()
		if err != nil {
			return err
		}
		c.used = about.Sequence.Stream
		u, err := keyservice.ReadUse(m.Data())
		if err != nil {
			c.log.Warn("a line of the audit is not understood", "seq", c.used, "err", err)
			continue
		}
		c.view.Used(keyUse(c.used, u))
	}
}

// keyUse is a line of the audit for people.
func keyUse(seq uint64, u *keyservice.Use) fleet.KeyUse {
	k := fleet.KeyUse{
		Seq: seq, At: u.At, Agent: u.Agent, What: u.What, UID: u.UID, Application: u.Application, Method: u.Method, Allowed: u.Allowed, Why: u.Why, Trace: u.Trace,
	}
	k.Key = strings.TrimSpace(strings.Join([]string{u.Key, u.Type}, " "))
	if u.Version != nil {
		k.Key += fmt.Sprintf(", version %02X", *u.Version)
	}
	if u.More > 0 {
		k.Why = strings.TrimPrefix(fmt.Sprintf("%s; %d more were refused meanwhile", k.Why, u.More), "; ")
	}
	return k
}

// pageKeys gives the page the keys of the centre: they stay in this process.
func (c *running) pageKeys(conf *web.Config) {
	if c.keys == nil {
		return
	}
	conf.Keys = c.keys.ring
	conf.KeyNames = func(ctx context.Context) (list []web.KeyName, err error) {
		for _, name := range c.keys.ring.Masters() {
			if f, ok := c.keys.ring.MasterFacts(ctx, name); ok {
				list = append(list, web.KeyName{Name: name, Facts: f, Source: f.Source})
			}
		}
		return list, nil
	}
}
