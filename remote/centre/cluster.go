package centre

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/visible"
)

// Cluster is a NATS cluster of the user, with an operator of its own. The centre signs
// members with a signing key of the account that the fleet has there.
type Cluster struct {
	Account     string // the public key of the account
	SigningSeed string // of a signing key of the account, which the account JWT names
	URLs        []string
	CA          []byte // PEM of what vouches for its servers; nil: the authorities of the system
	// Revoke, if not nil, enters keys that are revoked into the account, and has the
	// cluster take it; it gets all of them each time. Without it a revoked member gets
	// no new permissions, and those that it has run out.
	Revoke func(keys []string) error
	// Replicas is on how many servers streams are kept, 1 to 5; 0: 1.
	Replicas int
	// SyncInterval is the sync_interval of its servers: for so long a message that was
	// acknowledged may be lost with the power. 0: they sync each message.
	SyncInterval time.Duration
}

// unsaid is the sync_interval of servers that nobody has told another one.
const unsaid = 2 * time.Minute

// clusterFile is what LoadCluster reads.
type clusterFile struct {
	V        int      `json:"v"`
	URLs     []string `json:"urls"`
	Account  string   `json:"account"`
	Signing  string   `json:"signing"`
	Operator string   `json:"operator,omitempty"`
	System   string   `json:"system,omitempty"`
	CA       string   `json:"ca,omitempty"`
	Replicas int      `json:"replicas,omitempty"`
	Sync     string   `json:"sync_interval,omitempty"`
}

// LoadCluster reads what the centre needs of a user's cluster: a JSON file that only its
// owner may read, with "v": 1, "urls" (tls://host:port), "account" (the public key of the
// account), "signing" (the seed of a signing key of it). For revocation at once also
// "operator" (the seed that signed the account) and "system" (a file
// of credentials in the system account); "ca" is a file of what vouches for the servers,
// if not the authorities of the system. "replicas" is on how many servers streams are
// kept, 1 if it is not said, and "sync_interval" what the servers have for it: "2m", as
// they have it of themselves, if it is not said, or "always". Relative names are looked
// for beside the file.
func LoadCluster(path string) (c *Cluster, err error) {
	const what = "cluster"
	var f clusterFile
	if err := readSecret(path, what, &f); err != nil {
		return nil, err
	}
	fail := func(err error) (*Cluster, error) {
		return nil, fmt.Errorf("%s %s: %w", what, keytext.Harmless(path), err)
	}
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	if f.V != 1 {
		return fail(fmt.Errorf("version %d, and this program knows 1", f.V))
	}
	c = &Cluster{Account: f.Account, SigningSeed: f.Signing, URLs: f.URLs}
	if err := c.check(); err != nil {
		return fail(err)
	}
	if c.Replicas = max(f.Replicas, 1); f.Replicas < 0 || f.Replicas > 5 {
		return fail(fmt.Errorf("replicas: %d, want 1 to 5", f.Replicas))
	}
	switch f.Sync {
	case "":
		c.SyncInterval = unsaid
	case "always":
	default:
		if c.SyncInterval, err = time.ParseDuration(f.Sync); err != nil || c.SyncInterval <= 0 {
			return fail(fmt.Errorf("sync_interval: %q, want what the servers have, such as 2m, or always", visible.Text(f.Sync)))
		}
	}
	if f.CA != "" {
		if c.CA, _, err = keytext.ReadFile(noContext, beside(f.CA), maxFile); err != nil {
			return fail(fmt.Errorf("ca: %w", err))
		}
		if !x509.NewCertPool().AppendCertsFromPEM(c.CA) {
			return fail(errors.New("ca: no certificate in it"))
		}
	}
	if (f.Operator == "") != (f.System == "") {
		return fail(errors.New("operator and system: revocation at once needs both"))
	}
	if f.Operator == "" {
		return c, nil
	}
	operator, err := fromSeed(f.Operator, nkeys.PrefixByteOperator)
	if err != nil {
		return fail(fmt.Errorf("operator: %w", err))
	}
	creds, info, err := keytext.ReadFile(noContext, beside(f.System), maxFile)
	if err != nil {
		return fail(fmt.Errorf("system: %w", err))
	}
	if err := private(f.System, "system", info); err != nil {
		return fail(err)
	}
	c.Revoke = func(keys []string) error { return c.revoke(operator, creds, keys) }
	return c, nil
}

