package main

import (
	"context"
	"os"
	"os/signal"
	"sync"

	"github.com/go-desfire/desfire/remote/keyservice"
)

// reloads reads the key policy again at each SIGHUP, until ctx ends. Where there is none, the signal does what it
// always does.
func (c *running) reloads(ctx context.Context, parts *sync.WaitGroup) {
	if c.keys == nil || len(reloadSignals) == 0 {
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, reloadSignals...)
	parts.Go(func() {
		defer signal.Stop(again)
		for {
			select {
			case <-again:
				c.reload(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// reload reads the key policy again. With a bad one, the one before stays in force.
func (c *running) reload(ctx context.Context) {
	log := c.log.With("part", partKeys, "file", c.flags.policy)
	p, err := keyservice.LoadPolicy(ctx, c.flags.policy, func(text string) { log.Warn(text) })
	if err == nil {
		err = c.keys.take(p)
	}
	if err != nil {
		log.Error("the key policy is not taken: the one before stays in force", "err", err)
		return
	}
	log.Info("the key policy was read again, and is in force", "agents", len(p.Agents))
}

// take has another policy in force from now on, also for a service that is started anew.
func (k *keys) take(p *keyservice.Policy) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.service.Load(); s != nil {
		if err := s.SetPolicy(p); err != nil {
			return err
		}
	} else if err := p.Check(); err != nil {
		return err
	}
	k.policy = p
	return nil
}

// begin makes the service with the policy that is in force.
func (k *keys) begin(conf keyservice.Config) (*keyservice.Service, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	conf.Policy = k.policy
	s, err := keyservice.New(conf)
	if err == nil {
		k.service.Store(s)
	}
	return s, err
}
