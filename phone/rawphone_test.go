package phone

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// rawPhone is the phone's end of docs/phone.md written a second time, for what phones should
// not do. It shares nothing with the package but the WebSocket library.
type rawPhone struct {
	*testing.T
	ws       *websocket.Conn
	key      []byte // SHA-256 of its public key
	computer []byte
}

// rawKey is a key with its certificate.
func rawKey(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(spki)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, sum[:]
}

// rawDial connects with a TLS configuration, and headers.
func rawDial(t *testing.T, addr string, conf *tls.Config, header http.Header, protocols ...string) (*rawPhone, error) {
	t.Helper()
	p := &rawPhone{T: t}
	conf.InsecureSkipVerify = true
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		sum := sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo)
		p.computer = sum[:]
		return nil
	}
	tr := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+addr+"/desfire-phone", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header, Subprotocols: protocols})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(1 << 20)
	p.ws = ws
	t.Cleanup(func() { ws.CloseNow() })
	return p, nil
}

// connectRaw connects as a phone with a new key.
func connectRaw(t *testing.T, addr string) *rawPhone {
	t.Helper()
	cert, id := rawKey(t)
	p, err := rawDial(t, addr, &tls.Config{Certificates: []tls.Certificate{cert}}, nil, "desfire-phone.v1")
	if err != nil {
		t.Fatal(err)
	}
	p.key = id
	return p
}

// rawPaired is a phone that is in the book of a server and has a card.
func rawPaired(t *testing.T, s *Server) *rawPhone {
	t.Helper()
	p := connectRaw(t, s.addr.String())
	if _, err := s.book.add(Phone{Name: "raw", Key: Fingerprint(p.key)}); err != nil {
		t.Fatal(err)
	}
	p.say(`{"type":"hello"}`)
	p.want("welcome")
	return p
}

func (p *rawPhone) say(text string) {
	p.Helper()
	if err := p.ws.Write(p.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.Logf("say %.60s: %v", text, err)
	}
}

// sayAnswer answers a command.
func (p *rawPhone) sayAnswer(n uint64, answer []byte) {
	b := append(binary.BigEndian.AppendUint64([]byte{2}, n), answer...)
	if err := p.ws.Write(p.Context(), websocket.MessageBinary, b); err != nil {
		p.Logf("answer %d: %v", n, err)
	}
}

// hear is the next message but pings: JSON, or the parts of a command.
func (p *rawPhone) hear() (m map[string]any, raw []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		kind, b, err := p.ws.Read(ctx)
		if err != nil {
			return nil, nil, err
		}
		if kind == websocket.MessageBinary {
			return map[string]any{"type": "command", "activation": binary.BigEndian.Uint64(b[1:]), "n": binary.BigEndian.Uint64(b[9:]), "command": b[17:]}, b, nil
		}
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, nil, err
		}
		if m["type"] == "ping" {
			p.say(fmt.Sprintf(`{"type":"pong","n":%v}`, m["n"]))
			m = nil
			continue
		}
		return m, b, nil
	}
}

// want is the next message, which must be of a type.
func (p *rawPhone) want(kind string) (map[string]any, []byte) {
	p.Helper()
	m, raw, err := p.hear()
	if err != nil || m["type"] != kind {
		p.Fatalf("%v, %v, want %q", m, err, kind)
	}
	return m, raw
}

// ends reads until the computer ends the connection, and returns the code it gave.
func (p *rawPhone) ends() string {
	p.Helper()
	code := ""
	for {
		m, _, err := p.hear()
		if err != nil {
			return code
		}
		if m["type"] == "bye" {
			code, _ = m["code"].(string)
			p.ws.CloseNow() // which the computer waits for
		}
	}
}

// rawCommitment and rawDigits are docs/phone.md read a second time.
func rawCommitment(phone, computer, nonce []byte) string {
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte("desfire-phone.v1 commitment"), {0}, phone, computer, nonce}, nil))
	return hex.EncodeToString(sum[:])
}

func rawDigits(phone, computer, pair, nonce, phoneNonce, computerNonce []byte) string {
	a, b := sha256.Sum256(pair), sha256.Sum256(nonce)
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte("desfire-phone.v1 digits"), {0}, phone, computer, a[:], b[:], phoneNonce, computerNonce}, nil))
	n := new(big.Int).SetBytes(sum[:8])
	return fmt.Sprintf("%06s", n.Mod(n, big.NewInt(1_000_000)).String())
}

// pairRaw goes through the first half of a pairing, and returns the digits.
func (p *rawPhone) pairRaw(name string) string {
	p.Helper()
	own := bytes.Repeat([]byte{0x5A}, 32)
	pair := fmt.Sprintf(`{"type":"pair","name":%q,"commitment":%q}`, name, rawCommitment(p.key, p.computer, own))
	p.say(pair)
	m, raw := p.want("nonce")
	theirs, err := hex.DecodeString(m["nonce"].(string))
	if err != nil {
		p.Fatal(err)
	}
	p.say(`{"type":"reveal","nonce":"` + hex.EncodeToString(own) + `"}`)
	return rawDigits(p.key, p.computer, []byte(pair), raw, own, theirs)
}

// fakeClock is a time that tests make pass.
type fakeClock struct {
	mu      sync.Mutex
	now     time.Time
	waiting []fakeTimer
}

type fakeTimer struct {
	at time.Time
	c  chan time.Time
}

func newFakeClock() *fakeClock { return &fakeClock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *fakeClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := fakeTimer{c.now.Add(d), make(chan time.Time, 1)}
	c.waiting = append(c.waiting, t)
	return t.c
}

// pass lets time go by.
func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	left := c.waiting[:0]
	for _, t := range c.waiting {
		if t.at.After(c.now) {
			left = append(left, t)
			continue
		}
		t.c <- c.now
	}
	c.waiting = left
}
