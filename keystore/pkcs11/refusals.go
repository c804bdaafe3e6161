package pkcs11

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// refusals remembers which PINs a token has refused, so that one that comes from a
// variable or a program is not tried until the token locks. It does not keep the
// PINs.
type refusals struct {
	mu   sync.Mutex
	key  []byte
	seen map[string]map[[sha256.Size]byte]bool // by token
}

// digest wants mu.
func (r *refusals) digest(pin []byte) [sha256.Size]byte {
	if r.key == nil {
		r.key = make([]byte, sha256.Size)
		rand.Read(r.key)
		r.seen = map[string]map[[sha256.Size]byte]bool{}
	}
	h := hmac.New(sha256.New, r.key)
	h.Write(pin)
	return [sha256.Size]byte(h.Sum(nil))
}

func (r *refusals) has(token string, pin []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.digest(pin)
	return r.seen[token][d]
}

func (r *refusals) add(token string, pin []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.digest(pin)
	if r.seen[token] == nil {
		r.seen[token] = map[[sha256.Size]byte]bool{}
	}
	r.seen[token][d] = true
}

// forget is for a token that took a PIN.
func (r *refusals) forget(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, token)
}
