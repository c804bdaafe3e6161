package keystore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// dear is a store whose keys are dear: it counts how often they are got. A key has
// the number of its Ref as its last byte.
type dear struct {
	mu     sync.Mutex
	facts  keystore.Facts
	opaque bool
	err    error
	hold   chan struct{} // nil: Key does not wait
	given  []*key.Secret
	closed atomic.Int32
}

func (d *dear) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.facts, true, nil
}

func (d *dear) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if d.hold != nil {
		select {
		case <-d.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	b := make([]byte, 16)
	_, no, _ := r.Key.Number()
	b[15] = byte(no)
	k, err := key.NewAES(b, byte(no))
	if err != nil {
		return nil, err
	}
	d.given = append(d.given, k)
	if d.opaque {
		return opaque{k}, nil
	}
	return k, nil
}

func (d *dear) got() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.given)
}

func (d *dear) Close() error { d.closed.Add(1); return nil }

func numbered(no byte) keystore.Ref {
	return keystore.Ref{UID: "\x04\x05\x06\x07", Key: keystore.Number(wire.KeyNo(no))}
}

func cipher(k key.Key) ([]byte, error) {
	b := make([]byte, 16)
	return b, k.EncryptCBC(context.Background(), nil, b, b)
}

func TestCache(t *testing.T) {
	ctx := context.Background()
	now := time.Unix(1e9, 0)
	d := &dear{facts: keystore.Facts{Type: "AES", Version: 1}}
	c := keystore.NewCache(d, &keystore.CacheConfig{Max: 3, MaxAge: time.Hour, Now: func() time.Time { return now }})
	want := func(no byte, got int) key.Key {
		t.Helper()
		k, err := c.Key(ctx, numbered(no))
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := key.NewAES(append(make([]byte, 15), no), no)
		a, err1 := cipher(k)
		b, err2 := cipher(plain)
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) || k.CheckValue() != plain.CheckValue() || k.Version() != no || !bytes.Equal(k.(key.Exporter).Export(), plain.Export()) {
			t.Errorf("key %d is %v, %v", no, k, err)
		}
		if d.got() != got {
			t.Errorf("key %d: the store was asked %d times, want %d", no, d.got(), got)
		}
		return k
	}
	for range 100 {
		want(1, 1)
	}
	slots, err := c.Slots(ctx, numbered(1))
	if err != nil || len(slots) != 1 {
		t.Fatal(slots, err)
	}
	if k, err := slots[0].Key(ctx); err != nil || d.got() != 1 || k.Version() != 1 {
		t.Errorf("%v, %v, asked %d times", k, err, d.got())
	}
	// The one that was not used for the longest time gives way.
	want(2, 2)
	want(3, 3)
	want(1, 3)
	want(4, 4)
	want(1, 4)
	want(2, 5)
	// What the store says of a key has changed: it is another one.
	d.mu.Lock()
	d.facts.Version = 2
	d.mu.Unlock()
	want(1, 6)
	want(1, 6)
	if f, ok, err := c.Has(ctx, numbered(1)); !ok || err != nil || f.Version != 2 {
		t.Errorf("%v, %v, %v", f, ok, err)
	}
	now = now.Add(time.Hour - 1)
	want(1, 6)
	now = now.Add(1)
	k := want(1, 7)
	// The keys of the store are its own.
	if err := c.Close(); err != nil || d.closed.Load() != 1 {
		t.Errorf("%v, closed %d times", err, d.closed.Load())
	}
	if _, err := cipher(k); !errors.Is(err, key.ErrWiped) {
		t.Errorf("a handle after Close: %v", err)
	}
	for _, s := range d.given {
		if _, err := cipher(s); err != nil {
			t.Errorf("a key of the store: %v", err)
		}
	}
	if k, err := c.Key(ctx, numbered(1)); err == nil {
		t.Errorf("after Close: %v", k)
	}
}

