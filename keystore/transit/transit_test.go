package transit_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/transit"
)

const (
	goodToken = "hvs.CAESIJ-a-token"
	sealed    = "vault:v1:XjsPWPjqPrBi1N2Ms2s1QM798YyFWnO4TR4lsFA="
	digits    = "0123456789abcdeffedcba9876543211"
)

// vault is a stub that follows the published API of the transit engine: decrypt,
// the token in X-Vault-Token, {"data": {"plaintext": BASE64}}, {"errors": [...]}.
func vault(plaintext []byte) http.Handler {
	fail := func(w http.ResponseWriter, status int, text ...string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string][]string{"errors": text})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/{mount}/decrypt/{key}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var body struct {
			Ciphertext string `json:"ciphertext"`
		}
		switch err := json.NewDecoder(io.LimitReader(r.Body, 32<<20)).Decode(&body); {
		case r.Header.Get("X-Vault-Token") != goodToken, r.Header.Get("X-Vault-Namespace") != "":
			fail(w, http.StatusForbidden, "permission denied")
		case r.PathValue("mount") != "transit":
			fail(w, http.StatusNotFound, "no handler for route")
		case err != nil:
			fail(w, http.StatusBadRequest, "error parsing JSON")
		case r.PathValue("key") != "campus":
			fail(w, http.StatusBadRequest, "encryption key not found")
		case body.Ciphertext != sealed:
			fail(w, http.StatusBadRequest, "invalid ciphertext: could not decode base64")
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "data": map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plaintext)}})
		}
	})
	return mux
}

func client(s *httptest.Server, token string) *transit.Client {
	return &transit.Client{Address: s.URL, HTTP: s.Client(), Token: func(context.Context) ([]byte, error) { return []byte(token + "\n"), nil }}
}

func envelope(key, text string) []byte {
	return []byte("# the identity of the campus\n" + transit.Head + "\nkey: " + key + "\nciphertext: " + text + "\n")
}

func TestDecrypt(t *testing.T) {
	ctx := context.Background()
	want := []byte("AGE-SECRET-KEY-1\x00\xff")
	s := httptest.NewTLSServer(vault(want))
	defer s.Close()
	got, err := client(s, goodToken).Open(ctx, envelope("campus", sealed))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	for _, tc := range []struct {
		token, key, text string
		status           int
		want             string
	}{
		{"hvs.other", "campus", sealed, 403, `the token is not valid any more, or may not decrypt with this key (status 403), and says: "permission denied"`},
		{goodToken, "door", sealed, 400, "encryption key not found"},
		{goodToken, "campus", "vault:v1:AAAA", 400, "invalid ciphertext"},
	} {
		got, err := client(s, tc.token).Open(ctx, envelope(tc.key, tc.text))
		var te *transit.Error
		if !errors.As(err, &te) || te.Status != tc.status || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), tc.token) || got != nil {
			t.Errorf("%s: %q, %v", tc.key, got, err)
		}
	}
	// A certificate that nobody vouches for ends it, before the token is shown.
	c := client(s, goodToken)
	c.HTTP = nil
	if got, err := c.Open(ctx, envelope("campus", sealed)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%q, %v", got, err)
	}
}

