package centre

import (
	"errors"
	"log/slog"
	"net"
	"sync"
)

// reasons logs why there is no connection: each reason once, until there is one again.
type reasons struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

// manyReasons bounds what is remembered, as servers may say what they like.
const manyReasons = 64

func (r *reasons) say(err error) {
	key := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil { // without our own port, which is another each time
		key = op.Op + " " + op.Addr.String() + ": " + op.Err.Error()
	}
	r.mu.Lock()
	fresh := !r.said[key] && len(r.said) < manyReasons
	if r.said == nil {
		r.said = map[string]bool{}
	}
	if fresh {
		r.said[key] = true
	}
	r.mu.Unlock()
	if fresh {
		r.log.Warn("not connected to the fleet", "error", explain(err))
	}
}

func (r *reasons) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.said)
}
