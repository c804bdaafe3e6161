package centre

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/remote"
)

// joinTries is how often a request is sent whose answer does not come.
const joinTries = 3

// Join joins a fleet by a line that its centre printed: it makes a key, sends the
// public half, and returns what to connect with. name, if not empty, is whom the line
// must be for. The caller writes the file: the seed is nowhere else.
func Join(ctx context.Context, line, name string) (*File, error) {
	l, err := ParseLine(line)
	if err != nil {
		return nil, err
	}
	if name != "" && name != l.Name {
		return nil, fmt.Errorf("the join line is for %s, not for %.40q", l.Name, name)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	return join(ctx, l, pair)
}

// pending is what a joining keeps until it has its answer.
type pending struct {
	Hash string `json:"hash"` // of the token
	Seed string `json:"seed"`
}

// JoinTo is Join that writes the fleet file, which must not be there yet. If it ends
// before it has an answer, it goes on with the same key when it is called again with
// the same line and path: the centre answers it again.
func JoinTo(ctx context.Context, line, path string) (*File, error) {
	l, err := ParseLine(line)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("fleet file %q is there already: this machine has joined; remove it to join anew", path)
	}
	const what = "key of a joining"
	at := path + ".joining"
	var p pending
	if err := readSecret(at, what, &p); err != nil || p.Hash != hashToken(l.Token) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return nil, err
		}
		seed, err := pair.Seed()
		if err != nil {
			return nil, err
		}
		p = pending{hashToken(l.Token), string(seed)}
		if err := writeSecret(at, what, &p); err != nil {
			return nil, err
		}
	}
	pair, err := fromSeed(p.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, at, err)
	}
	f, err := join(ctx, l, pair)
	if err != nil {
		return nil, err
	}
	if err := f.Write(path); err != nil {
		return nil, err
	}
	return f, os.Remove(at)
}

func join(ctx context.Context, l Line, pair nkeys.KeyPair) (*File, error) {
	csr, key, err := newCSR() // for leaves; others get no certificate
	if err != nil {
		return nil, err
	}
	q, err := newRequest(l.Name, l.Token, pair, csr)
	if err != nil {
		return nil, err
	}
	client := pinned(l.Pin)
	defer client.CloseIdleConnections()
	a, err := post(ctx, client, l.URL, q)
	if err != nil {
		return nil, fmt.Errorf("joining at %s: %w", l.URL, err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	f := &File{
		V: 1, Fleet: a.Fleet, Name: a.Name, Role: a.Role, URLs: a.URLs, Join: l.URL,
		JWT: a.JWT, Seed: string(seed), CA: a.CA, SystemCA: a.SystemCA, Trust: a.Trust,
	}
	if a.Cert != "" {
		f.Cert, f.Key = a.Cert, key
	}
	if f.Name != l.Name {
		return nil, fmt.Errorf("joining at %s: the answer is for %.40q", l.URL, f.Name)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("joining at %s: %w", l.URL, err)
	}
	return f, nil
}

// newCSR is a key of a server and a request for a certificate of it, as PEM. The names
// in the certificate are those that the centre knows.
func newCSR() (csr, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, k)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", err
	}
	defer clear(private)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), nil
}

// newRequest is a request to join, signed. csr is for leaves.
func newRequest(name, token string, pair nkeys.KeyPair, csr string) (*joinRequest, error) {
	var nonce [32]byte
	_, _ = rand.Read(nonce[:]) // never fails
	q := &joinRequest{V: 1, Name: name, Token: token, Key: public(pair), Nonce: base64.RawURLEncoding.EncodeToString(nonce[:]), CSR: csr}
	sig, err := pair.Sign(q.statement())
	if err != nil {
		return nil, err
	}
	q.Sig = base64.RawURLEncoding.EncodeToString(sig)
	return q, nil
}

// pinned is a client that talks to the one certificate of a fingerprint, or, if there
// is none, to this machine.
func pinned(pin string) *http.Client {
	t := &http.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13,
			// The fingerprint is what is trusted: it was handed over with the token.
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it
			VerifyConnection: func(s tls.ConnectionState) error {
				if len(s.PeerCertificates) == 0 || subtle.ConstantTimeCompare([]byte(Fingerprint(s.PeerCertificates[0].Raw)), []byte(strings.ToLower(pin))) != 1 {
					return errPin
				}
				return nil
			},
		},
		TLSHandshakeTimeout: 30 * time.Second,
	}
	if pin != "" {
		t.Proxy = http.ProxyFromEnvironment
	}
	return plainClient(t)
}

// plainClient follows nothing to somewhere else.
func plainClient(t *http.Transport) *http.Client {
	return &http.Client{
		Transport:     t,
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errPin = errors.New("the server shows another certificate than the join line names: somebody is between, or the line is of another centre")

// post sends a request until an answer comes.
func post(ctx context.Context, client *http.Client, base string, q *joinRequest) (*joinAnswer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		a, again, err := postOnce(ctx, client, base, body)
		if err == nil || !again || try == joinTries || ctx.Err() != nil {
			return a, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

// postOnce reports also whether it is worth to try again.
func postOnce(ctx context.Context, client *http.Client, base string, body []byte) (a *joinAnswer, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/join", bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		var cert *tls.CertificateVerificationError
		return nil, !errors.Is(err, errPin) && !errors.As(err, &cert), err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxJoinAnswer+1))
	switch {
	case err != nil:
		return nil, true, err
	case len(text) > maxJoinAnswer:
		return nil, false, errors.New("the answer is too long")
	case resp.StatusCode != http.StatusOK:
		return nil, resp.StatusCode >= 500, fmt.Errorf("refused (%d): %s", resp.StatusCode, visible.Text(strings.TrimSpace(string(text[:min(len(text), 300)]))))
	}
	a = new(joinAnswer)
	if err := json.Unmarshal(text, a); err != nil {
		return nil, false, errors.New("the answer is not one of a centre")
	}
	if a.V != 1 {
		return nil, false, &remote.VersionError{Theirs: a.V, Ours: 1}
	}
	return a, false, nil
}