// revoke enters keys into the account of the cluster, as its operator. What stands there
// else stays.
func (c *Cluster) revoke(operator nkeys.KeyPair, creds []byte, keys []string) error {
	secure, err := checkURLs(c.URLs)
	if err != nil {
		return err
	}
	opts := []nats.Option{nats.UserCredentialBytes(creds), nats.NoReconnect(), nats.Timeout(renewTime), nats.Name("desfire-server system")}
	if secure {
		t, err := (&File{CA: string(c.CA)}).tls()
		if err != nil {
			return err
		}
		t.MinVersion = tls.VersionTLS12
		opts = append(opts, nats.Secure(t))
	} else {
		opts = append(opts, nats.IgnoreDiscoveredServers())
	}
	nc, err := nats.Connect(strings.Join(c.URLs, ","), opts...)
	if err != nil {
		return fmt.Errorf("system account of the cluster: %w", err)
	}
	defer nc.Close()
	m, err := nc.Request("$SYS.REQ.ACCOUNT."+c.Account+".CLAIMS.LOOKUP", nil, renewTime)
	if err != nil {
		return fmt.Errorf("account of the cluster: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(string(m.Data))
	if err != nil || claims.Subject != c.Account {
		return errors.New("account of the cluster: its servers do not say what it is")
	}
	if claims.Issuer != public(operator) {
		// Its servers would take an account of another, and then let nobody in.
		return errors.New("account of the cluster: another key of an operator signed it than the one given here")
	}
	for _, key := range keys {
		claims.RevokeAt(key, forEver)
	}
	text, err := claims.Encode(operator)
	if err != nil {
		return err
	}
	if m, err = nc.Request("$SYS.REQ.CLAIMS.UPDATE", []byte(text), renewTime); err != nil {
		return fmt.Errorf("account of the cluster: %w", err)
	}
	var answer struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if json.Unmarshal(m.Data, &answer) != nil || answer.Error != nil {
		why := "an answer that is none"
		if answer.Error != nil {
			why = visible.Text(answer.Error.Description)
		}
		return fmt.Errorf("account of the cluster: not updated: %s: the resolver of its servers must take updates, and the operator be theirs", why)
	}
	return nil
}

func (c *Cluster) revokes() bool { return c.Revoke != nil }

func (c *Cluster) check() error {
	if !nkeys.IsValidPublicAccountKey(c.Account) {
		return errors.New("account of the cluster: want its public key, which begins with A")
	}
	if _, err := fromSeed(c.SigningSeed, nkeys.PrefixByteAccount); err != nil {
		return fmt.Errorf("signing key of the account: %w", err)
	}
	_, err := checkURLs(c.URLs)
	return err
}

// LaterError says that somebody is revoked, and still connected for a while, since the
// cluster of the user only knows when permissions run out.
type LaterError struct{ Until time.Time }

func (e *LaterError) Error() string {
	return fmt.Sprintf("revoked: it gets no new permissions, and those it has run out by %s; the cluster can close its connection now if the centre may update the account there", e.Until.UTC().Format(time.RFC3339))
}

func (c *Cluster) publish(f *registryFile, now, until time.Time) error {
	if c.Revoke == nil {
		return &LaterError{until}
	}
	var keys []string
	for _, m := range f.Members {
		if m.Revoked != nil && m.Expires.Add(24*time.Hour).After(now) {
			keys = append(keys, m.Key)
		}
	}
	if err := c.Revoke(keys); err != nil {
		return fmt.Errorf("revoked, and the cluster does not take it yet: %w", err)
	}
	return nil
}
