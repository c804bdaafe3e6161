// Package transit opens what the transit engine of HashiCorp Vault or OpenBao has
// enciphered, over its HTTP API:
//
//	POST /v1/MOUNT/decrypt/KEY {"ciphertext": "vault:v1:..."}
//
// Transit has no AES in CBC and no CMAC, so that it can be no key of a card: it
// cannot authenticate, derive or change keys. What it can do is keep the key of a
// file. So an [Envelope] is a small file that names a key of transit and holds what
// was enciphered with it: the age identity that opens a keyring. Who may decrypt,
// until when, and what was decrypted is then said and recorded there.
//
//	c, err := transit.FromEnv()
//	ring, err := keyring.Open("keys.yaml", &keyring.Config{Identity: "campus.identity", Unwrap: c.Open})
//
// That is all: who has opened the envelope once has the identity, and with it every
// file that is enciphered to it, until a new identity takes its place. No key of a
// card stays behind in Vault.
//
// # What is asked, and of whom
//
// Address and token are the user's and never come from the file. The token goes in
// a header to that address only: an answer that sends it elsewhere is an error.
// Without TLS only this computer is asked. Nothing is tried twice.
package transit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
)

// Limits of a request.
const (
	DefaultTimeout = 10 * time.Second
	MaxAnswer      = 1 << 20 // bytes
)

// Client asks one Vault or OpenBao.
type Client struct {
	// Address is where it is, without a path: https://vault.example:8200.
	Address string

	// Token gives the client token, which is overwritten after the request.
	Token func(ctx context.Context) ([]byte, error)

	// Namespace is sent as X-Vault-Namespace; may be empty.
	Namespace string

	// HTTP does the request, with its own trust in certificates; nil is one of the
	// standard library. Redirects are not followed whatever it says.
	HTTP *http.Client

	// Timeout bounds a request; 0 is DefaultTimeout.
	Timeout time.Duration
}

// Error is an answer that is none.
type Error struct {
	Status int    // of HTTP
	Said   string // what the server says, safe to show; may be empty
}

func (e *Error) Error() string {
	why := map[int]string{
		http.StatusBadRequest:         "the request is refused: is this the key that enciphered it?",
		http.StatusForbidden:          "the token is not valid any more, or may not decrypt with this key",
		http.StatusNotFound:           "there is no such engine or key, or the token may not see it",
		http.StatusTooManyRequests:    "it is asked too often, or is a standby node",
		http.StatusServiceUnavailable: "it is sealed, or down for maintenance",
	}[e.Status]
	switch {
	case e.Status >= 300 && e.Status < 400:
		why = "it sends us elsewhere, where the token is not shown: let the address be that of the active node"
	case why == "" && e.Status >= 500:
		why = "it failed"
	case why == "":
		why = "it answers what is not expected"
	}
	s := fmt.Sprintf("%s (status %d)", why, e.Status)
	if e.Said != "" {
		s += ", and says: " + e.Said
	}
	return s
}

// Open opens an envelope, whose text is an Envelope as Parse reads it. The caller
// overwrites what it gets.
func (c *Client) Open(ctx context.Context, text []byte) ([]byte, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return c.Decrypt(ctx, e)
}

// Decrypt has an envelope deciphered. The caller overwrites what it gets.
func (c *Client) Decrypt(ctx context.Context, e *Envelope) ([]byte, error) {
	b, err := c.decrypt(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("transit key %s at %s: %w", e.Key, c.shown(), err)
	}
	return b, nil
}

// shown is the address without what somebody may have put into it.
func (c *Client) shown() string {
	u, err := url.Parse(c.Address)
	if err != nil {
		return "an address that is none"
	}
	return visible.Text(u.Scheme + "://" + u.Host)
}

// where is the address of the request.
func (c *Client) where(e *Envelope) (string, error) {
	u, err := url.Parse(c.Address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("the address is none: want https://HOST:PORT")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", errors.New("the address is more than https://HOST:PORT")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", errors.New("the address has no TLS: without it only this computer is asked, since the token goes there in clear")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("the address begins with neither https:// nor http://")
	}
	return u.Scheme + "://" + u.Host + "/v1/" + e.Mount + "/decrypt/" + url.PathEscape(e.Key), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *Client) decrypt(ctx context.Context, e *Envelope) ([]byte, error) {
	where, err := c.where(e)
	if err != nil {
		return nil, err
	}
	if c.Token == nil {
		return nil, errors.New("no token: want VAULT_TOKEN, or the file of a token")
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"ciphertext": e.Ciphertext})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(limited, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address is none: want https://HOST:PORT")
	}
	token, err := c.Token(limited)
	if err != nil {
		return nil, err
	}
	if t := bytes.TrimSpace(token); len(t) == 0 || bytes.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		clear(token)
		return nil, errors.New("the token is none: want one line of printable characters")
	}
	shown := string(bytes.TrimSpace(token))
	req.Header.Set("X-Vault-Token", shown)
	clear(token)
	req.Header.Set("X-Vault-Request", "true")
	req.Header.Set("Content-Type", "application/json")
	if c.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.Namespace)
	}
	var once http.Client
	if c.HTTP != nil {
		once = *c.HTTP
	}
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := once.Do(req)
	if err != nil {
		return nil, c.failed(ctx, limited, timeout, err)
	}
	defer res.Body.Close()
	answer, err := keytext.ReadAll(res.Body, MaxAnswer)
	defer func() { clear(answer) }()
	switch {
	case errors.Is(err, keytext.ErrLong):
		return nil, fmt.Errorf("the answer has more than %d bytes", MaxAnswer)
	case err != nil:
		return nil, c.failed(ctx, limited, timeout, err)
	case res.StatusCode != http.StatusOK:
		return nil, &Error{res.StatusCode, said(answer, shown)}
	}
	return plaintext(answer)
}

// failed is the error of a request that did not come to an answer.
func (c *Client) failed(ctx, limited context.Context, timeout time.Duration, err error) error {
	var ue *url.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("no answer within %v", timeout)
	case errors.As(err, &ue):
		err = ue.Err // without the address, which stands around it
	}
	return err
}

// plaintext takes an answer apart.
func plaintext(answer []byte) ([]byte, error) {
	var a struct {
		Data struct {
			Plaintext json.RawMessage `json:"plaintext"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, errors.New("the answer is no JSON")
	}
	text := bytes.Trim(a.Data.Plaintext, `"`)
	defer clear(a.Data.Plaintext)
	if len(text) == 0 || len(text) == len(a.Data.Plaintext) {
		return nil, errors.New("the answer has no data.plaintext")
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(b, text)
	if err != nil {
		clear(b)
		return nil, errors.New("the answer's data.plaintext is no base64")
	}
	return b[:n], nil
}

// said is what an answer says is wrong, safe to show: without the token, which a
// server may repeat.
func said(answer []byte, token string) string {
	var a struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(answer, &a) != nil || len(a.Errors) == 0 {
		return ""
	}
	text := strings.TrimSpace(keystore.Hide(strings.ReplaceAll(a.Errors[0], token, "(the token)")))
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	return fmt.Sprintf("%q", visible.Text(strings.ToValidUTF8(text, "?")))
}
