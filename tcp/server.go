package tcp

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/link"
)

// Card is a card in the field from one activation to the end of it: a
// desfire.Transport. It may be an io.Closer, closed when the field is gone,
// and have ATR() []byte. After an error of Transmit the card counts as gone.
type Card = link.Card

// Server presents one card to whoever connects, one connection at a time.
//
// A client comes when it has sent a frame, and clients come in that order; those
// that connect and say nothing keep the card from nobody. The card is activated
// by the first frame that needs it, and anew after each power-off, power-on and
// reset. When the card fails, its connection is closed. A second client waits
// until the first leaves, or has sent no command for Idle: then the card is taken
// from it.
type Server struct {
	// Present puts the card into the field. Its error closes the connection.
	Present func(ctx context.Context) (Card, error)
	// Idle is how long a client without a command keeps the card from a waiting
	// one; zero is 2 s. A request for the answer to reset is no command.
	Idle time.Duration
	// Observe is told what happens, if not nil. Calls do not overlap.
	Observe func(ServerEvent)
}

// ServerEvent is one thing that happened to a Server.
type ServerEvent struct {
	Kind ServerEventKind
	Peer net.Addr
	Err  error // Left: what ended the connection, io.EOF if the peer closed it
}

// ServerEventKind is what happened.
type ServerEventKind uint8

// Kinds of events.
const (
	Came      ServerEventKind = iota + 1 // a client has the card's attention
	Activated                            // the card was activated for it
	Left                                 // its connection has ended
)

func (k ServerEventKind) String() string {
	names := [...]string{"", "came", "activated", "left"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// maxWaiting bounds the clients that wait for the card, of which more are turned
// away, and those that have said nothing yet, of which the oldest must go.
const maxWaiting = 32

// grace is how long a client has for its first frame before it must make room:
// else many that come at once would push out one whose frame is on its way.
const grace = 200 * time.Millisecond

// Listen opens addr for Serve. Without a host, as in ":9000", it listens on
// the loopback interface only: whoever reaches the port has the card.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want HOST:PORT or :PORT: %w", addr, err)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port))
}

// Serve presents a card at l until ctx ends, which is no error. It closes l.
func Serve(ctx context.Context, l net.Listener, present func(ctx context.Context) (Card, error)) error {
	return (&Server{Present: present}).Serve(ctx, l)
}

// Serve presents the card at l until ctx ends, which is no error. It closes l,
// ends all connections, and returns when they are gone.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()

	f := &field{Server: s, idle: cmp.Or(s.Idle, 2*time.Second), room: make(chan struct{}, 1)}
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case err != nil:
			if pause = min(pause*2+10*time.Millisecond, time.Second); !temporary(err) {
				return fmt.Errorf("present a card: %w", err)
			}
			sleep(ctx, pause)
			continue
		}
		pause = 0
		f.silence(ctx, nc)
		clients.Go(func() { f.serve(ctx, nc) })
	}
}

// temporary reports whether accepting may work again: no file descriptors
// left, or a client that went before it was accepted.
func temporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// field is where the card is: at one connection.
type field struct {
	*Server
	idle time.Duration

	room chan struct{} // a silent client has spoken or left

	mu      sync.Mutex // guards what follows
	silent  []quiet    // connected, the first frame has not come
	taken   bool
	waiting []chan struct{} // closed when its turn has come
	current *link.Session

	observing sync.Mutex
}

func (f *field) serve(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	conn := link.NewConn(nc)
	err := conn.ReadAhead()
	f.spoke(nc)
	if err != nil || !f.enter(ctx) {
		return
	}
	defer f.leave()
	s := &link.Session{
		Conn:       conn,
		Present:    f.Present,
		OnActivate: func() { f.tell(ServerEvent{Kind: Activated, Peer: nc.RemoteAddr()}) },
	}
	f.tell(ServerEvent{Kind: Came, Peer: nc.RemoteAddr()})
	f.set(s)
	err = s.Run(ctx)
	f.set(nil)
	f.tell(ServerEvent{Kind: Left, Peer: nc.RemoteAddr(), Err: err})
}

// quiet is a connection that has said nothing yet.
type quiet struct {
	net.Conn
	since time.Time
}

// silence adds a connection that has said nothing yet. It may have to wait until
// the oldest of them has had its time.
func (f *field) silence(ctx context.Context, nc net.Conn) {
	for !f.makeRoom(nc) {
		wait := time.NewTimer(f.untilRoom())
		select {
		case <-f.room:
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (f *field) makeRoom(nc net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.silent) == maxWaiting {
		if time.Since(f.silent[0].since) < grace {
			return false
		}
		f.silent[0].Close()
		f.silent = slices.Delete(f.silent, 0, 1)
	}
	f.silent = append(f.silent, quiet{nc, time.Now()})
	return true
}

func (f *field) untilRoom() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.silent) < maxWaiting {
		return 0
	}
	return grace - time.Since(f.silent[0].since)
}

func (f *field) spoke(nc net.Conn) {
	f.mu.Lock()
	f.silent = slices.DeleteFunc(f.silent, func(c quiet) bool { return c.Conn == nc })
	f.mu.Unlock()
	select {
	case f.room <- struct{}{}:
	default:
	}
}

// enter waits for the card, first come, first served.
func (f *field) enter(ctx context.Context) bool {
	f.mu.Lock()
	if !f.taken {
		f.taken = true
		f.mu.Unlock()
		return true
	}
	if len(f.waiting) == maxWaiting {
		f.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	f.waiting = append(f.waiting, turn)
	f.mu.Unlock()

	look := time.NewTicker(max(f.idle/10, time.Millisecond))
	defer look.Stop()
	for {
		select {
		case <-turn:
			return true
		case <-ctx.Done():
			f.giveUp(turn)
			return false
		case <-look.C:
			f.mu.Lock()
			if f.current != nil && f.current.Idle() >= f.idle {
				f.current.Conn.Close()
			}
			f.mu.Unlock()
		}
	}
}

// giveUp takes a client out of the queue. If its turn has come it passes it on.
func (f *field) giveUp(turn chan struct{}) {
	f.mu.Lock()
	before := len(f.waiting)
	f.waiting = slices.DeleteFunc(f.waiting, func(c chan struct{}) bool { return c == turn })
	come := len(f.waiting) == before
	f.mu.Unlock()
	if come {
		f.leave()
	}
}

// leave gives the card to the next client.
func (f *field) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		f.taken = false
		return
	}
	close(f.waiting[0])
	f.waiting = slices.Delete(f.waiting, 0, 1)
}

func (f *field) set(s *link.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = s
}

func (f *field) tell(e ServerEvent) {
	if f.Observe == nil {
		return
	}
	f.observing.Lock()
	defer f.observing.Unlock()
	f.Observe(e)
}
