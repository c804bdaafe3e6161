package keystore

import "github.com/go-desfire/desfire/key"

// CopyOf is the copy behind a handle of a cache.
func CopyOf(k key.Key) *key.Secret { return k.(*copiedKey).of.secret }

// LiveCopies is how many copies of a cache are not yet overwritten.
func LiveCopies(c *Cache) int {
	c.live.mu.Lock()
	defer c.live.mu.Unlock()
	return len(c.live.set)
}
