package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestThreatCode(t *testing.T) {
	g := guard(t, Config{})
	code := g.Code()
	if len(code) != 32 || code == g.Code() {
		t.Fatalf("a code is %q", code)
	}
	w := g.ask("GET", "/?code="+code)
	g.take(w)
	c := g.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("the cookie is %v", c)
	}
	if to := w.Header().Get("Location"); to != "/" {
		t.Errorf("the address is not clean: %s", to)
	}
	if strings.Contains(w.Body.String(), code) {
		t.Error("the answer has the code")
	}
	again := g.ask("GET", "/?code="+code, noCookie)
	if g.is("used twice", again, 401); !strings.Contains(again.Body.String(), "somebody else did") {
		t.Errorf("who comes second is not told: %s", again.Body)
	}
	late := g.Code()
	g.pass(codeLife)
	g.is("too late", g.ask("GET", "/?code="+late, noCookie), 401)
	g.is("none", g.ask("GET", "/?code=", noCookie), 401)
	g.pass(time.Minute)
	first := g.Code()
	for range mostCodes {
		g.Code()
	}
	g.is("pushed out by newer ones", g.ask("GET", "/?code="+first, noCookie), 401)
	last := g.Code()
	g.is("HEAD", g.ask("HEAD", "/?code="+last, noCookie), 503)
	g.is("the last", g.ask("GET", "/?code="+last, noCookie), 303)
}

// A browser, messenger or mail program that fetches addresses ahead would use up the code.
func TestThreatPrefetch(t *testing.T) {
	g := guard(t, Config{})
	code := g.Code()
	g.is("Sec-Purpose", g.ask("GET", "/?code="+code, header("Sec-Purpose", "prefetch;prerender")), 503)
	g.is("Purpose", g.ask("GET", "/?code="+code, header("Purpose", "prefetch")), 503)
	g.is("the person", g.ask("GET", "/?code="+code), 303)
}

func TestThreatGuessedCode(t *testing.T) {
	g := guard(t, Config{})
	right := g.Code()
	for i := range 5 {
		g.is("a guess", g.ask("GET", fmt.Sprintf("/?code=%032x", i)), 401)
	}
	g.is("one too many", g.ask("GET", "/?code="+right), 429)
	g.pass(10 * time.Second)
	g.is("later", g.ask("GET", "/?code="+right), 303)
}

// The page of one browser is replaced when it opens a new address, and its old
// session is over.
func TestThreatNewSession(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	old, token := g.cookie, g.token
	g.enter()
	if old.Value == g.cookie.Value || token == g.token {
		t.Error("a session goes on under a new code")
	}
	g.cookie, g.token = old, token
	g.is("the old session", g.ask("GET", "/v/rail"), 401)
}

func TestThreatOldSession(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	for range 11 {
		g.pass(sessionIdle - time.Second)
		g.is("in use", g.ask("GET", "/v/rail"), 200)
	}
	g.pass(sessionIdle)
	g.is("idle", g.ask("GET", "/v/rail"), 401)

	g.enter()
	for spent := time.Duration(0); spent < sessionLife-sessionIdle; spent += sessionIdle / 2 {
		g.pass(sessionIdle / 2)
		g.is("in use", g.ask("GET", "/v/rail"), 200)
	}
	g.pass(sessionIdle)
	g.is("old", g.ask("GET", "/v/rail"), 401)

	g.enter()
	g.is("leaving", g.ask("POST", "/do/leave"), 204)
	g.is("left", g.ask("GET", "/v/rail"), 401)

	g.enter()
	first, token := g.cookie, g.token
	for range mostSessions {
		g.pass(time.Second)
		g.cookie, g.token = nil, ""
		g.enter()
	}
	g.is("the newest", g.ask("GET", "/v/rail"), 200)
	g.cookie, g.token = first, token
	g.is("pushed out by newer ones", g.ask("GET", "/v/rail"), 401)

	g.cookie, g.token = nil, ""
	g.enter()
	code := g.Code()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	g.is("after Close", g.ask("GET", "/v/rail"), 401)
	g.is("a code after Close", g.ask("GET", "/?code="+code), 401)
}

