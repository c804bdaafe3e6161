package centre

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/remote"
)

// Config says what an authority is for.
type Config struct {
	Dir   string // where it keeps keys and members; made if it is not there
	Fleet string // its name
	// URLs are where members connect to NATS: tls://host:port, or nats:// with a
	// loopback address.
	URLs []string
	// LeafURLs are where servers of sites connect, in the same form; none: they cannot.
	LeafURLs []string
	// JoinURL is where Handler can be reached: https://host:port, or http:// with a
	// loopback address.
	JoinURL string
	// Hosts are the names and addresses of the server, for a certificate of the fleet's
	// own. With Cert and Key, PEM files of the user, there is none; CA is what vouches
	// for them, if not the authorities of the system.
	Hosts         []string
	Cert, Key, CA string
	// Cluster is the user's own cluster, if there is one: its addresses stand in place of
	// URLs.
	Cluster *Cluster
	// Lasts is how long permissions are valid; they are renewed before. 0 means 30
	// days, or an hour in a cluster where revocation only ends by that.
	Lasts  time.Duration
	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: the clock
}

// Authority says who may take part in a fleet. Its methods may be used by several
// goroutines.
type Authority struct {
	conf   Config
	lock   *filelock.Lock
	keys   *ownKeys // nil in a cluster of the user
	certs  *certificates
	issuer nkeys.KeyPair // who signs members
	limit  *limiter

	mu      sync.Mutex
	members *registry
	seen    map[string]time.Time // not yet written
	account string               // JWT of the account; empty in a cluster of the user
	apply   func(accountJWT string) error
	news    func()
}

// Open reads the keys and the members of a folder, which no other process may have open,
// and makes them the first time. The files are its owner's alone.
func Open(conf Config) (*Authority, error) {
	if err := conf.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(conf.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the centre: %w", err)
	}
	lock, err := filelock.Take(filelock.Name(filepath.Join(conf.Dir, registryName)), "desfire-server")
	if err != nil {
		return nil, fmt.Errorf("folder of the centre %s: %w", keytext.Harmless(conf.Dir), err)
	}
	a := &Authority{conf: conf, lock: lock, limit: newLimiter(conf.Now), seen: map[string]time.Time{}}
	if err := a.open(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return a, nil
}

func (a *Authority) open() (err error) {
	conf := &a.conf
	if a.members, err = openRegistry(conf.Dir); err != nil {
		return err
	}
	if conf.Cert != "" {
		a.certs, err = userCertificates(conf.Cert, conf.Key, conf.CA)
	} else {
		a.certs, err = ownCertificates(conf.Dir, conf.Fleet, conf.Hosts, conf.Now())
	}
	if err != nil {
		return err
	}
	if conf.Cluster != nil {
		a.issuer, err = fromSeed(conf.Cluster.SigningSeed, nkeys.PrefixByteAccount)
		if err != nil {
			return fmt.Errorf("signing key of the account: %w", err)
		}
		return nil
	}
	if a.keys, err = openKeys(conf.Dir, conf.Fleet); err != nil {
		return err
	}
	a.issuer = a.keys.account
	a.account, err = a.signAccount(&a.members.now, true)
	return err
}

func (c *Config) check() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Lasts == 0 {
		c.Lasts = 30 * 24 * time.Hour
		if c.Cluster != nil && !c.Cluster.revokes() {
			c.Lasts = time.Hour
		}
	}
	if err := remote.CheckName(c.Fleet); err != nil {
		return fmt.Errorf("name of the fleet: %w", err)
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("certificate of the server: want the certificate and its key, or neither")
	}
	for _, h := range c.Hosts {
		if u, err := url.Parse("https://" + h); net.ParseIP(h) == nil && (err != nil || u.Host != h || u.Port() != "") {
			return fmt.Errorf("name of the server %.60q: want a name or an address alone", h)
		}
	}
	if c.Cluster != nil {
		if err := c.Cluster.check(); err != nil {
			return err
		}
		c.URLs = c.Cluster.URLs
	}
	if _, err := checkURLs(c.URLs); err != nil {
		return err
	}
	if len(c.LeafURLs) > 0 {
		if _, err := checkURLs(c.LeafURLs); err != nil {
			return err
		}
	}
	return checkJoinURL(c.JoinURL)
}

