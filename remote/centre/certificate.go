package centre

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// How long certificates last, and how early a server's own is made anew.
const (
	authorityLasts = 20 * 365 * 24 * time.Hour
	serverLasts    = 2 * 365 * 24 * time.Hour
	serverEarly    = 90 * 24 * time.Hour
)

// certificates are what a server shows, and the authority behind it.
type certificates struct {
	server tls.Certificate
	ca     []byte // PEM of what vouches for it; nil if the system's authorities do
	signer *signer
}

// signer is an authority of the fleet's own.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// Fingerprint is the SHA-256 of a certificate, in hexadecimal digits.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// ownCertificates reads the certificates of a folder, or makes them. hosts are the names
// and addresses that the server is reached by, beside those of this machine itself.
func ownCertificates(dir, fleet string, hosts []string, now time.Time) (*certificates, error) {
	ca, err := openSigner(dir, fleet, now)
	if err != nil {
		return nil, err
	}
	certName, keyName := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	hosts = append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	pair, err := readPair(certName, keyName, true)
	if err == nil && serves(pair.Leaf, ca.cert, hosts, now.Add(serverEarly)) {
		return &certificates{server: pair, ca: ca.pem, signer: ca}, nil
	}
	// None yet, an old one, one of other names, or half of one after a crash.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := ca.sign(&key.PublicKey, hosts, now, now.Add(serverLasts))
	if err != nil {
		return nil, err
	}
	// The key first: a certificate of another key would not be read.
	if err := writeKey(keyName, key); err != nil {
		return nil, err
	}
	if err := writeText(certName, cert); err != nil {
		return nil, err
	}
	pair, err = readPair(certName, keyName, true)
	if err != nil {
		return nil, err
	}
	return &certificates{server: pair, ca: ca.pem, signer: ca}, nil
}

// userCertificates are files of the user. ca may be empty: the authorities of the
// system vouch for it then.
func userCertificates(cert, key, ca string) (*certificates, error) {
	pair, err := readPair(cert, key, false)
	if err != nil {
		return nil, err
	}
	c := &certificates{server: pair}
	if ca != "" {
		if c.ca, _, err = keytext.ReadFile(noContext, ca, maxFile); err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(c.ca) {
			return nil, fmt.Errorf("certificate authority: file %s: no certificate in it", keytext.Harmless(ca))
		}
	}
	return c, nil
}

// serves reports whether a certificate is one of an authority's for all of hosts at a
// time.
func serves(cert, ca *x509.Certificate, hosts []string, at time.Time) bool {
	if cert.CheckSignatureFrom(ca) != nil || at.After(cert.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(hosts, func(h string) bool { return cert.VerifyHostname(h) != nil })
}

func openSigner(dir, fleet string, now time.Time) (*signer, error) {
	certName, keyName := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	pair, err := readPair(certName, keyName, true)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSigner(certName, keyName, fleet, now)
	}
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("certificate %s: not of an authority with an ECDSA key", keytext.Harmless(certName))
	}
	return &signer{pair.Leaf, key, encodeCert(pair.Leaf.Raw)}, nil
}

func makeSigner(certName, keyName, fleet string, now time.Time) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "desfire fleet " + fleet},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLasts),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := writeKey(keyName, key); err != nil {
		return nil, err
	}
	if err := writeText(certName, encodeCert(der)); err != nil {
		return nil, err
	}
	return &signer{cert, key, encodeCert(der)}, nil
}

// sign makes a server's certificate, as PEM.
func (s *signer) sign(key *ecdsa.PublicKey, hosts []string, from, to time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "desfire-server"},
		NotBefore: from.Add(-time.Hour), NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if h != "" {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.cert, key, s.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	return encodeCert(der), nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(der)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	defer clear(text)
	return writeText(path, text)
}

func writeText(path string, text []byte) error {
	return wholefile.Write(path, ".new-", func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// readPair reads a certificate and its key, of two files; those that are our own only
// their owner may read. Errors hold nothing of them; the one where there is no file at
// all is an fs.ErrNotExist.
func readPair(certName, keyName string, own bool) (tls.Certificate, error) {
	if _, err := os.Stat(certName); err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	cert, _, err := keytext.ReadFile(noContext, certName, maxFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	key, info, err := keytext.ReadFile(noContext, keyName, maxFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key of the certificate: %w", err)
	}
	defer clear(key)
	if own {
		if err := private(keyName, "key of the certificate", info); err != nil {
			return tls.Certificate{}, err
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s and key %s: they do not belong together, or are not PEM", keytext.Harmless(certName), keytext.Harmless(keyName))
	}
	return pair, nil
}
