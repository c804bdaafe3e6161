package agent

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// maxOut bounds what waits for a network that is stuck. What comes on top is dropped:
// an event is a gap then, that the next hello mends, and an answer is lost.
const maxOut = 4 << 20

// outbox sends messages in order, without holding up whoever has one.
type outbox struct {
	conn *nats.Conn
	mu   sync.Mutex
	wait []outgoing
	size int
	more chan struct{}
	end  chan struct{}
}

type outgoing struct {
	subject string
	data    []byte
}

func newOutbox(conn *nats.Conn) *outbox {
	return &outbox{conn: conn, more: make(chan struct{}, 1), end: make(chan struct{})}
}

func (o *outbox) put(subject string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+len(data) > maxOut {
		return
	}
	o.wait = append(o.wait, outgoing{subject, data})
	o.size += len(data)
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *outbox) run() {
	for ended := false; ; {
		o.mu.Lock()
		batch := o.wait
		o.wait, o.size = nil, 0
		o.mu.Unlock()
		for _, m := range batch {
			if o.conn.IsConnected() { // or it would be told later, as news
				_ = o.conn.Publish(m.subject, m.data) // lost: see maxOut
			}
		}
		if ended {
			return
		}
		select {
		case <-o.more:
		case <-o.end:
			ended = true // and what was put before that is still sent
		}
	}
}

// stop ends run when all is with the connection, called once.
func (o *outbox) stop() { close(o.end) }
