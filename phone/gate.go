package phone

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of those who have not shown yet that they are paired.
const (
	maxStrangers     = 64
	maxStrangersFrom = 8 // one address
	strangerLimit    = 10 * time.Second
)

// gate is a listener that bounds connections of strangers: how many there are, and how
// long they may stay it.
type gate struct {
	net.Listener
	mu   sync.Mutex
	from map[netip.Addr]int
	all  int
}

func newGate(l net.Listener) *gate { return &gate{Listener: l, from: map[netip.Addr]int{}} }

// Accept turns away whoever is one too many.
func (g *gate) Accept() (net.Conn, error) {
	for {
		nc, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := g.admit(nc); c != nil {
			return c, nil
		}
		nc.Close()
	}
}

func (g *gate) admit(nc net.Conn) *stranger {
	at := addressIn(nc.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= maxStrangers || g.from[at] >= maxStrangersFrom {
		return nil
	}
	g.all++
	g.from[at]++
	s := &stranger{Conn: nc, gate: g, at: at}
	s.limit = time.AfterFunc(strangerLimit, func() { nc.Close() })
	return s
}

// addressIn is the address that is counted: of IPv6 the network.
func addressIn(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	at := t.AddrPort().Addr().Unmap()
	if at.Is6() {
		if p, err := at.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return at
}

// stranger is a connection of somebody who is not known yet.
type stranger struct {
	net.Conn
	gate  *gate
	at    netip.Addr
	limit *time.Timer
	once  sync.Once
}

// known ends the bounds.
func (s *stranger) known() {
	s.once.Do(func() {
		s.limit.Stop()
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		s.gate.all--
		if s.gate.from[s.at]--; s.gate.from[s.at] <= 0 {
			delete(s.gate.from, s.at)
		}
	})
}

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.known()
	return s.Conn.Close()
}
