package main

import (
	"context"
	"sync"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/remote/view"
	"github.com/go-desfire/desfire/wire"
)

// books is the ledger while it runs: a centre of it is for one use, and a new one comes
// where it failed.
type books struct {
	mu  sync.Mutex
	now *view.Books // nil before the first
}

// serveLedger keeps the ledger until ctx ends.
func (c *running) serveLedger(ctx context.Context) error {
	if err := c.space.err(); err != nil {
		return err
	}
	var store keystore.Store
	if c.keys != nil {
		store = c.keys.ring
	}
	l, err := ledger.NewCentre(ledger.Config{
		Conn: c.conn, Fleet: c.fleet, Keys: store, Proved: c.proved, Replicas: c.replicas, SyncAfter: c.syncAfter,
		Logger: c.log.With("part", partLedger),
	})
	if err != nil {
		return err
	}
	b := view.NewBooks(l)
	c.books.mu.Lock()
	c.books.now = b
	c.books.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel(nil)
	following.Go(func() { cancel(b.Run(ctx, c.view.Touch)) })
	following.Go(func() { cancel(c.space.wait(ctx)) })
	following.Go(func() { c.ready(ctx, partLedger, l.Ready()) })
	if err := l.Run(ctx); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

func (b *books) books() *view.Books {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Ledger implements view.Ledger.
func (b *books) Ledger(ctx context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	if now := b.books(); now != nil {
		return now.Ledger(ctx, q)
	}
	return new(fleet.LedgerPage), nil
}

// Totals implements view.Ledger.
func (b *books) Totals() (t fleet.Totals) {
	if now := b.books(); now != nil {
		t = now.Totals()
	}
	return t
}

// Alarms implements view.Ledger.
func (b *books) Alarms() []fleet.Alarm {
	if now := b.books(); now != nil {
		return now.Alarms()
	}
	return nil
}

// places are applications as people write them, in the form that journals have.
func places(texts []string) (out []string, err error) {
	for _, text := range texts {
		p, err := wire.ParsePlace(text)
		if err != nil {
			return nil, wrong("--proved %s: %w", visible.Text(text), err)
		}
		out = append(out, p.String())
	}
	return out, nil
}
