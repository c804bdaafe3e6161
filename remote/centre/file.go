package centre

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/remote"
)

// File is a fleet file: what a member connects with. It holds the seed of its key, so
// only its owner may read it. A File that is dialled must not be changed.
type File struct {
	V     int      `json:"v"`
	Fleet string   `json:"fleet"`
	Name  string   `json:"name"`
	Role  Role     `json:"role"`
	URLs  []string `json:"urls"`           // of NATS
	Join  string   `json:"join,omitempty"` // where permissions that ran out are got again
	JWT   string   `json:"jwt"`
	Seed  string   `json:"seed"`
	CA    string   `json:"ca,omitempty"` // PEM; empty: the authorities of the system
	// SystemCA is whether the authorities of the system count beside CA.
	SystemCA bool   `json:"system_ca,omitempty"`
	Trust    *Trust `json:"trust,omitempty"` // of a leaf
	Cert     string `json:"cert,omitempty"`  // of a leaf: PEM of what its server shows
	Key      string `json:"key,omitempty"`   // of a leaf: PEM of the key of that

	path string     // where it is, for what is renewed; empty: nowhere
	mu   sync.Mutex // of JWT and Trust
}

// LoadFile reads a fleet file. Errors name the file, the line and the member, and hold
// nothing of what it holds.
func LoadFile(path string) (*File, error) {
	f := new(File)
	if err := readSecret(path, "fleet file", f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("fleet file %s: %w", keytext.Harmless(path), err)
	}
	f.path = path
	return f, nil
}

// Write writes the file, for its owner alone. What is renewed later is written there
// too.
func (f *File) Write(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := writeSecret(path, "fleet file", f); err != nil {
		return err
	}
	f.path = path
	return nil
}

// check is an error if a file does not hold together.
func (f *File) check() error {
	if f.V != 1 {
		return fmt.Errorf("version %d, and this program knows 1: update it", f.V)
	}
	for _, n := range []struct{ what, name string }{{"fleet", f.Fleet}, {"name", f.Name}} {
		if err := remote.CheckName(n.name); err != nil {
			return fmt.Errorf("%s: %w", n.what, err)
		}
	}
	if !f.Role.valid() {
		return fmt.Errorf("role: no role %.40q: want %s", f.Role, roleWords())
	}
	if _, err := checkURLs(f.URLs); err != nil {
		return fmt.Errorf("urls: %w", err)
	}
	if f.Join != "" {
		if err := checkJoinURL(f.Join); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	if f.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(f.CA)) {
		return errors.New("ca: no certificate in it")
	}
	pair, err := fromSeed(f.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if f.Role == Leaf && f.Trust == nil {
		return errors.New("trust: a leaf needs to know whom it may let in")
	}
	if _, err := f.ServerTLS(); err != nil {
		return err
	}
	return f.checkJWT(f.JWT, public(pair))
}

// ServerTLS is what the server of a leaf shows; nil if the file has no certificate.
func (f *File) ServerTLS() (*tls.Config, error) {
	if f.Cert == "" && f.Key == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	text := []byte(f.Key)
	defer clear(text)
	pair, err := tls.X509KeyPair([]byte(f.Cert), text)
	if err != nil {
		return nil, errors.New("cert and key: they do not belong together, or are not PEM")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, nil
}

// checkJWT is an error if a JWT is not one of this member's key. Who signed it is for
// the server to judge.
func (f *File) checkJWT(text, key string) error {
	c, err := jwt.DecodeUserClaims(text)
	if err != nil {
		return errors.New("jwt: not one of a user")
	}
	if c.Subject != key {
		return errors.New("jwt: it is for another key than that of the seed")
	}
	return nil
}

// Subjects are those of the fleet.
func (f *File) Subjects() remote.Subjects { return remote.Subjects{Fleet: f.Fleet} }

// Expires is when the permissions run out that the file holds; zero if never.
func (f *File) Expires() time.Time {
	c, err := jwt.DecodeUserClaims(f.current())
	if err != nil || c.Expires == 0 {
		return time.Time{}
	}
	return time.Unix(c.Expires, 0)
}

// Permissions are those that the file holds now, as a JWT.
func (f *File) Permissions() string { return f.current() }

// Signer signs challenges of NATS with the key of the member.
func (f *File) Signer() (func(nonce []byte) ([]byte, error), error) {
	pair, err := fromSeed(f.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return nil, fmt.Errorf("fleet file: seed: %w", err)
	}
	return pair.Sign, nil
}

func (f *File) current() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.JWT
}

// renewed keeps permissions that were renewed, and writes them where the file is.
func (f *File) renewed(text string, trust *Trust) error {
	pair, err := fromSeed(f.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return err
	}
	if err := f.checkJWT(text, public(pair)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.JWT = text
	if f.Role == Leaf && trust != nil {
		f.Trust = trust
	}
	if f.path == "" {
		return nil
	}
	return writeSecret(f.path, "fleet file", f)
}

// Clone is a copy that shares nothing, and is nowhere on disk.
func (f *File) Clone() *File {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &File{V: f.V, Fleet: f.Fleet, Name: f.Name, Role: f.Role, URLs: slices.Clone(f.URLs), Join: f.Join, JWT: f.JWT, Seed: f.Seed, CA: f.CA, SystemCA: f.SystemCA, Cert: f.Cert, Key: f.Key}
	if f.Trust != nil {
		t := *f.Trust
		c.Trust = &t
	}
	return c
}
