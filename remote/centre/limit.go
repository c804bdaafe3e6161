package centre

import (
	"net/netip"
	"sync"
	"time"
)

// Tries that fail, of one network and of all together: so many at once, then one each
// interval.
const (
	triesOfOne  = 5
	everyOfOne  = 10 * time.Second
	triesOfAll  = 200
	everyOfAll  = 200 * time.Millisecond
	maxNetworks = 4096
)

// limiter bounds tries that fail, by network.
type limiter struct {
	now func() time.Time

	mu  sync.Mutex
	of  map[netip.Prefix]*bucket
	all bucket
}

// bucket is how much was used, which runs out with time.
type bucket struct {
	used float64
	at   time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, of: map[netip.Prefix]*bucket{}}
}

func (b *bucket) run(now time.Time, every time.Duration) {
	if d := now.Sub(b.at); d > 0 {
		b.used = max(0, b.used-float64(d)/float64(every))
	}
	b.at = now
}

// network is what counts as one: an address of IPv4, a /64 of IPv6.
func network(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits)
	return p
}

// try takes a place for a try from an address; done, called with whether it failed,
// gives it back if not. Without a place it returns how long to wait.
func (l *limiter) try(remote string) (done func(failed bool), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, from := l.now(), network(remote)
	b := l.of[from]
	if b == nil {
		if len(l.of) >= maxNetworks {
			l.sweep(now)
		}
		b = &bucket{at: now}
		if len(l.of) < maxNetworks {
			l.of[from] = b
		}
	}
	b.run(now, everyOfOne)
	l.all.run(now, everyOfAll)
	if b.used+1 > triesOfOne {
		return nil, everyOfOne
	}
	if l.all.used+1 > triesOfAll {
		return nil, everyOfAll
	}
	b.used++
	l.all.used++
	return func(failed bool) {
		if failed {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		b.used = max(0, b.used-1)
		l.all.used = max(0, l.all.used-1)
	}, 0
}

// sweep forgets networks of which nothing is left.
func (l *limiter) sweep(now time.Time) {
	for from, b := range l.of {
		if b.run(now, everyOfOne); b.used == 0 {
			delete(l.of, from)
		}
	}
}