// A ticket travels in an address: it is short-lived, for one stream of one session.
func TestThreatTicket(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	ticket := func() string {
		w := g.ask("POST", "/stream")
		g.is("a ticket", w, 200)
		return strings.Trim(strings.TrimSpace(w.Body.String()), `"`)
	}
	late := ticket()
	g.pass(ticketLife)
	g.is("too late", g.ask("GET", "/stream?ticket="+late), 401)
	mine := ticket()
	g.is("without the cookie", g.ask("GET", "/stream?ticket="+mine, noCookie), 401)
	cookie, token := g.cookie, g.token
	g.cookie, g.token = nil, ""
	g.enter()
	g.is("in another session", g.ask("GET", "/stream?ticket="+mine), 401)
	g.cookie, g.token = cookie, token
	sess := g.sessions.all[0]
	if !sess.follow(mine, g.clock()) {
		t.Error("a ticket is not good in its own session")
	}
	g.is("used twice", g.ask("GET", "/stream?ticket="+mine), 401)
	for range mostTickets {
		ticket()
	}
	g.is("too many", g.ask("POST", "/stream"), 429)
}

// Two programs on one computer share a name for cookies, and do not disturb each other.
func TestThreatTwoPrograms(t *testing.T) {
	a, b := guard(t, Config{}), guard(t, Config{})
	a.enter()
	b.enter()
	if a.cookie.Name == b.cookie.Name {
		t.Fatal("two programs overwrite each other's cookies")
	}
	both := func(r *http.Request) {
		r.Header.Del("Cookie")
		r.AddCookie(a.cookie)
		r.AddCookie(b.cookie)
	}
	a.is("the first", a.ask("GET", "/v/rail", both), 200)
	b.is("the second", b.ask("GET", "/v/rail", both), 200)
	a.is("the token of the other", a.ask("GET", "/v/rail", both, header("X-Desfire-Token", b.token)), 401)
}

