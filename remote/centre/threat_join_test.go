package centre_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/remote/centre"
)

func (w *world) invite(i centre.Invitation) centre.Line {
	w.t.Helper()
	l, err := w.auth.Invite(i)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// refusedLine is an error of the test if somebody joins.
func (w *world) refusedLine(what, line, want string) {
	w.t.Helper()
	f, err := centre.Join(within(w.t), line, "")
	if err == nil {
		w.t.Errorf("%s: joined as %s", what, f.Name)
	} else if !strings.Contains(err.Error(), want) {
		w.t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// A token is for one name, once, within its time, and cannot be guessed.
func TestThreatToken(t *testing.T) {
	w := start(t, true, nil)
	const no = "does not do"
	l := w.invite(centre.Invitation{Name: "gate7", Role: centre.Agent})
	other := l
	other.Name = "gate8"
	w.refusedLine("for another name", other.String(), no)
	w.invite(centre.Invitation{Name: "gate8", Role: centre.Agent})
	w.refusedLine("for another name that has a token", other.String(), no)
	guess := l
	guess.Token = strings.Repeat("a", 32)
	w.refusedLine("guessed", guess.String(), no)
	if _, err := centre.Join(within(t), l.String(), ""); err != nil {
		t.Fatal(err)
	}
	w.refusedLine("twice", l.String(), no)
	if _, err := w.auth.Invite(centre.Invitation{Name: "gate7", Role: centre.Agent}); err == nil || !strings.Contains(err.Error(), "is a member already") {
		t.Errorf("a second one of a name: %v", err)
	}

	late := w.invite(centre.Invitation{Name: "gate9", Role: centre.Agent})
	w.clock.add(15*time.Minute + time.Second)
	w.refusedLine("late", late.String(), no)
	first := w.invite(centre.Invitation{Name: "gate9", Role: centre.Agent})
	w.invite(centre.Invitation{Name: "gate9", Role: centre.Agent})
	w.refusedLine("a later one was made", first.String(), no)

	// Nothing on the disk is a token.
	text, err := os.ReadFile(filepath.Join(w.dir, "members.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []centre.Line{l, late, first} {
		if strings.Contains(strings.ToLower(string(text)), l.Token) {
			t.Error("a token is on the disk")
		}
	}
	if n := len(w.auth.Members()); n != 1 {
		t.Errorf("%d members", n)
	}
}

// Two who have one token at the same time: one of them joins.
func TestThreatTokenRace(t *testing.T) {
	w := start(t, false, nil)
	line := w.invite(centre.Invitation{Name: "gate7", Role: centre.Agent}).String()
	var mu sync.Mutex
	var all sync.WaitGroup
	joined := 0
	for range 4 {
		all.Go(func() {
			if _, err := centre.Join(within(t), line, ""); err == nil {
				mu.Lock()
				joined++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if joined != 1 || len(w.auth.Members()) != 1 {
		t.Errorf("%d joined, %d members", joined, len(w.auth.Members()))
	}
}

// A request to join that somebody wrote down gives another nothing, and the answer that
// was lost comes again for the key that asked.
func TestThreatReplayedJoin(t *testing.T) {
	w := start(t, false, nil)
	var mu sync.Mutex
	var bodies [][]byte
	lose := 1
	inner := w.web.Config.Handler
	w.web.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		bodies = append(bodies, body)
		lost := lose > 0
		lose--
		mu.Unlock()
		if lost {
			inner.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // joined, and the answer is lost
		}
		inner.ServeHTTP(rw, r)
	})
	l := w.invite(centre.Invitation{Name: "gate7", Role: centre.Agent})
	f, err := centre.Join(within(t), l.String(), "gate7")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(bodies); n != 2 {
		t.Fatalf("%d requests", n)
	}
	post := func(body []byte) (int, string) {
		t.Helper()
		resp, err := http.Post(w.web.URL+"/join", "application/json", bytes.NewReader(body)) //nolint:noctx // ends with the server
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	// The same again: permissions for the same key, no second member, and no seed.
	status, text := post(bodies[0])
	if status != http.StatusOK || strings.Contains(text, f.Seed) || len(w.auth.Members()) != 1 {
		t.Errorf("%d %d members", status, len(w.auth.Members()))
	}
	var answer struct{ JWT string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	// With these permissions and another key nobody gets in.
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := pair.Seed()
	stolen := f.Clone()
	stolen.JWT, stolen.Seed = answer.JWT, string(seed)
	if _, err := stolen.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("permissions of another: %v", err)
	}
	// Any change of the request breaks its signature.
	pub, _ := pair.PublicKey()
	for _, name := range []string{"key", "name", "nonce", "token"} {
		var q map[string]any
		if err := json.Unmarshal(bodies[0], &q); err != nil {
			t.Fatal(err)
		}
		q[name] = map[string]string{"key": pub, "name": "gate8", "nonce": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "token": strings.Repeat("a", 32)}[name]
		changed, _ := json.Marshal(q)
		if status, text := post(changed); status != http.StatusForbidden || !strings.Contains(text, "not signed") {
			t.Errorf("changed %s: %d %s", name, status, text)
		}
	}
	w.clock.add(16 * time.Minute)
	if status, _ := post(bodies[0]); status != http.StatusForbidden {
		t.Errorf("after its time: %d", status)
	}
}

// A joining that was killed goes on with its key, and no second one takes its place.
func TestJoinGoesOn(t *testing.T) {
	w := start(t, false, nil)
	inner := w.web.Config.Handler
	w.web.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
	line := w.invite(centre.Invitation{Name: "gate7", Role: centre.Agent}).String()
	path := filepath.Join(t.TempDir(), "fleet.json")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // killed before the answer
		defer cancel()
		eventually(t, "joined", func() bool { return len(w.auth.Members()) == 1 })
	}()
	if _, err := centre.JoinTo(ctx, line, path); err == nil {
		t.Fatal("joined")
	}
	w.web.Config.Handler = inner
	f, err := centre.JoinTo(within(t), line, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := centre.JoinTo(within(t), line, path); err == nil || !strings.Contains(err.Error(), "has joined") {
		t.Errorf("a second time: %v", err)
	}
	again, err := centre.LoadFile(path)
	if err != nil || again.Seed != f.Seed {
		t.Fatal(err)
	}
	dial(t, again)
	if left, _ := filepath.Glob(path + ".*"); left != nil {
		t.Errorf("left: %v", left)
	}
}

// Somebody between who shows another certificate is not told the token.
func TestThreatAnotherCertificate(t *testing.T) {
	w := start(t, true, nil)
	other := start(t, true, nil)
	told := false
	between := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told = true }))
	between.TLS = other.auth.TLS()
	between.StartTLS()
	defer between.Close()
	l := w.invite(centre.Invitation{Name: "gate7", Role: centre.Agent})
	l.URL = between.URL
	w.refusedLine("another certificate", l.String(), "another certificate")
	if told {
		t.Error("the token was sent")
	}
	// NATS: a server of another authority, at the address of the file.
	f := w.agent("gate8")
	f.URLs = other.urls
	if _, err := f.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("NATS with another certificate: %v", err)
	}
	// Renewal over HTTPS trusts the authority of the file only.
	f.Join = between.URL
	if err := f.Renew(within(t), nil); err == nil || !strings.Contains(err.Error(), "certificate") || told {
		t.Errorf("renewal with another certificate: %v", err)
	}
}

// Nothing goes out in clear but to this machine, and nobody joins in clear from elsewhere.
func TestThreatDowngrade(t *testing.T) {
	w := start(t, true, nil)
	f := w.agent("gate7")
	plain := start(t, false, nil)
	// A server without TLS, or somebody between who takes it away.
	f.URLs = []string{strings.Replace(plain.urls[0], "nats:", "tls:", 1)}
	if _, err := f.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), "no TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
	for _, test := range []struct{ url, want string }{
		{"nats://192.0.2.1:4222", "want tls://192.0.2.1:4222"},
		{"nats://centre.example:4222", "want tls://centre.example:4222"},
		{"ws://127.0.0.1:4222", "want tls://"},
		{"tls://u:p@127.0.0.1:4222", "want tls://"},
		{"tls://127.0.0.1", "no port"},
	} {
		f.URLs = []string{test.url}
		if _, err := f.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.url, err)
		}
		if _, err := w.auth.Invite(centre.Invitation{Name: "x", Role: centre.Agent, URLs: f.URLs}); err == nil {
			t.Errorf("%s: invited", test.url)
		}
	}
	f.URLs = []string{"tls://127.0.0.1:4222", "nats://127.0.0.1:4223"}
	if _, err := f.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), "one or the other") {
		t.Errorf("mixed: %v", err)
	}
	for _, line := range []string{
		"desfire-join-1/gate7/" + strings.Repeat("a", 32) + "/192.0.2.1:8443/loopback",
		"desfire-join-1/gate7/" + strings.Repeat("a", 32) + "/centre.example:8443/loopback",
	} {
		if _, err := centre.ParseLine(line); err == nil || !strings.Contains(err.Error(), "no fingerprint") {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, url := range []string{"http://centre.example:80", "http://192.0.2.1:80", "ftp://127.0.0.1:1", "https://x", "https://u:p@x:1"} {
		if _, err := centre.Open(centre.Config{Dir: t.TempDir(), Fleet: "main", URLs: []string{"tls://x:1"}, JoinURL: url}); err == nil {
			t.Errorf("%s: opened", url)
		}
	}
	// Whatever server stands in front: from elsewhere only by TLS.
	for _, test := range []struct {
		from string
		tls  *tls.ConnectionState
		want int
	}{
		{"192.0.2.1:1000", nil, http.StatusForbidden},
		{"garbage", nil, http.StatusForbidden},
		{"192.0.2.1:1000", &tls.ConnectionState{}, http.StatusBadRequest},
		{"127.0.0.1:1000", nil, http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "/join", strings.NewReader("{"))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr, r.TLS = test.from, test.tls
		rec := httptest.NewRecorder()
		w.auth.Handler().ServeHTTP(rec, r)
		if rec.Code != test.want {
			t.Errorf("from %s: %d", test.from, rec.Code)
		}
	}
}

// Who guesses must wait, and keeps nobody else out.
func TestThreatGuessedToken(t *testing.T) {
	w := start(t, false, nil)
	h := w.auth.Handler()
	ask := func(from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/join", strings.NewReader(`{"v":1}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr, r.TLS = from, &tls.ConnectionState{}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	for range 5 {
		if rec := ask("192.0.2.1:1000"); rec.Code != http.StatusForbidden {
			t.Fatalf("%d", rec.Code)
		}
	}
	if rec := ask("192.0.2.1:2000"); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" {
		t.Errorf("%d", rec.Code)
	}
	if rec := ask("192.0.2.2:1000"); rec.Code != http.StatusForbidden {
		t.Errorf("another: %d", rec.Code)
	}
	// All addresses of one network of IPv6 are one.
	for i := range 6 {
		want := http.StatusForbidden
		if i == 5 {
			want = http.StatusTooManyRequests
		}
		if rec := ask("[2001:db8::" + string(rune('1'+i)) + "]:1000"); rec.Code != want {
			t.Errorf("%d: %d", i, rec.Code)
		}
	}
	// Joining in order costs nothing.
	for i := range 8 {
		w.agent("gate" + string(rune('a'+i)))
	}
	w.clock.add(11 * time.Second)
	if rec := ask("192.0.2.1:2000"); rec.Code != http.StatusForbidden {
		t.Errorf("later: %d", rec.Code)
	}
	// Many networks together are bounded too.
	limited := false
	for i := range 256 {
		limited = limited || ask("198.51.100."+itoa(i)+":1").Code == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("256 networks are not limited together")
	}
	// A page of a browser cannot ask.
	r := httptest.NewRequest(http.MethodPost, "/join", strings.NewReader(`{"v":1}`))
	r.Header.Set("Content-Type", "text/plain")
	r.RemoteAddr = "127.0.0.1:1"
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", rec.Code)
	}
}

func FuzzJoin(f *testing.F) {
	a, err := centre.Open(centre.Config{Dir: f.TempDir(), Fleet: "main", URLs: []string{"tls://h:1"}, JoinURL: "https://h:2"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = a.Close() })
	if _, err := a.Invite(centre.Invitation{Name: "gate7", Role: centre.Agent}); err != nil {
		f.Fatal(err)
	}
	h := a.Handler()
	f.Add(`{"v":1,"name":"gate7","token":"x","key":"UA","nonce":"AAAA","sig":"AAAA","csr":"-----BEGIN CERTIFICATE REQUEST-----"}`)
	f.Add(`{"v":9}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/join", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "127.0.0.1:1"
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code == http.StatusOK || rec.Code >= 500 || len(a.Members()) != 0 {
			t.Errorf("%q: %d", body, rec.Code)
		}
	})
}
