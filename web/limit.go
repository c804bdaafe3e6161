package web

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// bucket lets so many through at once, and one more every so often.
type bucket struct {
	size  float64
	every time.Duration
	left  float64
	at    time.Time
}

func newBucket(size int, every time.Duration) *bucket {
	return &bucket{size: float64(size), every: every, left: float64(size)}
}

// fill adds what has come in since it was last asked.
func (b *bucket) fill(now time.Time) {
	d := now.Sub(b.at)
	if b.at = now; d > 0 {
		b.left = min(b.size, b.left+float64(d)/float64(b.every))
	}
}

func (b *bucket) has(now time.Time) bool {
	b.fill(now)
	return b.left >= 1
}

// limiter bounds what comes from one network, and what comes from all of them
// together: ten times as much.
type limiter struct {
	size  int
	every time.Duration

	mu   sync.Mutex
	all  *bucket
	from map[netip.Prefix]*bucket
}

// mostNetworks is how many networks a limiter remembers. While so many are at it
// at once, further ones are refused.
const mostNetworks = 1024

func newLimiter(size int, every time.Duration) *limiter {
	return &limiter{size: size, every: every, all: newBucket(10*size, every/10), from: map[netip.Prefix]*bucket{}}
}

func (l *limiter) take(remoteAddr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := network(remoteAddr)
	b := l.from[from]
	if b == nil {
		if len(l.from) >= mostNetworks {
			for p, b := range l.from {
				if b.fill(now); b.left >= b.size {
					delete(l.from, p)
				}
			}
		}
		if len(l.from) >= mostNetworks {
			return false
		}
		b = newBucket(l.size, l.every)
		l.from[from] = b
	}
	if !b.has(now) || !l.all.has(now) {
		return false
	}
	b.left--
	l.all.left--
	return true
}

// forget gives back all that a network has taken.
func (l *limiter) forget(remoteAddr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.from, network(remoteAddr))
}

// network is what one person can choose addresses of: an IPv4 address, or 64 bits
// of an IPv6 address.
func network(remoteAddr string) netip.Prefix {
	a := address(remoteAddr)
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
}

// address is the IP address of host:port; the zero Addr if it is none.
func address(remoteAddr string) netip.Addr {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		host = remoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
