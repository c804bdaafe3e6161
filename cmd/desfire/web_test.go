package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// webRuns runs desfire web until the test ends, and returns the address that it prints,
// and what ends it.
func webRuns(t *testing.T, args ...string) (address string, out *lockedBuffer, end func() error) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(dir, "no-pcscd"))
	ctx, cancel := context.WithCancel(t.Context())
	out = &lockedBuffer{}
	a := newApp(strings.NewReader(""), out, out)
	root := a.rootCommand()
	root.SetArgs(append([]string{"web", "--no-browser"}, args...))
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx); a.putAway() }()
	end = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(time.Minute):
			return errors.New("it does not end")
		}
	}
	t.Cleanup(func() { _ = end() })
	out.await(t, `Ctrl-C ends`)
	return regexp.MustCompile(`https?://\S+`).FindString(out.String()), out, end
}

// TestWebServes logs in by the address, follows the stream, and ends the program under it.
func TestWebServes(t *testing.T) {
	address, _, end := webRuns(t, "--listen", ":0", "--reader", "sim:")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `name="token"`) {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	token := regexp.MustCompile(`name="token" content="([^"]+)"`).FindStringSubmatch(string(body))[1]
	base, _, _ := strings.Cut(address, "/?")
	ask := func(method, path string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Desfire-Token", token)
		req.Header.Set("Origin", base)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	resp = ask("POST", "/stream")
	ticket, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	stream := ask("GET", "/stream?ticket="+strings.Trim(strings.TrimSpace(string(ticket)), `"`))
	if stream.StatusCode != http.StatusOK {
		t.Fatal(stream.Status)
	}
	if again, err := c.Get(address); err != nil || again.StatusCode == http.StatusOK && again.Request.URL.RawQuery != "" {
		t.Errorf("an address that was used: %v %v", again, err)
	} else {
		_ = again.Body.Close()
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(stream.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := c.Get(base); err == nil {
		t.Error("it still listens")
	}
}

// TestWebRemote lets another in by a password, and nobody without one.
func TestWebRemote(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, certKey := certificate(t)
	word := file("word", []byte("correct horse battery\n"))
	flags := []string{"--listen", "127.0.0.1:0", "--tls-cert", file("cert", cert), "--tls-key", file("key", certKey), "--password-file", word}
	address, out, end := webRuns(t, flags...)
	if !strings.HasPrefix(address, "https://desk.example:") || strings.Contains(address, "code") {
		t.Errorf("the address is %s", address)
	}
	_, port, _ := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}}}
	login := func(password string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", address+"login", strings.NewReader("password="+password))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", strings.TrimSuffix(address, "/"))
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // a test
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := login("wrong"); strings.Contains(body, `name="token"`) || status == http.StatusOK {
		t.Errorf("a wrong password: %d %s", status, body)
	}
	if status, body := login("correct+horse+battery"); !strings.Contains(body, `name="token"`) {
		t.Errorf("the password: %d %s", status, body)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), "correct horse") {
		t.Error("the password is printed")
	}

	for name, args := range map[string][]string{
		"short password": append(slices.Clone(flags[:6]), "--password-file", file("short", []byte("short"))),
		"two lines":      append(slices.Clone(flags[:6]), "--password-file", file("two", []byte("correct horse battery\nstaple"))),
		"no password":    append(slices.Clone(flags[:6]), "--password-file", file("none", nil)),
		"no file":        append(slices.Clone(flags[:6]), "--password-file", filepath.Join(dir, "nowhere")),
		"no key":         {"--listen", ":0", "--tls-cert", flags[3], "--tls-key", flags[3], "--password-file", word},
	} {
		code, _, stderr := tool(append([]string{"web", "--no-browser"}, args...)...)
		if code != exitInput || strings.Contains(stderr, "correct horse") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

// certificate is one for desk.example and every host below it.
func certificate(t *testing.T) (cert, certKey []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"*.desk.example", "desk.example"}}
	made, err := x509.CreateCertificate(rand.Reader, like, like, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

// TestWebKeys: the page has names and facts of keys, and of a keyring those for traffic
// whose bytes are in this process anyway.
func TestWebKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.yaml")
	const digits = "000102030405060708090A0B0C0D0E0F"
	ring := "desfire: keys/v1\nkeys:\n  F48121: {0: \"aes:" + digits + "/01\", 1: \"exec:touch " + filepath.Join(dir, "ran") + "\"}\nmasters:\n  campus: aes:101112131415161718191A1B1C1D1E1F/01\n"
	if err := os.WriteFile(path, []byte(ring), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newApp(strings.NewReader(""), io.Discard, io.Discard)
	a.keysFile = path
	cmd, _, err := a.rootCommand().Find([]string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	a.keysFile = path
	cmd.SetContext(t.Context())
	if err := a.readRing(cmd); err != nil {
		t.Fatal(err)
	}
	defer a.putAway()
	names, err := a.ring.names(t.Context())
	if err != nil || len(names) != 3 {
		t.Fatalf("%+v, %v", names, err)
	}
	for _, n := range names {
		if n.Name == "" || strings.Contains(n.Name+n.Facts.String(), digits) {
			t.Errorf("%+v", n)
		}
	}
	list := a.ring.traceKeys(t.Context(), []byte{4, 1, 2, 3, 4, 5, 6})
	if len(list) != 1 || list[0].No != 0 || *list[0].App != [3]byte{0x21, 0x81, 0xF4} {
		t.Errorf("%v", list)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("a program was run for keys of traffic")
	}
	if _, ok, err := a.ring.Has(t.Context(), keystore.Ref{Place: wire.Place{AID: 0xF48121}}); !ok || err != nil {
		t.Error(ok, err)
	}
}

func TestBrowserCommand(t *testing.T) {
	none := func(string) string { return "" }
	with := func(name string) func(string) string {
		return func(s string) string { return map[string]string{name: ":0"}[s] }
	}
	for _, test := range []struct {
		system string
		env    func(string) string
		want   string
	}{
		{"linux", none, ""}, {"linux", with("DISPLAY"), "xdg-open"}, {"freebsd", with("WAYLAND_DISPLAY"), "xdg-open"},
		{"darwin", none, "open"}, {"windows", none, "rundll32 url.dll,FileProtocolHandler"},
	} {
		argv, err := browserCommand(test.system, test.env)
		if strings.Join(argv, " ") != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v", test.system, argv, err)
		}
	}
}
