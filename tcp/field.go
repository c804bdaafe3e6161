package tcp

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/link"
)

// field is where the card is: at one client.
type field struct {
	*Server
	idle time.Duration

	room chan struct{} // a silent client has spoken or left

	mu      sync.Mutex // guards what follows, and the peers
	silent  []quiet    // connected, the first frame has not come
	holder  *peer      // nil if the card is free
	waiting []*peer    // for the card, first come, first served
	parked  []*peer    // the card was taken from them before any command

	observing sync.Mutex
}

// peer is a connection that has spoken.
type peer struct {
	session *link.Session
	came    bool
	turn    chan struct{} // closed when it has the card that it waited for

	command bool // it has had a command: the card cannot be taken without a word
	busy    bool // with a frame
	taken   bool // its connection is being closed
}

var (
	errTaken   = errors.New("another client has taken the card")
	errCrowded = errors.New("too many clients wait for the card")
)

func (f *field) serve(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	conn := link.NewConn(nc)
	err := conn.ReadAhead()
	f.spoke(nc)
	if err != nil {
		return
	}
	c := &peer{session: &link.Session{
		Conn:       conn,
		Present:    f.Present,
		OnActivate: func() { f.tell(ServerEvent{Kind: Activated, Peer: nc.RemoteAddr()}) },
	}}
	c.session.Enter = func(ctx context.Context, command bool) error {
		if err := f.enter(ctx, c, command); err != nil {
			return err
		}
		if !c.came {
			c.came = true
			f.tell(ServerEvent{Kind: Came, Peer: nc.RemoteAddr()})
		}
		return nil
	}
	c.session.Leave = func() { f.answered(c) }
	err = c.session.Run(ctx)
	if c.came {
		f.tell(ServerEvent{Kind: Left, Peer: nc.RemoteAddr(), Err: err})
	}
	f.leave(c)
}

// enter gives the card to a client for a frame, when it is its turn.
func (f *field) enter(ctx context.Context, c *peer, command bool) error {
	f.mu.Lock()
	c.command = c.command || command
	former := f.holder
	switch {
	case c.taken:
		f.mu.Unlock()
		return errTaken
	case former == c:
		c.busy = true
		f.mu.Unlock()
		return nil
	case former == nil:
		f.give(c)
		f.mu.Unlock()
		return nil
	case !former.command && !former.busy:
		f.give(c)
		f.park(former)
		f.mu.Unlock()
		former.session.Drop()
		return nil
	case len(f.waiting) == maxWaiting:
		f.mu.Unlock()
		return errCrowded
	}
	f.unpark(c)
	c.turn = make(chan struct{})
	f.waiting = append(f.waiting, c)
	f.mu.Unlock()

	look := time.NewTicker(max(f.idle/10, time.Millisecond))
	defer look.Stop()
	for {
		select {
		case <-c.turn:
			return nil
		case <-ctx.Done():
			f.mu.Lock()
			f.waiting = slices.DeleteFunc(f.waiting, func(w *peer) bool { return w == c })
			f.mu.Unlock()
			return ctx.Err()
		case <-look.C:
			f.takeIdle()
		}
	}
}

// takeIdle ends the connection of a holder that has been idle for too long.
func (f *field) takeIdle() {
	f.mu.Lock()
	h := f.holder
	if h == nil || h.taken || h.session.Idle() < f.idle {
		f.mu.Unlock()
		return
	}
	h.taken = true
	busy := h.busy // with what is no command
	f.mu.Unlock()
	if busy {
		h.session.Conn.Close()
		return
	}
	h.session.Conn.Dismiss()
}

// give makes a client the holder. f.mu is held.
func (f *field) give(c *peer) {
	f.unpark(c)
	f.holder, c.busy = c, true
	c.session.Touch()
}

// pass gives the card to the next client. f.mu is held.
func (f *field) pass() {
	f.holder = nil
	if len(f.waiting) > 0 {
		next := f.waiting[0]
		f.waiting = slices.Delete(f.waiting, 0, 1)
		f.give(next)
		close(next.turn)
	}
}

// answered is called when a frame of the holder has its answer. A client without
// a command makes way for those that wait.
func (f *field) answered(c *peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.command && len(f.waiting) > 0 {
		f.mu.Unlock() // still busy: it stays the holder
		c.session.Drop()
		f.mu.Lock()
		f.park(c)
		f.pass()
	}
	c.busy = false
}

// leave forgets a client whose connection has ended.
func (f *field) leave(c *peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unpark(c)
	if f.holder == c {
		f.pass()
	}
}

// park keeps a client that has lost the card and may want it again. Of too many
// the first must go. f.mu is held.
func (f *field) park(c *peer) {
	if len(f.parked) == maxWaiting {
		f.parked[0].session.Conn.Close()
		f.parked = slices.Delete(f.parked, 0, 1)
	}
	f.parked = append(f.parked, c)
}

func (f *field) unpark(c *peer) {
	f.parked = slices.DeleteFunc(f.parked, func(p *peer) bool { return p == c })
}

func (f *field) tell(e ServerEvent) {
	if f.Observe == nil {
		return
	}
	f.observing.Lock()
	defer f.observing.Unlock()
	f.Observe(e)
}
