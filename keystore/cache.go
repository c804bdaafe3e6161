package keystore

import (
	"container/list"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/key"
)

// Cache keeps keys of a store that are dear to get: derived in a token, fetched over
// a network. It is a Rotating, and may be used from several goroutines; who wants a
// key that somebody is just getting waits for it.
//
//   - Handles to keys whose bytes are elsewhere are kept as they are.
//   - Of a *key.Secret a copy is kept, and handles to that one copy are given out.
//     It is overwritten when it is out of the cache and nobody has a handle any more,
//     which the garbage collector finds, and in Close in any case.
//   - What is known of a key without it, Facts, is never kept: the store is asked
//     each time. A key is given again only while the store says the same of it.
//   - Errors are never kept.
type Cache struct {
	store Store
	conf  CacheConfig
	live  *copies

	mu      sync.Mutex
	closed  bool
	entries map[cacheID]*cacheEntry
	used    list.List // of entries that have a key, the last used first
}

// CacheConfig bounds a Cache.
type CacheConfig struct {
	// Max is how many keys are kept; 0 is 256. The one that was not used for the
	// longest time gives way.
	Max int

	// MaxAge is how long a key is kept after it was got; 0 is until Close. Where a
	// key can change and nothing that is known of it tells, this bounds how long the
	// old one is given.
	MaxAge time.Duration

	// Now is the time; nil is time.Now.
	Now func() time.Time
}

const defaultCached = 256

// cacheID is a key as the store knows it. slot counts the keys of a Ref.
type cacheID struct {
	ref   Ref
	slot  int
	facts Facts
}

type cacheEntry struct {
	id   cacheID
	turn chan struct{} // held by who gets the key
	key  key.Key       // nil: not yet
	got  time.Time
	at   *list.Element
}

var errCacheClosed = errors.New("keystore: the cache was closed")

// NewCache makes a cache in front of a store; nil is the zero CacheConfig.
func NewCache(s Store, conf *CacheConfig) *Cache {
	c := &Cache{store: s, live: &copies{set: map[*secretCopy]struct{}{}}, entries: map[cacheID]*cacheEntry{}}
	if conf != nil {
		c.conf = *conf
	}
	if c.conf.Max <= 0 {
		c.conf.Max = defaultCached
	}
	if c.conf.Now == nil {
		c.conf.Now = time.Now
	}
	return c
}

// Has implements Store: it asks the store.
func (c *Cache) Has(ctx context.Context, r Ref) (Facts, bool, error) { return c.store.Has(ctx, r) }

// Key implements Store.
func (c *Cache) Key(ctx context.Context, r Ref) (key.Key, error) {
	facts, ok, err := c.store.Has(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return c.store.Key(ctx, r) // says what it lacks
	}
	return c.get(ctx, cacheID{r, 0, facts}, func(ctx context.Context) (key.Key, error) { return c.store.Key(ctx, r) })
}

// Slots implements Rotating.
func (c *Cache) Slots(ctx context.Context, r Ref) ([]Slot, error) {
	slots, err := Slots(ctx, c.store, r)
	slots = slices.Clone(slots) // the store's own list, perhaps
	for i, s := range slots {
		id := cacheID{r, i, s.Facts}
		slots[i].Key = func(ctx context.Context) (key.Key, error) { return c.get(ctx, id, s.Key) }
	}
	return slots, err
}

// get is the key that is kept, or the one that fetch gets.
func (c *Cache) get(ctx context.Context, id cacheID, fetch func(context.Context) (key.Key, error)) (key.Key, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, k, err := c.entry(id)
		if err != nil || k != nil {
			return k, err
		}
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		k, done, err := c.take(ctx, e, fetch)
		<-e.turn
		if done {
			return k, err
		}
	}
}

// take gets the key of an entry whose turn it is. done is false if the entry is
// none any more.
func (c *Cache) take(ctx context.Context, e *cacheEntry, fetch func(context.Context) (key.Key, error)) (k key.Key, done bool, err error) {
	now, k, err := c.entry(e.id)
	switch {
	case err != nil || k != nil: // somebody has got it meanwhile
		return k, true, err
	case now != e:
		return nil, false, nil
	}
	if k, err = fetch(ctx); err != nil {
		c.forget(e)
		return nil, true, err
	}
	k, err = c.keep(e, k)
	return k, true, err
}

// entry finds the entry of a key, and the key if it is kept and not too old.
func (c *Cache) entry(id cacheID) (*cacheEntry, key.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errCacheClosed
	}
	e := c.entries[id]
	if e == nil {
		e = &cacheEntry{id: id, turn: make(chan struct{}, 1)}
		c.entries[id] = e
	}
	if e.key != nil && c.conf.MaxAge > 0 && c.conf.Now().Sub(e.got) >= c.conf.MaxAge {
		c.used.Remove(e.at)
		e.key, e.at = nil, nil
	}
	if e.key != nil {
		c.used.MoveToFront(e.at)
	}
	return e, e.key, nil
}

// forget takes out the entry of a key that could not be got.
func (c *Cache) forget(e *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.key == nil && c.entries[e.id] == e {
		delete(c.entries, e.id)
	}
}

// keep puts a key into its entry.
func (c *Cache) keep(e *cacheEntry, k key.Key) (key.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errCacheClosed
	}
	if s, ok := k.(*key.Secret); ok {
		k = c.live.handle(s)
	}
	e.key, e.got = k, c.conf.Now()
	e.at = c.used.PushFront(e)
	for c.used.Len() > c.conf.Max {
		last := c.used.Remove(c.used.Back()).(*cacheEntry)
		delete(c.entries, last.id)
	}
	return k, nil
}

// Close overwrites the copies of keys that the cache has made, and closes the store
// if it has something to close. Handles that were given out cipher no more: their
// error is key.ErrWiped.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.entries = map[cacheID]*cacheEntry{}
	c.used.Init()
	c.mu.Unlock()
	c.live.wipe()
	if cl, ok := c.store.(io.Closer); ok {
		return cl.Close()
	}
	return nil
}
