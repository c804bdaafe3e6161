// Package natstest is for tests only: a NATS server with JetStream inside of the test.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/freeport"
)

// wait is longer than anything takes, on a loaded machine too.
const wait = time.Minute

// Server is a NATS server with JetStream in a temporary folder.
type Server struct {
	*server.Server
	URL string
	opt server.Options
	t   testing.TB
}

// Start starts a server that stops with the test. change, if not nil, changes its
// options.
func Start(t testing.TB, change func(*server.Options)) *Server {
	t.Helper()
	s := &Server{t: t, opt: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
	}}
	if change != nil {
		change(&s.opt)
	}
	if s.opt.Port == server.RANDOM_PORT {
		s.opt.Port = freeport.Take(t, 1)[0]
	}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) start() {
	s.t.Helper()
	opt := s.opt
	srv, err := server.NewServer(&opt)
	if err != nil {
		s.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(wait) {
		s.t.Fatal("the NATS server does not start")
	}
	s.Server, s.URL = srv, srv.ClientURL()
}

// Stop ends the server.
func (s *Server) Stop() {
	s.Shutdown()
	s.WaitForShutdown()
}

// Restart stops the server, calls change between, if it is not nil, and starts it again
// on the same port.
func (s *Server) Restart(between func(store string)) {
	s.t.Helper()
	s.Stop()
	if between != nil {
		between(s.opt.StoreDir)
	}
	s.start()
}

// Connect returns a connection that ends with the test.
func (s *Server) Connect(o ...nats.Option) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.URL, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond)}, o...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}
