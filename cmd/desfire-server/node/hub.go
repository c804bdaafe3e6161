package node

import (
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/go-desfire/desfire/remote/centre"
)

// HubConfig is where the server of the centre listens, and where its streams are.
type HubConfig struct {
	Host     string // an address; without TLS one of this machine
	Port     int    // -1: any that is free
	LeafHost string
	LeafPort int    // for servers of sites; 0: none
	Dir      string // of JetStream
	Name     string // of the server; empty: of the machine
	TLS      bool   // for agents; off loopback it must be
	LeafTLS  bool   // the same for servers of sites
	Logger   *slog.Logger
	Change   func(*server.Options) // nil, or what changes the options last
}

// Hub starts the server of the centre. It trusts the operator of the authority, and
// closes connections as that revokes. What JetStream acknowledges is on the disk.
func Hub(a *centre.Authority, conf HubConfig) (*Server, error) {
	if !conf.TLS && !local(conf.Host) || !conf.LeafTLS && conf.LeafPort != 0 && !local(conf.LeafHost) {
		return nil, errors.New("NATS server: without TLS it listens at addresses of this machine only")
	}
	trust, err := a.Trust()
	if err != nil {
		return nil, err
	}
	if conf.Name == "" {
		conf.Name, _ = os.Hostname()
	}
	o, resolver, err := options(trust, conf.Name)
	if err != nil {
		return nil, err
	}
	o.Host, o.Port = conf.Host, conf.Port
	o.JetStream, o.StoreDir, o.SyncAlways = true, conf.Dir, true
	if conf.TLS {
		o.TLS, o.TLSConfig = true, a.TLS()
	}
	if conf.LeafPort != 0 {
		o.LeafNode = server.LeafNodeOpts{Host: conf.LeafHost, Port: conf.LeafPort, AuthTimeout: 30, TLSTimeout: 30}
		if conf.LeafTLS {
			o.LeafNode.TLSConfig = a.TLS()
		}
	}
	if conf.Change != nil {
		conf.Change(o)
	}
	s, err := start(o, resolver, trust.AccountKey, conf.Logger, nil)
	if err != nil {
		return nil, err
	}
	a.Apply(func(text string) error {
		claims, err := account(trust, trust.AccountKey, text)
		if err != nil {
			return err
		}
		return s.take(claims, text)
	})
	return s, nil
}

// local reports whether an address is one of this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
