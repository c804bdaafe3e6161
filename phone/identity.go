package phone

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Fingerprint is the SHA-256 of a public key, as certificates hold it
// (SubjectPublicKeyInfo). In text it is 64 hexadecimal digits.
type Fingerprint [sha256.Size]byte

func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(f) {
		return fmt.Errorf("the fingerprint of a key is %d hexadecimal digits", 2*len(f))
	}
	copy(f[:], raw)
	return nil
}

// identity is the key of one end, with a certificate that says nothing but that.
type identity struct {
	key  *ecdsa.PrivateKey
	cert tls.Certificate
	id   Fingerprint
}

func newIdentity() (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return identityOf(key)
}

// identityOf makes the certificate of a key. It is valid always: whether a key counts
// says the other end's list, and clocks of phones are what they are.
func identityOf(key *ecdsa.PrivateKey) (*identity, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "desfire-phone"},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &identity{
		key:  key,
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		id:   sha256.Sum256(leaf.RawSubjectPublicKeyInfo),
	}, nil
}

// parseIdentity reads the private key that encode wrote.
func parseIdentity(der []byte) (*identity, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() { // err may hold bytes of the key
		return nil, errors.New("the private key is not a P-256 key in PKCS #8")
	}
	return identityOf(key)
}

func (i *identity) encode() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(i.key) }

// errKeyKind is what is said to certificates with other keys.
var errKeyKind = errors.New("the certificate of the other end has no P-256 key")

// peerOf is the key of the other end, who has proved in the handshake to have it.
func peerOf(state *tls.ConnectionState) (Fingerprint, error) {
	if len(state.PeerCertificates) == 0 {
		return Fingerprint{}, errors.New("the other end shows no certificate")
	}
	leaf := state.PeerCertificates[0]
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return Fingerprint{}, errKeyKind
	}
	return sha256.Sum256(leaf.RawSubjectPublicKeyInfo), nil
}

// tls is what both ends ask of a connection. Who the other end is, verify decides by its
// key; there is no other authority.
func (i *identity) tls(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{i.cert},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, //nolint:gosec // VerifyConnection compares the key
		VerifyConnection:       verify,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
	}
}
