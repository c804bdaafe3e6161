package centre_test

import (
	"context"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/cmd/desfire-server/node"
	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
)

// wait is longer than anything takes, on a loaded machine too.
const wait = time.Minute

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	t.Cleanup(cancel)
	return ctx
}

// world is a centre: an authority, a server and the address to join at.
type world struct {
	t      testing.TB
	auth   *centre.Authority
	hub    *node.Server
	nats   node.HubConfig
	web    *httptest.Server
	clock  *clock
	leafAt string
	dir    string
	urls   []string
	subs   remote.Subjects
}

type clock struct{ off atomic.Int64 }

func (c *clock) now() time.Time      { return time.Now().Add(time.Duration(c.off.Load())) }
func (c *clock) add(d time.Duration) { c.off.Add(int64(d)) }

func freePort(t testing.TB) int { return freeport.Take(t, 1)[0] }

// start makes a world on loopback addresses, with TLS or without.
func start(t testing.TB, secure bool, change func(*centre.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: new(clock), subs: remote.Subjects{Fleet: "main"}}
	w.web = httptest.NewUnstartedServer(nil)
	at := w.web.Listener.Addr().String()
	port, leafPort := freePort(t), freePort(t)
	scheme, web := "nats://", "http://"
	if secure {
		scheme, web = "tls://", "https://"
	}
	conf := centre.Config{
		Dir: t.TempDir(), Fleet: "main", JoinURL: web + at, Now: w.clock.now,
		URLs: []string{scheme + net.JoinHostPort("127.0.0.1", itoa(port))},
	}
	if change != nil {
		change(&conf)
	}
	w.dir, w.urls = conf.Dir, conf.URLs
	var err error
	if w.auth, err = centre.Open(conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.auth.Close(); err != nil {
			t.Error(err)
		}
	})
	w.web.Config.Handler = w.auth.Handler()
	if secure {
		w.web.TLS = w.auth.TLS()
		w.web.StartTLS()
	} else {
		w.web.Start()
	}
	t.Cleanup(w.web.Close)
	w.leafAt = scheme + net.JoinHostPort("127.0.0.1", itoa(leafPort))
	w.nats = node.HubConfig{
		Host: "127.0.0.1", Port: port, LeafHost: "127.0.0.1", LeafPort: leafPort, Dir: filepath.Join(conf.Dir, "streams"), TLS: secure, LeafTLS: secure, Name: "hub",
	}
	w.startHub()
	t.Cleanup(func() { w.hub.Stop() })
	return w
}

func (w *world) startHub() {
	w.t.Helper()
	var err error
	if w.hub, err = node.Hub(w.auth, w.nats); err != nil {
		w.t.Fatal(err)
	}
}

// reopen starts a centre that was closed.
func (w *world) reopen(conf centre.Config) {
	w.t.Helper()
	var err error
	if w.auth, err = centre.Open(conf); err != nil {
		w.t.Fatal(err)
	}
	w.startHub()
}

func itoa(n int) string { return strconv.Itoa(n) }

// serve connects the centre itself, and has it serve.
func (w *world) serve() *nats.Conn {
	w.t.Helper()
	f, err := w.auth.ServiceFile("centre")
	if err != nil {
		w.t.Fatal(err)
	}
	nc, err := f.Dial(within(w.t), &centre.DialConfig{Inside: w.hub})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.auth.Serve(ctx, nc) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		nc.Close()
	})
	return nc
}

// join has somebody join by a line.
func (w *world) join(i centre.Invitation) *centre.File {
	w.t.Helper()
	l, err := w.auth.Invite(i)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := centre.Join(within(w.t), l.String(), i.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) agent(name string) *centre.File {
	return w.join(centre.Invitation{Name: name, Role: centre.Agent})
}

func dial(t testing.TB, f *centre.File, o ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := f.Dial(within(t), &centre.DialConfig{Options: o, MaxWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// eventually waits for something.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(wait)
	for !is() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// refusals collects what the server refuses to a connection.
type refusals chan string

func (r refusals) option() nats.Option {
	return nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { r <- err.Error() })
}

// next is the next refusal; it must be one.
func (r refusals) next(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-r:
		if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("refused with %q, want %q", got, want)
		}
	case <-time.After(wait):
		t.Errorf("not refused: %s", want)
	}
}
