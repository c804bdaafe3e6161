package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestThreatAnotherComputer(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for from, status := range map[string]int{
		"127.0.0.1:1": 200, "127.8.8.8:1": 200, "[::1]:1": 200, "[::ffff:127.0.0.1]:1": 200,
		"192.0.2.7:1": 403, "10.0.0.1:1": 403, "[fe80::1]:1": 403, "[2001:db8::1]:1": 403, "0.0.0.0:1": 403, "": 403, "@": 403,
	} {
		for _, path := range []string{"/", "/v/rail", "/assets/app.js"} {
			g.is(path+" from "+from, g.ask("GET", path, func(r *http.Request) { r.RemoteAddr = from }), status)
		}
	}
}

func TestThreatProxy(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		g.is(name, g.ask("GET", "/v/rail", header(name, "192.0.2.7")), 403)
	}
}

func TestThreatRebinding(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for host, status := range map[string]int{
		"127.0.0.1:7341": 200, "localhost:7341": 200, "LOCALHOST": 200, "[::1]:7341": 200, "[::1]": 200, "127.0.0.2": 200,
		"evil.example:7341": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example:7341": 421, "192.168.1.2:7341": 421,
		"evil.localhost": 421, "0.0.0.0:7341": 421, "": 421, "localhost:7341@evil.example": 421, "[::]": 421, "127.1": 421,
	} {
		for _, path := range []string{"/", "/v/rail", "/assets/app.js"} {
			g.is(path+" at "+host, g.ask("GET", path, func(r *http.Request) { r.Host = host }), status)
		}
	}
}

func TestThreatOtherSite(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:7341", "http://localhost:7341", "http://" + here + ".evil.example", "http://" + here + "/"} {
		g.is("POST of "+origin, g.ask("POST", "/do/stop id=j1", header("Origin", origin)), 403)
		g.is("GET of "+origin, g.ask("GET", "/v/rail", header("Origin", origin)), 403)
	}
	g.is("POST without an origin", g.ask("POST", "/do/stop id=j1", func(r *http.Request) { r.Header.Del("Origin") }), 403)
	g.is("POST of a browser that hides the origin of its own page", g.ask("POST", "/do/stop id=j1", header("Origin", "null"), header("Sec-Fetch-Site", "same-origin")), 200)
	for _, site := range []string{"cross-site", "same-site", "what"} {
		for _, path := range []string{"/v/rail", "/assets/app.js", "/stream"} {
			g.is(path+" of "+site, g.ask("GET", path, header("Sec-Fetch-Site", site)), 403)
		}
		g.is("POST of "+site, g.ask("POST", "/do/stop id=j1", header("Sec-Fetch-Site", site)), 403)
	}
	// Without the token, which no other site has, nothing is done whatever the headers say.
	g.is("no token", g.ask("POST", "/do/stop id=j1", noToken), 401)
	g.is("wrong token", g.ask("POST", "/do/stop id=j1", header("X-Desfire-Token", strings.Repeat("0", 64))), 401)
	for _, method := range []string{"OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "QUERY"} {
		w := g.ask(method, "/v/rail", header("Access-Control-Request-Method", "GET"), header("Origin", "https://evil.example"))
		if g.is(method, w, 405); w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s allows another origin", method)
		}
	}
}

// Cookies do not tell ports apart: a server on another port of this computer gets
// the page's when somebody visits it. Alone it is worth nothing.
func TestThreatStolenCookie(t *testing.T) {
	g := guard(t, Config{})
	g.enter() // and the token is not used yet
	stolen := []func(*http.Request){noToken}
	w := g.ask("GET", "/", stolen...)
	if g.is("the shell", w, 200); offered(w.Body.String()) != "" {
		t.Error("the token is given to whoever has the cookie")
	}
	for _, path := range []string{"/v/rail", "/v/card", "/v/traffic", "/stream", "/stream?ticket="} {
		g.is(path, g.ask("GET", path, stolen...), 401)
	}
	g.is("a ticket", g.ask("POST", "/stream", stolen...), 401)
	g.is("the page", g.ask("GET", "/v/rail"), 200)
}

