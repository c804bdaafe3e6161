package web

import (
	"context"
	"sync"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/unlock"
)

// mostRefused is how many keys that cards have refused are remembered.
const mostRefused = 512

// refusedKeys are keys that a card has refused. The page by itself does not try them
// again, since cards count failed authentications and may lock a key for ever.
type refusedKeys struct {
	mu  sync.Mutex
	all map[refusedKey]bool
}

type refusedKey struct {
	reader string
	ref    keystore.Ref
}

func (k *refusedKeys) add(rd *reader, r keystore.Ref) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= mostRefused {
		k.all = map[refusedKey]bool{}
	}
	k.all[refusedKey{rd.id, r}] = true
}

func (k *refusedKeys) has(rd *reader, r keystore.Ref) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[refusedKey{rd.id, r}]
}

// forget lets the keys of a reader's card be tried again.
func (k *refusedKeys) forget(rd *reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for r := range k.all {
		if r.reader == rd.id {
			delete(k.all, r)
		}
	}
}

// opener opens sessions for the page itself.
func (s *Server) opener(rd *reader) *unlock.Opener {
	return &unlock.Opener{Store: untried{s.keys(), &s.refused, rd}, Plain: true}
}

// untried is a store without the keys that were refused.
type untried struct {
	keystore.Store
	refused *refusedKeys
	reader  *reader
}

// Has implements keystore.Store.
func (u untried) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	if u.refused.has(u.reader, r) {
		return keystore.Facts{}, false, nil
	}
	return u.Store.Has(ctx, r)
}

// Key implements keystore.Store.
func (u untried) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	return u.Store.Key(ctx, r)
}

// Slots implements keystore.Rotating.
func (u untried) Slots(ctx context.Context, r keystore.Ref) ([]keystore.Slot, error) {
	if u.refused.has(u.reader, r) {
		return nil, nil
	}
	return keystore.Slots(ctx, u.Store, r)
}
