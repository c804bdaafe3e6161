package centre_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/cmd/desfire-server/node"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote/centre"
)

// site is a leaf that runs, and the address of its server.
type site struct {
	leaf *node.Leaf
	url  string
	stop func()
}

func (w *world) site(f *centre.File, dir string, port int) *site {
	w.t.Helper()
	leaf, err := node.StartLeaf(f, node.LeafConfig{Host: "127.0.0.1", Port: port, Dir: dir, Change: func(o *server.Options) {
		o.LeafNode.ReconnectInterval = 50 * time.Millisecond
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- leaf.Run(ctx) }()
	stopped := false
	s := &site{leaf: leaf, url: leaf.ClientURL()}
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(s.stop)
	return s
}

// echo answers what comes to a subject of an agent.
func echo(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
}

// answers waits until a request is answered.
func answers(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	eventually(t, "an answer of "+subject, func() bool {
		m, err := nc.Request(subject, []byte("x"), 2*time.Second)
		return err == nil && string(m.Data) == "x"
	})
}

// A leaf shows a certificate of the fleet for the names that its token has, whose key it
// made itself, and agents of the site connect with TLS.
func TestLeafCertificate(t *testing.T) {
	w := start(t, true, nil)
	service := w.serve()
	port := freePort(t)
	lf := w.join(centre.Invitation{Name: "site1", Role: centre.Leaf, Agents: []string{"gate7"}, Hosts: []string{"leaf.example"}, URLs: []string{w.leafAt}})
	path := filepath.Join(t.TempDir(), "leaf.json")
	if err := lf.Write(path); err != nil {
		t.Fatal(err)
	}
	lf, err := centre.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := lf.ServerTLS()
	if err != nil || conf == nil || conf.Certificates[0].Leaf.VerifyHostname("leaf.example") != nil || conf.Certificates[0].Leaf.VerifyHostname("centre.example") == nil {
		t.Fatalf("%v, %v", conf, err)
	}
	w.site(lf, t.TempDir(), port)
	a := dial(t, w.join(centre.Invitation{Name: "gate7", Role: centre.Agent, URLs: []string{"tls://127.0.0.1:" + itoa(port)}}))
	echo(t, service, w.subs.Keys("*", ">"))
	answers(t, a, w.subs.Keys("gate7", "has"))
	if s, err := a.TLSConnectionState(); err != nil || len(s.VerifiedChains) == 0 {
		t.Error(s, err)
	}
	if agent := w.agent("gate8"); agent.Cert != "" || agent.Key != "" || agent.Trust != nil {
		t.Error("an agent got a certificate of a server")
	}
	// Without TLS it listens at this machine only.
	lf.Cert, lf.Key = "", ""
	if _, err := node.StartLeaf(lf, node.LeafConfig{Host: "0.0.0.0", Port: -1, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Error(err)
	}
}

// A leaf carries as many agents as a site has.
func TestLeafCarriesMany(t *testing.T) {
	w := start(t, false, nil)
	service := w.serve()
	port := freePort(t)
	var names []string
	for i := range 100 {
		names = append(names, "gate-with-the-longest-name-of-"+itoa(10+i%90))
	}
	w.site(w.join(centre.Invitation{Name: "site1", Role: centre.Leaf, Agents: names, URLs: []string{w.leafAt}}), t.TempDir(), port)
	if _, err := w.auth.Invite(centre.Invitation{Name: "site2", Role: centre.Leaf, Agents: append(names, "one-more"), URLs: []string{w.leafAt}}); err == nil {
		t.Error("a leaf with 101 agents")
	}
	a := dial(t, w.join(centre.Invitation{Name: names[99], Role: centre.Agent, URLs: []string{"tls://127.0.0.1:" + itoa(port)}}))
	echo(t, service, w.subs.Keys("*", ">"))
	answers(t, a, w.subs.Keys(names[99], "has"))
}

// Whoever is revoked is gone at a leaf as well, at once and for ever: while connected,
// when it comes back, after a restart of the leaf without the centre, and when somebody
// plays an older account to the leaf. Others go on.
func TestRevokedBehindLeaf(t *testing.T) {
	w := start(t, false, nil)
	service := w.serve()
	proxy := natstest.NewProxy(t, w.leafAt)
	lf := w.join(centre.Invitation{Name: "site1", Role: centre.Leaf, URLs: []string{proxy.URL}})
	dir := t.TempDir()
	port := freePort(t)
	s := w.site(lf, dir, port)
	at := []string{s.url}
	bad := w.join(centre.Invitation{Name: "bad", Role: centre.Agent, URLs: at})
	good := w.join(centre.Invitation{Name: "good", Role: centre.Agent, URLs: at})
	old := lf.Trust.Account

	var refused = make(refusals, 100)
	bc, gc := dial(t, bad, refused.option()), dial(t, good)
	lease := func(name string) string { return w.subs.Lease(name, "r0") }
	echo(t, bc, lease("bad"))
	echo(t, gc, lease("good"))
	echo(t, service, w.subs.Keys("*", ">"))
	answers(t, service, lease("bad")) // through the leaf, both ways
	answers(t, service, lease("good"))
	answers(t, gc, w.subs.Keys("good", "has"))

	if err := w.auth.Revoke("bad"); err != nil {
		t.Fatal(err)
	}
	refused.next(t, "revoked")
	gone := func(what string) {
		t.Helper()
		if nc, err := bad.Dial(within(t), nil); err == nil {
			nc.Close()
			t.Errorf("%s: a revoked agent connects", what)
		}
	}
	gone("at once")
	if bc.IsConnected() {
		t.Error("a revoked agent stays connected")
	}
	answers(t, service, lease("good"))

	// An older account, as somebody kept it, takes nothing back.
	if err := service.Publish(w.subs.News(), []byte(old)); err != nil {
		t.Fatal(err)
	}
	answers(t, service, lease("good"))
	gone("after an older account")

	// Cut off: the site goes on, and knows.
	proxy.Refuse()
	proxy.Cut()
	gone("cut off")
	other := w.join(centre.Invitation{Name: "other", Role: centre.Agent, URLs: at}) // by another way
	oc := dial(t, other)
	if _, err := oc.Subscribe(w.subs.Ask("other"), func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	// What a restart without the centre knows.
	s.stop()
	w.site(lf, dir, port)
	gone("after a restart without the centre")
	dial(t, good)

	// Revoked while cut off: it goes on until the leaf is back.
	if err := w.auth.Revoke("other"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other is back at the leaf", oc.IsConnected)
	proxy.Heal()
	eventually(t, "the other is gone", func() bool { return !oc.IsConnected() })
	answers(t, service, lease("good"))
}
