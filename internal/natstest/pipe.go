package natstest

import (
	"net"
	"sync"
	"time"
)

// proxied is a connection through a Proxy.
type proxied struct {
	p     *Proxy
	no    int
	ends  [2]*net.TCPConn // of the client and of the server
	isCut bool            // under the proxy's lock
	over  chan struct{}   // closed by cut
}

// from and to are where frames of a direction come from and go to.
func (c *proxied) from(d Direction) *net.TCPConn { return c.ends[d] }
func (c *proxied) to(d Direction) *net.TCPConn   { return c.ends[1-d] }

// cut ends both halves at once; the proxy's lock is held.
func (c *proxied) cut() {
	if c.isCut {
		return
	}
	c.isCut = true
	close(c.over)
	for _, e := range c.ends {
		_ = e.SetLinger(0)
		_ = e.Close()
	}
}

func (c *proxied) run() {
	var both sync.WaitGroup
	for _, d := range []Direction{Up, Down} {
		queue := make(chan parcel, 4096)
		both.Go(func() { c.read(d, queue) })
		both.Go(func() { c.write(d, queue) })
	}
	both.Wait()
	c.p.mu.Lock()
	c.cut()
	c.p.mu.Unlock()
}

// parcel is bytes with the moment from which they may go on.
type parcel struct {
	bytes []byte
	due   time.Time
	cut   bool // the connection ends behind them
}

func (c *proxied) read(d Direction, queue chan<- parcel) {
	defer close(queue)
	stream := newFrames(c.from(d))
	var due time.Time // of the frame before
	var held []byte
	for {
		f, err := stream.next()
		if f != nil && len(f.raw) > 0 {
			f.Conn, f.Dir = c.no, d
			if d == Down {
				f.stay()
			}
			do, delay, rate := c.p.judge(f)
			out := f.raw
			switch {
			case do.Drop:
				out = nil
			case do.Double:
				out = append(append([]byte{}, out...), out...)
			}
			if rate > 0 {
				due = later(due, time.Now()).Add(time.Duration(len(out)) * time.Second / time.Duration(rate))
			}
			due = later(due, time.Now().Add(delay))
			if do.Swap && held == nil {
				held, out = out, nil
			} else if held != nil && (f.Message() || do.Cut) {
				out, held = append(append([]byte{}, out...), held...), nil
			}
			select {
			case queue <- parcel{out, due, do.Cut}:
			case <-c.over:
				return
			}
			if do.Cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (c *proxied) write(d Direction, queue <-chan parcel) {
	for next := range queue {
		if wait := time.Until(next.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-c.over:
				return
			}
		}
		if !c.p.pass(c, d) {
			return
		}
		_, err := c.to(d).Write(next.bytes)
		if next.cut && err == nil {
			// What was written has to arrive, and no answer may.
			_ = c.from(d).SetLinger(0)
			_ = c.from(d).Close()
			_ = c.to(d).CloseWrite()
			return
		}
		if err != nil {
			c.p.mu.Lock()
			c.cut()
			c.p.mu.Unlock()
			return
		}
	}
	if c.p.pass(c, d) {
		_ = c.to(d).CloseWrite()
	}
}