// A program may give Config.Rand a source that repeats, for a simulated card: no
// secret comes of it.
func TestThreatRandom(t *testing.T) {
	a, b := guard(t, Config{Rand: zeros{}}), guard(t, Config{Rand: zeros{}})
	if a.Code() == b.Code() || a.sessions.cookie == b.sessions.cookie {
		t.Error("secrets come of Config.Rand")
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

const password = "correct horse battery"

func remote(t *testing.T) Config {
	hash, err := hashPassword(password, fewestRounds)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Remote: &Remote{Hosts: []string{"cards.example.org"}, Password: hash}}
}

func TestThreatCleartext(t *testing.T) {
	g := guard(t, remote(t))
	plain := func(r *http.Request) { r.TLS = nil; r.Header.Set("Origin", "http://"+r.Host) }
	for _, path := range []string{"/", "/login", "/v/rail", "/assets/app.js"} {
		g.is(path, g.ask("GET", path, plain), 403)
	}
	g.is("the password", g.ask("POST", "/login password="+password, plain), 403)
	g.is("from this computer", g.ask("GET", "/login", plain, func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" }), 403)
	g.is("another name", g.ask("GET", "/login", func(r *http.Request) { r.Host = "evil.example" }), 421)
	g.is("with TLS", g.ask("GET", "/login"), 200)
	w := g.ask("POST", "/login password="+password)
	g.take(w)
	if c := g.cookie; !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("the cookie is %v", c)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("the browser may come back without TLS")
	}
	g.is("logged in", g.ask("GET", "/v/rail"), 200)
}

func TestThreatGuessedPassword(t *testing.T) {
	g := guard(t, remote(t))
	if code := g.Code(); code != "" {
		t.Error("a page for others has one-time codes")
	}
	g.is("a made-up code", g.ask("GET", "/?code=00"), 401)
	g.is("the shell", g.ask("GET", "/"), 303)
	g.is("of another site", g.ask("POST", "/login password="+password, header("Origin", "https://evil.example")), 403)
	for _, guess := range []string{"", password + "x", strings.ToUpper(password), password[:len(password)-1]} {
		g.is(guess, g.ask("POST", "/login password="+guess), 401)
	}
	g.is("one too many", g.ask("POST", "/login password="+password), 429)
	g.is("somebody else", g.ask("POST", "/login password="+password, func(r *http.Request) { r.RemoteAddr = "198.51.100.1:1" }), 303)
	g.is("a neighbour in an IPv6 network", g.ask("POST", "/login password=x", func(r *http.Request) { r.RemoteAddr = "[2001:db8::1]:1" }), 401)
	g.pass(10 * time.Second)
	g.is("later", g.ask("POST", "/login password="+password), 303)
	if l := g.logged(); strings.Contains(l, password) || !strings.Contains(l, "192.0.2.9") {
		t.Errorf("logged: %s", l)
	}
	// Many addresses are one person, too.
	refused := false
	for i := range 60 {
		w := g.ask("POST", "/login password=x", func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("203.0.113.%d:1", i); r.Body = http.NoBody })
		refused = refused || w.Code == 429
	}
	if !refused {
		t.Error("guesses from many addresses are not bounded")
	}
}

func TestThreatStolenPassword(t *testing.T) {
	hash, err := HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	other, err := hashPassword(password, fewestRounds)
	if err != nil {
		t.Fatal(err)
	}
	h, err := parsePasswordHash(hash)
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(hash, password) || strings.HasSuffix(other, hash[strings.LastIndex(hash, "$"):]):
		t.Errorf("the hash is %s", hash)
	case h.rounds < 600_000 || !h.is(password) || h.is(password+" "):
		t.Errorf("the hash is of %d rounds", h.rounds)
	}
	if _, err := HashPassword("nine char"); err == nil {
		t.Error("a short password is taken")
	}
	for _, bad := range []string{"", password, "pbkdf2-sha256$1$AAAAAAAAAAA$" + strings.Repeat("A", 43), strings.Replace(hash, "sha256", "sha1", 1), hash + "$", strings.Replace(hash, "600000", "99999999999", 1), hash[:len(hash)-4]} {
		if _, err := New(Config{Remote: &Remote{Hosts: []string{"a"}, Password: bad}}); err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	for _, hosts := range [][]string{nil, {""}, {"https://a"}} {
		if _, err := New(Config{Remote: &Remote{Hosts: hosts, Password: hash}}); err == nil {
			t.Errorf("hosts %q are taken", hosts)
		}
	}
}

// Codes, cookies, tokens and tickets are in no log, whatever is asked with them.
func TestThreatLogs(t *testing.T) {
	g := guard(t, Config{})
	g.mux.HandleFunc("GET /v/panics", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	var secrets []string
	for range 3 {
		code := g.Code()
		g.ask("GET", "/?code="+code+"&x=%zz")
		g.take(g.ask("GET", "/?code="+g.Code()))
		g.ask("GET", "/?code="+code)
		ticket := strings.Trim(strings.TrimSpace(g.ask("POST", "/stream").Body.String()), `"`)
		g.ask("GET", "/stream?ticket="+ticket, noCookie)
		g.ask("GET", "/v/panics?token="+g.token)
		g.ask("GET", "/v/rail", header("Origin", "https://evil.example"))
		secrets = append(secrets, code, ticket, g.token, g.cookie.Value)
	}
	l := g.logged()
	if !strings.Contains(l, "on purpose") || !strings.Contains(l, "not valid") {
		t.Fatalf("nothing was logged: %s", l)
	}
	for _, secret := range secrets {
		if len(secret) < 32 || strings.Contains(l, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}
