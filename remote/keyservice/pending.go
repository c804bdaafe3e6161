package keyservice

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// pending is a handshake that waits for the card's proof.
type pending struct {
	agent  string
	of     *agent
	ref    keystore.Ref
	slot   keystore.Facts
	typ    key.Type
	method key.Method
	trace  string
	until  time.Time
	key.Finisher
}

// shelf is where handshakes wait. Each is taken once.
type shelf struct {
	mu  sync.Mutex
	all map[string]*pending
}

// reserve counts a handshake of an agent before it is made; false if it has as many as it
// may have.
func (s *shelf) reserve(x *agent, most int, now time.Time) bool {
	if x.count(most) {
		return true
	}
	s.sweep(now)
	return x.count(most)
}

func (x *agent) count(most int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pending >= most {
		return false
	}
	x.pending++
	return true
}

// release takes back what reserve has counted.
func (x *agent) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pending--
}

// put keeps a handshake that was reserved.
func (s *shelf) put(id string, p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id] = p
}

// take gives a handshake to the agent that began it, once and in time; else nil. To others
// it is as if it were not there, and stays.
func (s *shelf) take(id, agent string, now time.Time) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[id]
	if p == nil || p.agent != agent {
		return nil
	}
	delete(s.all, id)
	p.of.release()
	if !now.Before(p.until) {
		p.Wipe()
		return nil
	}
	return p
}

// sweep ends those whose time is over.
func (s *shelf) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.all {
		if !now.Before(p.until) {
			delete(s.all, id)
			p.of.release()
			p.Wipe()
		}
	}
}

// end ends all.
func (s *shelf) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.all {
		delete(s.all, id)
		p.of.release()
		p.Wipe()
	}
}

// newID is a name that nobody guesses.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // which never fails
	return hex.EncodeToString(b[:])
}

// Waiting is how many handshakes wait for their cards.
func (s *Service) Waiting() int {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	return len(s.shelf.all)
}