// Errors are not kept, nor who has nothing; handles of others are kept as they are.
func TestCacheOfOthers(t *testing.T) {
	ctx := context.Background()
	d := &dear{err: keystore.ErrLocked}
	c := keystore.NewCache(d, nil)
	for range 3 {
		if k, err := c.Key(ctx, numbered(1)); !errors.Is(err, keystore.ErrLocked) {
			t.Errorf("%v, %v", k, err)
		}
	}
	d.err, d.opaque = nil, true
	a, err := c.Key(ctx, numbered(1))
	b, err2 := c.Key(ctx, numbered(1))
	if err := errors.Join(err, err2); err != nil || a != b || d.got() != 1 {
		t.Errorf("%v, %v, %v, asked %d times", a, b, err, d.got())
	}
	if _, gives := a.(key.Exporter); gives {
		t.Error("a handle gives its bytes")
	}
	var missing *keystore.NotFoundError
	if k, err := keystore.NewCache(keystore.Map{}, nil).Key(ctx, numbered(1)); !errors.As(err, &missing) {
		t.Errorf("%v, %v", k, err)
	}
}

// Many want one key at once: it is got once. Who gives up waiting does not end it
// for the others.
// owned is a store that gives its own list of keys away.
type owned struct {
	*dear
	list []keystore.Slot
}

func (o *owned) Slots(context.Context, keystore.Ref) ([]keystore.Slot, error) { return o.list, nil }

// What a store lists stays as the store has it: no key is wrapped once more with each
// look.
func TestSlotsOfTheStoreStay(t *testing.T) {
	ctx := context.Background()
	for name, wrap := range map[string]func(keystore.Store) keystore.Rotating{
		"cache": func(s keystore.Store) keystore.Rotating { return keystore.NewCache(s, nil) },
		"audit": func(s keystore.Store) keystore.Rotating {
			return keystore.Audit(s, func(keystore.Use) error { return nil })
		},
	} {
		zero := key.Zero(key.TypeAES)
		o := &owned{new(dear), []keystore.Slot{{Key: func(context.Context) (key.Key, error) { return zero, nil }}}}
		s := wrap(o)
		for range 2 {
			if _, err := s.Slots(ctx, numbered(1)); err != nil {
				t.Fatal(err)
			}
		}
		if k, err := o.list[0].Key(ctx); err != nil || k != zero {
			t.Errorf("%s: the key of the store is a %T, %v", name, k, err)
		}
	}
}

func TestCacheConcurrently(t *testing.T) {
	d := &dear{hold: make(chan struct{})}
	c := keystore.NewCache(d, &keystore.CacheConfig{Max: 2})
	ended, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		_, err := c.Key(ended, numbered(1))
		first <- err
	}()
	var wg sync.WaitGroup
	var failed atomic.Int32
	for range 20 {
		wg.Go(func() {
			if k, err := c.Key(context.Background(), numbered(1)); err != nil || k.Version() != 1 {
				failed.Add(1)
			}
		})
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(d.hold)
	wg.Wait()
	if failed.Load() != 0 || d.got() != 1 {
		t.Errorf("%d failed, asked %d times", failed.Load(), d.got())
	}
	// Keys come and go while they are used, and the cache is closed meanwhile.
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				k, err := c.Key(context.Background(), numbered(byte(1+(n+i)%4)))
				if err != nil {
					return // it was closed
				}
				if _, err := cipher(k); err != nil && !errors.Is(err, key.ErrWiped) {
					t.Error(err)
				}
				if i == 3 && n == 150 {
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A copy that is out of the cache is overwritten when nobody has a handle to it.
func TestCacheWipes(t *testing.T) {
	ctx := context.Background()
	c := keystore.NewCache(&dear{}, &keystore.CacheConfig{Max: 1})
	copied := func() *key.Secret {
		k, err := c.Key(ctx, numbered(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(ctx, numbered(2)); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		if _, err := cipher(k); err != nil {
			t.Fatalf("a key that is used, out of the cache: %v", err)
		}
		return keystore.CopyOf(k)
	}()
	for i := 0; keystore.LiveCopies(c) != 1; i++ {
		if i == 1000 {
			t.Fatal("the copy was not overwritten")
		}
		runtime.GC()
		runtime.Gosched()
	}
	if _, err := cipher(copied); !errors.Is(err, key.ErrWiped) || !bytes.Equal(copied.Export(), make([]byte, 16)) {
		t.Errorf("the copy after its end: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// No verb shows a key that is kept.
func TestCachePrintsNoBytes(t *testing.T) {
	c := keystore.NewCache(&dear{}, nil)
	k, err := c.Key(context.Background(), numbered(0x7B))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s"} {
		if shown := fmt.Sprintf(format, k); shown != key.String(k) {
			t.Errorf("%s: %s", format, shown)
		}
	}
}
