package keystore

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"github.com/go-desfire/desfire/key"
)

// copies are the copies of keys that a cache has made and that are not yet
// overwritten.
type copies struct {
	mu  sync.Mutex
	set map[*secretCopy]struct{}
}

// secretCopy is one copy. It does not know its handle, so that the handle can go.
type secretCopy struct {
	mu     sync.RWMutex
	secret *key.Secret
}

// wipe overwrites it, when no use is under way.
func (s *secretCopy) wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret.Wipe()
}

// handle makes a handle to a copy of a key, which is overwritten when nobody has the
// handle any more.
func (c *copies) handle(s *key.Secret) *copiedKey {
	copied := &secretCopy{secret: s.WithVersion(s.Version())}
	c.mu.Lock()
	c.set[copied] = struct{}{}
	c.mu.Unlock()
	k := &copiedKey{copied}
	runtime.AddCleanup(k, c.end, copied)
	return k
}

// end overwrites a copy whose handle is gone.
func (c *copies) end(s *secretCopy) {
	s.wipe()
	c.mu.Lock()
	delete(c.set, s)
	c.mu.Unlock()
}

// wipe overwrites all.
func (c *copies) wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.set {
		s.wipe()
	}
}

// copiedKey is a handle to a copy. Its methods are those of key.Secret.
type copiedKey struct{ of *secretCopy }

var _ key.Exporter = (*copiedKey)(nil)

func (k *copiedKey) Type() key.Type             { return k.of.secret.Type() }
func (k *copiedKey) Version() byte              { return k.of.secret.Version() }
func (k *copiedKey) CheckValue() key.CheckValue { return k.of.secret.CheckValue() }

func (k *copiedKey) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.use(func(s *key.Secret) error { return s.EncryptCBC(ctx, iv, dst, src) })
}

func (k *copiedKey) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.use(func(s *key.Secret) error { return s.DecryptCBC(ctx, iv, dst, src) })
}

// Export implements key.Exporter.
func (k *copiedKey) Export() (b []byte) {
	_ = k.use(func(s *key.Secret) error { b = s.Export(); return nil })
	return b
}

// WithVersion is a copy of its own, with another version.
func (k *copiedKey) WithVersion(version byte) (c key.Key) {
	_ = k.use(func(s *key.Secret) error { c = s.WithVersion(version); return nil })
	return c
}

// use keeps the copy from being overwritten meanwhile.
func (k *copiedKey) use(f func(*key.Secret) error) error {
	defer runtime.KeepAlive(k)
	k.of.mu.RLock()
	defer k.of.mu.RUnlock()
	return f(k.of.secret)
}

func (k *copiedKey) String() string               { return key.String(k) }
func (k *copiedKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, k.String()) }
func (k *copiedKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
func (k *copiedKey) LogValue() slog.Value         { return slog.StringValue(k.String()) }
