package natstest

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Do is what a Proxy does with a frame.
type Do struct {
	Drop   bool          // it never arrives
	Double bool          // it arrives twice
	Swap   bool          // it arrives after the next message of its connection and direction
	Cut    bool          // the connection ends with it: it arrives, unless it is dropped, and no answer does
	Delay  time.Duration // it, and what follows it on its connection in its direction, comes later
}

// Proxy stands between NATS clients and a server, understands their frames, and harms
// what goes through. Its methods may be called at any time.
type Proxy struct {
	Addr string // host and port where it listens
	URL  string // the same as nats://

	listener net.Listener
	done     sync.WaitGroup

	mu      sync.Mutex
	heal    *sync.Cond
	target  string
	rule    func(*Frame) Do
	delay   time.Duration
	rate    int // bytes a second and direction of each connection, 0: no bound
	parted  [2]bool
	refuse  bool
	ended   bool
	made    int
	conns   map[*proxied]bool
	frames  [2]int
	dropped int
}

// NewProxy makes a proxy to a server, an address or a nats:// URL, that ends with the
// test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), listener: l, conns: map[*proxied]bool{}}
	p.URL = "nats://" + p.Addr
	p.heal = sync.NewCond(&p.mu)
	p.To(target)
	p.done.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.ended = true
	p.heal.Broadcast()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.done.Wait()
}

// To sends new connections to another server.
func (p *Proxy) To(target string) {
	if u, err := url.Parse(target); err == nil && strings.Contains(target, "://") {
		target = u.Host
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Rule is asked about each frame, one at a time; nil lets all pass.
func (p *Proxy) Rule(rule func(*Frame) Do) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// Nth is a rule that does something to the n-th frame, from 1, of those that match.
func Nth(n int, match func(*Frame) bool, do Do) func(*Frame) Do {
	seen := 0
	return func(f *Frame) Do {
		if !match(f) {
			return Do{}
		}
		if seen++; seen != n {
			return Do{}
		}
		return do
	}
}

// Slow makes each frame come later, and no more bytes a second through a connection in
// a direction than rate; 0 is no bound.
func (p *Proxy) Slow(delay time.Duration, rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.rate = delay, rate
}

// Part lets nothing through in these directions, both if none is named, and tells nobody:
// connections stay, new ones are made and hear nothing. What is on the way waits for
// Heal.
func (p *Proxy) Part(directions ...Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(directions) == 0 {
		directions = []Direction{Up, Down}
	}
	for _, d := range directions {
		p.parted[d] = true
	}
}

// Heal ends Part and Refuse.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parted, p.refuse = [2]bool{}, false
	p.heal.Broadcast()
}

// Refuse ends all connections and each new one at once, until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
}

// Cut ends all connections. What is on the way is lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.cut()
	}
	p.heal.Broadcast()
}

// HalfCut ends all connections in one direction: its receiver reads the end, and may
// still be heard.
func (p *Proxy) HalfCut(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.to(d).CloseWrite()
	}
}

// Counts says how many frames came in each direction, how many were dropped, and how
// many connections were made.
func (p *Proxy) Counts() (up, down, dropped, conns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frames[Up], p.frames[Down], p.dropped, p.made
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	p.mu.Lock()
	refuse, target := p.refuse || p.ended, p.target
	p.mu.Unlock()
	if refuse {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	server, err := net.DialTimeout("tcp", target, 10*time.Second)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	c := &proxied{p: p, ends: [2]*net.TCPConn{client, server.(*net.TCPConn)}, over: make(chan struct{})}
	p.mu.Lock()
	p.made++
	c.no = p.made
	p.conns[c] = true
	if p.refuse || p.ended {
		c.cut()
	}
	p.mu.Unlock()
	c.run()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// pass waits while a direction is parted. It says whether the proxy goes on.
func (p *Proxy) pass(c *proxied, d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.parted[d] && !p.ended && !c.isCut {
		p.heal.Wait()
	}
	return !p.ended && !c.isCut
}

// judge asks the rule about a frame.
func (p *Proxy) judge(f *Frame) (do Do, delay time.Duration, rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames[f.Dir]++
	if p.rule != nil {
		do = p.rule(f)
	}
	if do.Drop {
		p.dropped++
	}
	return do, p.delay + do.Delay, p.rate
}
