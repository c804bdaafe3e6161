package web

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each line of docs/threats.md names the tests that prove it, and each of them is
// there; each test that is called after a threat is in the page.
func TestThreatsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "threats.md"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	dirs := []string{".", filepath.Join("..", "e2e", "browser"), filepath.Join("..", "dissect"), filepath.Join("..", "trace")}
	for _, more := range []string{"remote", "phone", filepath.Join("cmd", "desfire"), filepath.Join("remote", "*"), filepath.Join("keystore", "natskeys"), filepath.Join("e2e", "fleet")} {
		tests, err := filepath.Glob(filepath.Join("..", more, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tests {
			dirs = append(dirs, filepath.Dir(name))
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
					have[fn.Name.Name] = true
				}
			}
		}
	}
	test := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	named, lines := map[string]bool{}, 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Threat") || strings.HasPrefix(line, "| What it can do") {
			continue
		}
		lines++
		found := test.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("no test in: %s", line)
		}
		for _, m := range found {
			if named[m[1]] = true; !have[m[1]] {
				t.Errorf("%s is not there: %s", m[1], line)
			}
		}
	}
	if lines < 30 {
		t.Errorf("%d lines were found", lines)
	}
	for name := range have {
		if strings.HasPrefix(name, "TestThreat") && name != "TestThreatsPage" && !named[name] {
			t.Errorf("%s is in no line", name)
		}
	}
}

// guarded is a page without a socket, and with a clock that only the test moves.
type guarded struct {
	*testing.T
	*Server
	mu     sync.Mutex
	time   time.Time
	log    strings.Builder
	cookie *http.Cookie
	token  string
}

const here = "127.0.0.1:7341"

func guard(t *testing.T, conf Config) *guarded {
	t.Helper()
	g := &guarded{T: t, time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	conf.Logger = slog.New(slog.NewTextHandler(&lockedWriter{mu: &g.mu, to: &g.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.clock = func() time.Time { g.mu.Lock(); defer g.mu.Unlock(); return g.time }
	g.Server = s
	return g
}

type lockedWriter struct {
	mu *sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

func (g *guarded) pass(d time.Duration) { g.mu.Lock(); g.time = g.time.Add(d); g.mu.Unlock() }

func (g *guarded) logged() string { g.mu.Lock(); defer g.mu.Unlock(); return g.log.String() }

// ask sends what the page itself would, as changed.
func (g *guarded) ask(method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	g.Helper()
	var body io.Reader
	path, form, _ := strings.Cut(target, " ")
	if method == http.MethodPost {
		body = strings.NewReader(form)
	}
	r := httptest.NewRequestWithContext(g.Context(), method, path, body)
	r.Host, r.RemoteAddr = here, "127.0.0.1:50000"
	if g.conf.Remote != nil {
		r.Host, r.RemoteAddr, r.TLS = "cards.example.org:8443", "192.0.2.9:50000", &tls.ConnectionState{}
	}
	if method == http.MethodPost {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		r.Header.Set("Origin", scheme+r.Host)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if g.cookie != nil {
		r.AddCookie(g.cookie)
	}
	if g.token != "" {
		r.Header.Set("X-Desfire-Token", g.token)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// enter opens the page with a code, as a browser does.
func (g *guarded) enter() {
	g.Helper()
	g.take(g.ask("GET", "/?code="+g.Code()))
}

// take keeps the session that an answer gives.
func (g *guarded) take(w *httptest.ResponseRecorder) {
	g.Helper()
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		g.Fatalf("no session: %d %s", w.Code, w.Body)
	}
	g.cookie, g.token = cookies[0], ""
	g.token = offered(g.ask("GET", "/").Body.String())
	if g.token == "" {
		g.Fatal("the first page has no token")
	}
}

var tokenInPage = regexp.MustCompile(`name="token" content="([0-9a-f]*)"`)

// offered is the token in a page, empty if there is none.
func offered(page string) string {
	if m := tokenInPage.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return ""
}

// is checks the status of an answer, and that one that refuses says nothing of a card.
func (g *guarded) is(what string, w *httptest.ResponseRecorder, status int) {
	g.Helper()
	if w.Code != status {
		g.Errorf("%s: %d, want %d: %.300s", what, w.Code, status, w.Body)
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func noCookie(r *http.Request) { r.Header.Del("Cookie") }
func noToken(r *http.Request)  { r.Header.Del("X-Desfire-Token") }
