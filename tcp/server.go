package tcp

import (
	"cmp"
	"context"
	"fmt"
	"net"
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
// from it, which an empty frame tells it before its connection is closed. From a
// client that has sent no command at all, as one that only watches, the card is
// taken without a word and at once, and comes back with its next command.
//
// Who lifts the card calls Lift.
type Server struct {
	// Present puts the card into the field. Its error closes the connection.
	Present func(ctx context.Context) (Card, error)
	// Idle is how long a client without a command keeps the card from a waiting
	// one; zero is 2 s. A control, as the request for the answer to reset, is no
	// command.
	Idle time.Duration
	// Observe is told what happens, if not nil. Calls do not overlap.
	Observe func(ServerEvent)

	mu    sync.Mutex
	conns map[net.Conn]bool // accepted, not ended
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
		s.accepted(nc)
		f.silence(ctx, nc)
		clients.Go(func() {
			defer s.ended(nc)
			f.serve(ctx, nc)
		})
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