// Whatever comes back: an error, in time, with nothing of the token.
func TestBadAnswers(t *testing.T) {
	asked := new(atomic.Int32)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	hang := make(chan struct{})
	defer close(hang)
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, text) }
	}
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"sealed":         {answer(503, `{"errors":["Vault is sealed"]}`), `sealed, or down for maintenance (status 503), and says: "Vault is sealed"`},
		"asked too much": {answer(429, `{"errors":["request path \"transit/decrypt/campus\": rate limit quota exceeded"]}`), "asked too often"},
		"internal":       {answer(500, `{"errors":["internal error"]}`), "it failed (status 500)"},
		"not there":      {answer(404, `{"errors":[]}`), "no such engine or key"},
		"no content":     {answer(204, ""), "not expected (status 204)"},
		"proxy's page":   {answer(502, "<html>bad gateway</html>"), "it failed (status 502)"},
		"no JSON":        {answer(200, "<html>log in</html>"), "no JSON"},
		"empty":          {answer(200, ""), "no JSON"},
		"no data":        {answer(200, `{"data":null}`), "no data.plaintext"},
		"a number":       {answer(200, `{"data":{"plaintext":12}}`), "no data.plaintext"},
		"no base64":      {answer(200, `{"data":{"plaintext":"!!"}}`), "no base64"},
		"cut":            {answer(200, `{"data":{"plaintext":"QUdF`), "no JSON"},
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), transit.MaxAnswer+2))
		}, "more than"},
		"terminal":          {answer(403, "{\"errors\":[\"\\u001b[2Jno "+digits+"\"]}"), `(hidden)`},
		"repeats the token": {answer(403, `{"errors":["token `+goodToken+` has expired"]}`), `says: "token (the token) has expired"`},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/v1/transit/decrypt/campus", http.StatusTemporaryRedirect)
		}, "sends us elsewhere, where the token is not shown"},
		"hangs": {func(http.ResponseWriter, *http.Request) { <-hang }, "no answer within 50ms"},
		"hangs in between": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"data":`)
			w.(http.Flusher).Flush()
			<-hang
		}, "no answer within 50ms"},
	} {
		s := httptest.NewServer(tc.h)
		c := client(s, goodToken)
		if strings.HasPrefix(name, "hangs") {
			c.Timeout = 50 * time.Millisecond
		}
		got, err := c.Open(context.Background(), envelope("campus", sealed))
		if err == nil || got != nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), goodToken) || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if !strings.HasPrefix(name, "hangs") {
			s.Close()
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		c.Timeout = 0
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := c.Open(ctx, envelope("campus", sealed)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, and the context ends: %v", name, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the token went elsewhere")
	}
}

// The token goes to nobody before the address is one that may have it.
func TestAddresses(t *testing.T) {
	shown := 0
	for address, want := range map[string]string{
		"": "the address is none", "vault.example": "the address is none", "http://vault.example:8200": "has no TLS", "ftp://vault.example": "neither",
		"https://user:pass@vault.example": "more than", "https://vault.example/v1": "more than", "https://vault.example?x=1": "more than", "http://10.0.0.1": "has no TLS", "::": "none",
	} {
		c := &transit.Client{Address: address, Token: func(context.Context) ([]byte, error) { shown++; return []byte(goodToken), nil }}
		if _, err := c.Open(context.Background(), envelope("campus", sealed)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if shown != 0 {
		t.Errorf("the token was asked for %d times", shown)
	}
	for _, token := range []string{"", "a b", "a\nb", "\u00e4", "\x00"} {
		c := &transit.Client{Address: "http://127.0.0.1:1", Token: func(context.Context) ([]byte, error) { return []byte(token), nil }}
		if _, err := c.Open(context.Background(), envelope("campus", sealed)); err == nil || !strings.Contains(err.Error(), "token") {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	e, err := transit.Parse([]byte("\n# c\n" + transit.Head + "\r\nmount: eng/transit-2\nkey: a.b_c\nciphertext: " + sealed + "\n"))
	if err != nil || e.Mount != "eng/transit-2" || e.Key != "a.b_c" || e.Ciphertext != sealed {
		t.Errorf("%+v, %v", e, err)
	}
	for text, want := range map[string]string{
		"":                                       "want desfire, key and ciphertext",
		"key: a\n":                               "line 1: it begins with",
		"desfire: transit/v2\n":                  "line 1: it begins with",
		transit.Head + "\nkey a\n":               "line 2: want NAME: VALUE",
		transit.Head + "\nkey: a\nkey: b\n":      "line 3: key stands there twice",
		transit.Head + "\nkey: ../x\n":           "line 2: key:",
		transit.Head + "\nkey: ..\n":             "line 2: key:",
		transit.Head + "\nkey: a?b\n":            "line 2: key:",
		transit.Head + "\nmount: a/../b\n":       "line 2: mount:",
		transit.Head + "\nmount: /a\n":           "line 2: mount:",
		transit.Head + "\naddress: https://x\n":  "line 2: want desfire, key, mount and ciphertext, and nothing else",
		transit.Head + "\ntoken: x\n":            "nothing else",
		transit.Head + "\nciphertext: " + digits: "line 2: ciphertext:",
		transit.Head + "\nkey: a\n":              "want desfire, key and ciphertext",
		transit.Head + "\nkey: a\nciphertext: vault:v1:" + strings.Repeat("A", 1<<17): "line 3: ciphertext:",
	} {
		if e, err := transit.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%.60q: %+v, %v", text, e, err)
		}
	}
	if transit.IsEnvelope([]byte("# created\nAGE-SECRET-KEY-1X\n")) || transit.IsEnvelope(nil) {
		t.Error("what is no envelope is one")
	}
}

// The identity of a keyring is in an envelope: it is opened when a key of the
// keyring is wanted, once, and not to look at the keys.
func TestKeyringInEnvelope(t *testing.T) {
	ctx := context.Background()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int32)
	inner := vault([]byte("# created: today\n" + id.String() + "\n"))
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); inner.ServeHTTP(w, r) }))
	defer s.Close()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var door bytes.Buffer
	w, err := age.Encrypt(&door, id.Recipient())
	if err == nil {
		_, err = io.WriteString(w, "aes:"+digits+"/05")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	write("door.age", door.Bytes())
	t.Setenv("VAULT_ADDR", s.URL)
	t.Setenv("VAULT_TOKEN", "")
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	t.Setenv("VAULT_CACERT", write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	write(".vault-token", []byte(goodToken+"\n"))
	c, err := transit.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	ring := write("keys.yaml", []byte("desfire: keys/v1\nkeys: {card: {0: \"@door.age\", 1: \"aes:@door.age\"}}\n"))
	conf := &keyring.Config{Identity: write("campus.identity", envelope("campus", sealed)), Unwrap: c.Open}
	r, err := keyring.Open(ring, conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range r.Refs() {
		if f, ok, err := r.Has(ctx, ref); !ok || err != nil || !f.NoVersion || asked.Load() != 0 {
			t.Errorf("%v: %v, %v, %v, asked %d times", ref, f, ok, err, asked.Load())
		}
	}
	for _, ref := range r.Refs() {
		if k, err := r.Key(ctx, ref); err != nil || k.Version() != 5 {
			t.Errorf("%v: %v, %v", ref, k, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	// A whole keyring to the same identity.
	var whole bytes.Buffer
	w, err = age.Encrypt(&whole, id.Recipient())
	if err == nil {
		_, err = fmt.Fprintf(w, "desfire: keys/v1\nkeys: {card: {0: aes:%s/09}}\n", digits)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err = keyring.Open(write("whole.age", whole.Bytes()), conf); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Key(ctx, keystore.Ref{}); err != nil || k.Version() != 9 {
		t.Errorf("%v, %v", k, err)
	}
	// Without somebody to ask it, and with a token that is no longer good.
	if _, err := keyring.Open(write("whole.age", whole.Bytes()), &keyring.Config{Identity: conf.Identity}); err == nil || !strings.Contains(err.Error(), "does not ask") {
		t.Error(err)
	}
	t.Setenv("VAULT_TOKEN", "hvs.old")
	if _, err := keyring.Open(write("whole.age", whole.Bytes()), conf); err == nil || !strings.Contains(err.Error(), "token is not valid") || strings.Contains(err.Error(), "hvs.old") {
		t.Error(err)
	}
}

func TestFromEnv(t *testing.T) {
	for _, name := range []string{"VAULT_ADDR", "BAO_ADDR", "VAULT_TOKEN", "BAO_TOKEN", "VAULT_CACERT", "VAULT_NAMESPACE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("USERPROFILE", os.Getenv("HOME"))
	if c, err := transit.FromEnv(); err == nil || !strings.Contains(err.Error(), "VAULT_ADDR") {
		t.Errorf("%+v, %v", c, err)
	}
	t.Setenv("BAO_ADDR", "https://bao.example:8200")
	t.Setenv("VAULT_NAMESPACE", "campus")
	c, err := transit.FromEnv()
	if err != nil || c.Address != "https://bao.example:8200" || c.Namespace != "campus" {
		t.Fatalf("%+v, %v", c, err)
	}
	if token, err := c.Token(context.Background()); err == nil || !strings.Contains(err.Error(), "VAULT_TOKEN") {
		t.Errorf("%q, %v", token, err)
	}
	t.Setenv("BAO_TOKEN", "s.1")
	if token, err := c.Token(context.Background()); err != nil || string(token) != "s.1" {
		t.Errorf("%q, %v", token, err)
	}
	t.Setenv("VAULT_CACERT", filepath.Join(os.Getenv("HOME"), "none.pem"))
	if _, err := transit.FromEnv(); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Error(err)
	}
}
