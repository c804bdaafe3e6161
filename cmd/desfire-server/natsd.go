package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/go-desfire/desfire/cmd/desfire-server/node"
	"github.com/go-desfire/desfire/remote/centre"
)

// natsd is the embedded NATS server, which can be started anew. With a cluster of the
// user there is none: it is nil, and its methods do nothing.
type natsd struct {
	auth *centre.Authority
	conf node.HubConfig

	mu  sync.Mutex
	now *node.Server // nil while it does not run
}

// Those that are connected are told to leave over so long when the server ends.
const (
	lameDuck  = 3 * time.Second
	lameGrace = 200 * time.Millisecond
)

// newNATS makes the server of a fleet, which does not run yet.
func newNATS(log *slog.Logger, auth *centre.Authority, dir string, at, leafs *address) *natsd {
	conf := node.HubConfig{Dir: dir, Name: "desfire-" + auth.Fleet(), TLS: !at.own, Logger: log, Change: func(o *server.Options) {
		o.JetStreamMaxMemory = 64 << 20
		o.MaxPending, o.WriteDeadline = 64<<20, 10*time.Second
		o.LameDuckDuration, o.LameDuckGracePeriod = lameDuck, lameGrace
	}}
	conf.Host, conf.Port = at.listens()
	if leafs != nil {
		conf.LeafHost, conf.LeafPort = leafs.listens()
		conf.LeafTLS = !leafs.own
	}
	return &natsd{auth: auth, conf: conf}
}

// start starts the server, anew if it was stopped.
func (d *natsd) start() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := node.Hub(d.auth, d.conf)
	if err != nil {
		return err
	}
	if !s.JetStreamEnabled() {
		s.Stop()
		return fmt.Errorf("JetStream does not start in %s; the log says why", d.conf.Dir)
	}
	d.now = s
	return nil
}

// stop ends the server. Those that are connected are told before, if gently.
func (d *natsd) stop(gently bool) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now == nil {
		return
	}
	if gently {
		d.now.LameDuckShutdown()
	}
	d.now.Stop()
	d.now = nil
}

// server is the one that runs; nil if none does.
func (d *natsd) server() *node.Server {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

var errRestart = errors.New("NATS is being started anew")

// InProcessConn connects the services of this process, after a restart again.
func (d *natsd) InProcessConn() (net.Conn, error) {
	if s := d.server(); s != nil {
		return s.InProcessConn()
	}
	return nil, errRestart
}

// storing is an error if JetStream takes nothing down any more.
func (d *natsd) storing() error {
	if d == nil {
		return nil // its administrators see to that
	}
	switch s := d.server(); {
	case s == nil:
		return errRestart
	case !s.JetStreamEnabled():
		return errors.New("JetStream has stopped, since it could not write")
	}
	return nil
}