// Close writes when members were last seen and gives the folder up.
func (a *Authority) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.writeSeen(), a.lock.Release())
}

// Fleet is the name of the fleet.
func (a *Authority) Fleet() string { return a.conf.Fleet }

// TLS is what the servers of the centre show, for NATS and for HTTPS. The caller owns
// it.
func (a *Authority) TLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.certs.server}, MinVersion: tls.VersionTLS13}
}

// CA is the PEM of what vouches for the certificate; nil if the authorities of the
// system do.
func (a *Authority) CA() []byte { return slices.Clone(a.certs.ca) }

// Fingerprint is that of the certificate.
func (a *Authority) Fingerprint() string { return Fingerprint(a.certs.server.Leaf.Raw) }

// Members are all that ever joined, by name. The caller owns them.
func (a *Authority) Members() []Member {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Clone(a.members.now.Members)
	for i := range out {
		m := &out[i]
		if at, ok := a.seen[m.Key]; ok {
			m.Seen = &at
		}
		m.Agents, m.Hosts, m.URLs = slices.Clone(m.Agents), slices.Clone(m.Hosts), slices.Clone(m.URLs)
	}
	return out
}

// Trust is what a server needs to know whom it may let in: JWTs of operator, system
// account and account, each signed by the operator, and the names of the accounts.
type Trust struct {
	Operator      string `json:"operator"`
	System        string `json:"system"`
	SystemAccount string `json:"system_account"`
	Account       string `json:"account"`
	AccountKey    string `json:"account_key"`
}

// Trust is what the embedded server needs. In a cluster of the user it is empty.
func (a *Authority) Trust() (Trust, error) {
	if a.keys == nil {
		return Trust{}, errors.New("the cluster of the user has an operator of its own")
	}
	op := jwt.NewOperatorClaims(public(a.keys.operator))
	op.Name, op.SystemAccount = "desfire-"+a.conf.Fleet, public(a.keys.system)
	operator, err := op.Encode(a.keys.operator)
	if err != nil {
		return Trust{}, err
	}
	sys := jwt.NewAccountClaims(public(a.keys.system))
	sys.Name = "system"
	system, err := sys.Encode(a.keys.operator)
	if err != nil {
		return Trust{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return Trust{operator, system, sys.Subject, a.account, public(a.keys.account)}, nil
}

// Apply sets what is called with the JWT of the account whenever somebody is revoked:
// the embedded server takes it, and closes the connections of that member. It returns
// when they are closed.
func (a *Authority) Apply(f func(accountJWT string) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.apply = f
}

// leafTrust is Trust for the server of a site, which has no streams.
func (a *Authority) leafTrust() (Trust, error) {
	t, err := a.Trust()
	if err != nil {
		return Trust{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Account, err = a.signAccount(&a.members.now, false)
	return t, err
}

// signAccount signs the account of the fleet with all that are revoked and could still
// have permissions.
func (a *Authority) signAccount(f *registryFile, streams bool) (string, error) {
	c := jwt.NewAccountClaims(public(a.keys.account))
	c.Name = "fleet-" + a.conf.Fleet
	if streams {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	}
	c.Limits.DisallowBearer = true
	// Whoever has no permissions of its own gets none from the account.
	c.DefaultPermissions = jwt.Permissions{Pub: jwt.Permission{Deny: []string{">"}}, Sub: jwt.Permission{Deny: []string{">"}}}
	revoke(c, f, a.conf.Now())
	return c.Encode(a.keys.operator)
}

// revoke enters who is revoked: whatever was signed or will be signed for the key.
func revoke(c *jwt.AccountClaims, f *registryFile, now time.Time) {
	for _, m := range f.Members {
		if m.Revoked != nil && m.Expires.Add(24*time.Hour).After(now) {
			c.RevokeAt(m.Key, forEver)
		}
	}
}

// forEver is later than any time at which something is signed.
var forEver = time.Unix(1<<52, 0)
