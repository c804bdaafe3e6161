package keyservice

import (
	"sync"
	"time"
)

// Bounds of what an agent can make the service do and keep.
const (
	mostInWork   = 16     // requests of an agent at a time
	mostAtOnce   = 256    // requests of all agents at a time
	mostAgents   = 20_000 // that are remembered
	looksFor     = 10     // questions about keys for each handshake of the rate
	refusedLines = 60     // that are taken down in a minute, of what was refused one agent
)

// bucket is a measure that fills up by so many a minute, to as many.
type bucket struct {
	left float64
	at   time.Time
}

// take takes one, if one is there. after is when the next is.
func (b *bucket) take(now time.Time, perMinute int) (ok bool, after time.Duration) {
	most := float64(perMinute)
	switch passed := now.Sub(b.at); {
	case b.at.IsZero():
		b.left = most
	case passed > 0:
		b.left = min(most, b.left+most*passed.Minutes())
	case passed < 0: // the clock was set back: nothing is gained by it
	}
	b.at = now
	b.left = min(b.left, most)
	if b.left < 1 {
		return false, time.Duration((1 - b.left) / most * float64(time.Minute))
	}
	b.left--
	return true, 0
}

// agent is what is remembered of one.
type agent struct {
	mu         sync.Mutex
	handshakes bucket
	looks      bucket
	refused    bucket
	unsaid     int // refused, and not taken down
	inWork     int
	pending    int
	seen       time.Time
}

// agents are those that have asked.
type agents struct {
	mu  sync.Mutex
	all map[string]*agent
}

// get is what is remembered of an agent; nil if too many are remembered.
func (a *agents) get(name string, now time.Time) *agent {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.all[name]
	if x == nil {
		if len(a.all) >= mostAgents {
			a.forget(now)
		}
		if len(a.all) >= mostAgents {
			return nil
		}
		x = new(agent)
		a.all[name] = x
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = now
	return x
}

// forget lets go of those that have asked nothing for so long that nothing is left to
// remember.
func (a *agents) forget(now time.Time) {
	for name, x := range a.all {
		x.mu.Lock()
		idle := x.inWork == 0 && x.pending == 0 && x.unsaid == 0 && now.Sub(x.seen) > time.Minute
		x.mu.Unlock()
		if idle {
			delete(a.all, name)
		}
	}
}

// begin counts a request; false if too many are in work.
func (x *agent) begin() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inWork >= mostInWork {
		return false
	}
	x.inWork++
	return true
}

func (x *agent) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.inWork--
}

// mayLook and mayShake take one of the rate.
func (x *agent) mayLook(now time.Time, rate int) (bool, time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.looks.take(now, rate*looksFor)
}

func (x *agent) mayShake(now time.Time, rate int) (bool, time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.handshakes.take(now, rate)
}

// mayTell reports whether a refusal is to be taken down; more are those before it that
// were not.
func (x *agent) mayTell(now time.Time) (more int, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ok, _ := x.refused.take(now, refusedLines); !ok {
		x.unsaid++
		return 0, false
	}
	more, x.unsaid = x.unsaid, 0
	return more, true
}

// told takes back what mayTell has counted, where it could not be taken down.
func (x *agent) notTold(more int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unsaid += more + 1
}
