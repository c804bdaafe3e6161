package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote/centre"
)

// LeafConfig is where the server of a site listens.
type LeafConfig struct {
	Host   string      // an address; without TLS one of this machine
	Port   int         // -1: any that is free
	TLS    *tls.Config // nil: what the fleet file holds
	Dir    string      // where it keeps who is revoked
	Logger *slog.Logger
	Change func(*server.Options) // nil, or what changes the options last
}

// How often a leaf asks who is revoked, beside being told; and how soon after it got no
// answer, at first.
const (
	askEvery = 30 * time.Second
	askSoon  = 250 * time.Millisecond
)

// Leaf is the server of a site: agents there connect to it, and it to the centre. It
// lets in whom the operator of the fleet let in, unless it has heard that one is
// revoked. What it heard it keeps, on disk too, and never takes back. Cut off from the
// centre, it goes on with what it knows.
type Leaf struct {
	*Server
	file *centre.File
	conf LeafConfig
	log  *slog.Logger

	mu      sync.Mutex
	revoked map[string]int64
}

// StartLeaf starts the server of a site. The file is one of role leaf; its URLs are
// where the centre takes leaves.
func StartLeaf(f *centre.File, conf LeafConfig) (*Leaf, error) {
	if f.Role != centre.Leaf || f.Trust == nil {
		return nil, fmt.Errorf("fleet file of %s: it is one of role %s: want a leaf", f.Name, f.Role)
	}
	if conf.TLS == nil {
		var err error
		if conf.TLS, err = f.ServerTLS(); err != nil {
			return nil, fmt.Errorf("fleet file of %s: %w", f.Name, err)
		}
	}
	if conf.TLS == nil && !local(conf.Host) {
		return nil, errors.New("NATS server: without TLS it listens at addresses of this machine only")
	}
	l := &Leaf{file: f, conf: conf, log: conf.Logger}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if l.revoked, err = readRevoked(l.path()); err != nil {
		return nil, err
	}
	o, resolver, err := options(*f.Trust, "leaf-"+f.Name)
	if err != nil {
		return nil, err
	}
	o.Host, o.Port = conf.Host, conf.Port
	o.MaxControlLine = 16 * controlLine // its own permissions, for Run
	if conf.TLS != nil {
		o.TLS, o.TLSConfig = true, conf.TLS
	}
	up, err := l.upstream()
	if err != nil {
		return nil, err
	}
	o.LeafNode = server.LeafNodeOpts{ReconnectInterval: 2 * time.Second, Remotes: []*server.RemoteLeafOpts{up}}
	if conf.Change != nil {
		conf.Change(o)
	}
	l.Server, err = start(o, resolver, f.Trust.AccountKey, conf.Logger, func(s *Server) error {
		l.Server = s
		return l.hear(f.Trust.Account)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// At is where agents of the site connect: by a name in the certificate, if the leaf
// listens at all addresses.
func (l *Leaf) At() string {
	u, err := url.Parse(l.ClientURL())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() && l.conf.TLS != nil {
		for _, c := range l.conf.TLS.Certificates {
			if i := slices.IndexFunc(c.Leaf.DNSNames, func(n string) bool { return n != "localhost" }); i >= 0 {
				u.Host = net.JoinHostPort(c.Leaf.DNSNames[i], u.Port())
			}
		}
	}
	return u.String()
}

func (l *Leaf) path() string { return filepath.Join(l.conf.Dir, "revoked.json") }

// upstream is the connection to the centre.
func (l *Leaf) upstream() (*server.RemoteLeafOpts, error) {
	f := l.file
	sign, err := f.Signer()
	if err != nil {
		return nil, err
	}
	up := &server.RemoteLeafOpts{
		LocalAccount: f.Trust.AccountKey,
		SignatureCB: func(nonce []byte) (string, []byte, error) {
			sig, err := sign(nonce)
			return f.Permissions(), sig, err
		},
		DialTimeout: 10 * time.Second, FirstInfoTimeout: 10 * time.Second,
	}
	for _, text := range f.URLs {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("fleet file of %s: %w", f.Name, err)
		}
		if u.Scheme == "tls" {
			up.TLS, up.TLSTimeout = true, 30
			up.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			if f.CA != "" {
				up.TLSConfig.RootCAs = x509.NewCertPool()
				up.TLSConfig.RootCAs.AppendCertsFromPEM([]byte(f.CA))
				up.TLSConfig.MinVersion = tls.VersionTLS13
			}
		} else if !local(u.Hostname()) {
			return nil, fmt.Errorf("fleet file of %s: address %q without TLS", f.Name, text)
		}
		u.Scheme = map[bool]string{true: "tls", false: "nats-leaf"}[up.TLS]
		up.URLs = append(up.URLs, u)
	}
	return up, nil
}

// hear takes the account as the centre signed it, with all that are revoked in it or
// were before: an older one, which somebody kept, takes nothing back.
func (l *Leaf) hear(text string) error {
	claims, err := account(*l.file.Trust, l.file.Trust.AccountKey, text)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.revoked)
	if all == nil {
		all = map[string]int64{}
	}
	for key, at := range claims.Revocations {
		all[key] = max(all[key], at)
	}
	if claims.Revocations == nil {
		claims.Revocations = jwt.RevocationList{}
	}
	maps.Copy(claims.Revocations, all)
	// First the connections: whether it can be written must not matter for them.
	if err := l.take(claims, ""); err != nil {
		return err
	}
	grew := len(all) != len(l.revoked)
	l.revoked = all
	if grew {
		return writeRevoked(l.path(), all)
	}
	return nil
}

// Run hears from the centre who is revoked, and renews the permissions of the leaf,
// until the context ends; then the server has stopped.
func (l *Leaf) Run(ctx context.Context) error {
	defer l.Stop()
	nc, err := l.file.Dial(ctx, &centre.DialConfig{Offline: true, Client: "leaf", Logger: l.log, Inside: l.Server})
	if err != nil {
		return err
	}
	defer nc.Close()
	news, err := nc.Subscribe(l.file.Subjects().News(), func(m *nats.Msg) {
		if err := l.hear(string(m.Data)); err != nil {
			l.log.Warn("news of the fleet are not taken", "error", err)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = news.Unsubscribe() }()
	for short := askSoon; ; {
		// What was said while the leaf was cut off, or got lost: ask again and again.
		wait := askEvery
		trust, err := l.file.AskTrust(ctx, nc)
		if err == nil {
			err = l.hear(trust.Account)
		}
		if err != nil {
			wait, short = short, min(2*short, askSoon<<4)
			l.log.Debug("the centre does not say who is revoked", "error", err)
		} else {
			short = askSoon
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