// The shell shows nothing that a page which embeds or fetches it could learn.
func TestThreatFrame(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	w := g.ask("GET", "/")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || w.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("may be framed: %s", csp)
	}
	for _, dest := range []string{"iframe", "frame", "object", "embed", "script", "image", "empty"} {
		g.is("as "+dest, g.ask("GET", "/", header("Sec-Fetch-Dest", dest)), 403)
	}
	for _, mode := range []string{"cors", "no-cors", "same-origin", "websocket"} {
		g.is("in mode "+mode, g.ask("GET", "/", header("Sec-Fetch-Mode", mode)), 403)
	}
	g.is("as a document", g.ask("GET", "/", header("Sec-Fetch-Dest", "document"), header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Site", "cross-site")), 200)
}

// Every answer has the headers, refusals and errors as well.
func TestThreatHeaders(t *testing.T) {
	g := guard(t, Config{})
	asks := map[string]func() *httptest.ResponseRecorder{
		"no session":   func() *httptest.ResponseRecorder { return g.ask("GET", "/") },
		"a code":       func() *httptest.ResponseRecorder { return g.ask("GET", "/?code="+g.Code()) },
		"a wrong code": func() *httptest.ResponseRecorder { return g.ask("GET", "/?code=1") },
		"a file":       func() *httptest.ResponseRecorder { return g.ask("GET", "/assets/app.js") },
		"no file":      func() *httptest.ResponseRecorder { return g.ask("GET", "/assets/nothing") },
		"no token":     func() *httptest.ResponseRecorder { return g.ask("GET", "/v/rail") },
		"another name": func() *httptest.ResponseRecorder {
			return g.ask("GET", "/", func(r *http.Request) { r.Host = "evil.example" })
		},
		"another method": func() *httptest.ResponseRecorder { return g.ask("PUT", "/") },
	}
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": policy,
	}
	for what, ask := range asks {
		w := ask()
		for name, value := range want {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q", what, name, got)
			}
		}
		if keep := w.Header().Get("Cache-Control"); keep != "no-store" && what != "a file" {
			t.Errorf("%s: Cache-Control is %q", what, keep)
		}
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", what, name)
			}
		}
	}
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
		if !slices.Contains(strings.Split(policy, "; "), part) {
			t.Errorf("the policy lacks %s", part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Error(policy)
	}
}

// A page that shares its origin with others would share its token with them.
func TestThreatMounted(t *testing.T) {
	g := guard(t, Config{})
	outer := http.StripPrefix("/cards", g.Server)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/cards/assets/app.js", nil)
	r.Host, r.RemoteAddr = here, "127.0.0.1:1"
	w := httptest.NewRecorder()
	outer.ServeHTTP(w, r)
	if w.Code != 500 || !strings.Contains(w.Body.String(), "place of its own") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestThreatPaths(t *testing.T) {
	g := guard(t, Config{})
	for _, path := range []string{"/assets/../v/rail", "/assets/..%2fweb.go", "/assets/%2e%2e/v/rail", "//v/rail", "/./v/rail", "/assets//app.js", "/assets/templates/../app.js"} {
		if w := g.ask("GET", path); w.Code != 400 && w.Code != 404 && w.Code != 401 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/templates/shell.html", "/assets/", "/assets", "/web.go", "/debug/pprof/", "/v/", "/do/"} {
		if w := g.ask("GET", path); w.Code == 200 {
			t.Errorf("%s is served", path)
		}
	}
	g.is("a long address", g.ask("GET", "/?x="+strings.Repeat("x", mostURL)), 400)
}

// Whatever is registered, it is behind the token: the rule is one, and not each view's.
func TestThreatUnguardedView(t *testing.T) {
	g := guard(t, Config{Fleet: &ruled{someFleet: newFleet(gates(1, 1))}})
	g.enter()
	if len(g.patterns) < 20 {
		t.Fatalf("%d views and actions are known", len(g.patterns))
	}
	for _, pattern := range g.patterns {
		method, path, _ := strings.Cut(pattern, " ")
		g.pass(time.Second) // nothing is refused for being too much
		g.is(pattern+" without a session", g.ask(method, path, noCookie, noToken), 401)
		g.is(pattern+" without the token", g.ask(method, path, noToken), 401)
		g.is(pattern+" without the cookie", g.ask(method, path, noCookie), 401)
		g.is(pattern+" of another site", g.ask(method, path, header("Origin", "https://evil.example")), 403)
	}
	g.is("what is not there, without a session", g.ask("GET", "/v/nothing", noCookie, noToken), 401)
	g.is("what is not there", g.ask("GET", "/v/nothing"), 404)
}

// A link on another site brings no cookie. The page asks once more by itself, and shows
// who has no session the way to one.
func TestLinkFromAnotherSite(t *testing.T) {
	g := guard(t, remote(t))
	link := []func(*http.Request){noCookie, noToken, header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "document")}
	w := g.ask("GET", "/card", link...)
	if g.is("by a link", w, 401); !strings.Contains(w.Body.String(), `http-equiv="refresh"`) || !strings.Contains(w.Body.String(), "/login") {
		t.Errorf("nothing leads on: %s", w.Body)
	}
	g.is("asked once more", g.ask("GET", "/card", noCookie, header("Sec-Fetch-Site", "same-origin")), 303)
}

// Who makes a link to the page adds nothing to what the page then asks for.
func TestLinkAddsNothing(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for _, bad := range []string{"r1%26text=x", "r1%26irreversible=y", "r1%23", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "../do/stop", strings.Repeat("r", 21)} {
		body := g.ask("GET", "/layout?reader="+bad).Body.String()
		if !strings.Contains(body, `hx-get="/v/layout?reader="`) {
			t.Errorf("%s: %s", bad, body)
		}
	}
	if body := g.ask("GET", "/layout?reader=r12").Body.String(); !strings.Contains(body, `hx-get="/v/layout?reader=r12"`) {
		t.Errorf("the reader is forgotten: %s", body)
	}
}
