package centre_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/remote/centre"
)

func member(w *world, name string) centre.Member {
	w.t.Helper()
	for _, m := range slices.Backward(w.auth.Members()) {
		if m.Name == name {
			return m
		}
	}
	w.t.Fatalf("no member %s", name)
	return centre.Member{}
}

// Whoever is revoked is gone at once and for ever; the name can have another.
func TestRevoked(t *testing.T) {
	w := start(t, false, nil)
	service := w.serve()
	f, other := w.agent("gate7"), w.agent("gate8")
	refused := make(refusals, 10)
	nc, oc := dial(t, f, refused.option()), dial(t, other)
	if err := w.auth.Revoke("gate7"); err != nil {
		t.Fatal(err)
	}
	refused.next(t, "revoked")
	if err := w.auth.Revoke("gate7"); err == nil || !strings.Contains(err.Error(), "no member") {
		t.Errorf("twice: %v", err)
	}
	for name, try := range map[string]func() error{
		"connect": func() error { c, err := f.Dial(within(t), nil); c.Close(); return err },
		"renew":   func() error { return f.Renew(within(t), nil) },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: a revoked agent does", name)
		}
	}
	// What would be signed later counts nothing either.
	next := w.join(centre.Invitation{Name: "gate7", Role: centre.Agent})
	dial(t, next)
	if c, err := f.Dial(within(t), nil); err == nil {
		c.Close()
		t.Error("connects under the name that it had")
	}
	if nc.IsConnected() || !oc.IsConnected() {
		t.Errorf("connected: %t, %t", nc.IsConnected(), oc.IsConnected())
	}
	// One that replaces another.
	third := w.join(centre.Invitation{Name: "gate7", Role: centre.Agent, Replace: true})
	dial(t, third)
	if c, err := next.Dial(within(t), nil); err == nil {
		c.Close()
		t.Error("one that was replaced connects")
	}
	n := 0
	for _, m := range w.auth.Members() {
		if m.Name == "gate7" && m.Revoked != nil {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d revoked", n)
	}
	_ = service
}

// What a centre knows survives it: keys, members, who is revoked; and one folder is one
// centre's.
func TestReopen(t *testing.T) {
	w := start(t, true, nil)
	f, gone := w.agent("gate7"), w.agent("gate8")
	if err := w.auth.Revoke("gate8"); err != nil {
		t.Fatal(err)
	}
	conf := centre.Config{Dir: w.dir, Fleet: "main", URLs: w.urls, JoinURL: w.web.URL}
	var held *filelock.HeldError
	if _, err := centre.Open(conf); !errors.As(err, &held) {
		t.Errorf("a second one: %v", err)
	}
	print, before := w.auth.Fingerprint(), w.auth.Members()
	w.hub.Stop()
	if err := w.auth.Close(); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		names, err := filepath.Glob(filepath.Join(w.dir, "*"))
		if err != nil || len(names) < 6 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	}
	w.reopen(conf)
	if w.auth.Fingerprint() != print || len(w.auth.Members()) != len(before) {
		t.Error("another centre")
	}
	dial(t, f)
	if c, err := gone.Dial(within(t), nil); err == nil {
		c.Close()
		t.Error("a revoked agent connects after a restart")
	}
	// More names: a new certificate of the same authority.
	if err := w.auth.Close(); err != nil {
		t.Fatal(err)
	}
	w.hub.Stop()
	conf.Hosts = []string{"centre.example", "192.0.2.1"}
	w.reopen(conf)
	if w.auth.Fingerprint() == print || w.auth.TLS().Certificates[0].Leaf.VerifyHostname("centre.example") != nil {
		t.Error("the certificate is not for the new name")
	}
	dial(t, f)
	// Half a certificate after a crash is made anew; keys that others can read, or that
	// are cut, are not taken.
	for _, test := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"server.pem", "-----BEGIN", "", 0o600},
		{"ca.pem", "-----BEGIN", "do not belong together", 0o600},
		{"members.json", `{"v":1,"members":[`, "line 1", 0o600},
		{"members.json", `{"v":9}`, "version 9", 0o600},
		{"centre-keys.json", "", "empty", 0o600},
		{"centre-keys.json", `{"v":1,"fleet":"main","operator":"SO"}`, "operator: not a seed", 0o600},
		{"centre-keys.json", `{"v":1,"fleet":"other"}`, "another folder", 0o600},
		{"centre-keys.json", `{"v":1}`, "chmod 600", 0o644},
	} {
		if err := w.auth.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(w.dir, test.name)
		kept, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(path, []byte(test.text), test.mode), os.Chmod(path, test.mode)); err != nil {
			t.Fatal(err)
		}
		a, err := centre.Open(conf)
		switch {
		case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			if test.mode != 0o644 || runtime.GOOS != "windows" {
				t.Errorf("%s %s: %v", test.name, test.text, err)
			}
		}
		if err == nil {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		} else if err := errors.Join(os.WriteFile(path, kept, 0o600), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if w.auth, err = centre.Open(conf); err != nil {
			t.Fatal(err)
		}
	}
}

// Permissions are renewed over the connection, and where others join when they ran out.
func TestRenew(t *testing.T) {
	w := start(t, true, nil)
	w.serve()
	path := filepath.Join(t.TempDir(), "fleet.json")
	w.clock.add(-40 * 24 * time.Hour)
	f := w.agent("gate7")
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	w.clock.add(40 * 24 * time.Hour)
	old := f.Permissions()
	// They ran out: a connection that is made when it can comes by new ones by itself.
	nc, err := f.Dial(within(t), &centre.DialConfig{Offline: true, MaxWait: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	eventually(t, "connected", nc.IsConnected)
	if f.Permissions() == old || !f.Expires().After(time.Now()) {
		t.Error("the same permissions")
	}
	again, err := centre.LoadFile(path)
	if err != nil || again.Permissions() != f.Permissions() {
		t.Errorf("the file holds others: %v", err)
	}
	w.clock.add(time.Hour)
	at := f.Expires()
	if err := f.Renew(within(t), nc); err != nil || !f.Expires().After(at) {
		t.Errorf("over the connection: %v", err)
	}
	if m := member(w, "gate7"); m.Seen == nil || m.Expires.Before(f.Expires()) {
		t.Errorf("%+v", m)
	}
}

// In a cluster of the user the centre signs with a key of the account, and whoever is
// revoked runs out of permissions, or is entered there.
func TestCluster(t *testing.T) {
	account, _ := nkeys.CreateAccount()
	key, _ := account.PublicKey()
	signing, _ := nkeys.CreateAccount()
	seed, _ := signing.Seed()
	var revoked []string
	for _, able := range []bool{false, true} {
		c := &centre.Cluster{Account: key, SigningSeed: string(seed), URLs: []string{"tls://nats.example:4222"}}
		if able {
			c.Revoke = func(keys []string) error { revoked = keys; return nil }
		}
		a, err := centre.Open(centre.Config{Dir: t.TempDir(), Fleet: "main", JoinURL: "https://centre.example:8443", Cluster: c})
		if err != nil {
			t.Fatal(err)
		}
		f, err := a.Enrol("gate7", centre.Agent)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := jwt.DecodeUserClaims(f.JWT)
		signer, _ := signing.PublicKey()
		if err != nil || claims.Issuer != signer || claims.IssuerAccount != key {
			t.Errorf("%+v, %v", claims, err)
		}
		lasts := time.Until(f.Expires())
		err = a.Revoke("gate7")
		var later *centre.LaterError
		switch {
		case able && (err != nil || len(revoked) != 1 || revoked[0] != claims.Subject || lasts < 24*time.Hour):
			t.Errorf("%v, %v, %v", err, revoked, lasts)
		case !able && (!errors.As(err, &later) || lasts > time.Hour || later.Until.Sub(f.Expires()).Abs() > time.Minute):
			t.Errorf("%v, %v", err, lasts)
		}
		if _, err := a.Trust(); err == nil {
			t.Error("trust in the operator of another")
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]centre.Cluster{"no account": {SigningSeed: string(seed), URLs: []string{"tls://h:1"}}, "no seed": {Account: key, URLs: []string{"tls://h:1"}}, "a seed of another kind": {Account: key, SigningSeed: "SUAA", URLs: []string{"tls://h:1"}}, "no address": {Account: key, SigningSeed: string(seed)}} {
		if _, err := centre.Open(centre.Config{Dir: t.TempDir(), Fleet: "main", JoinURL: "https://centre.example:8443", Cluster: &c}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// What is published without a connection fails at once: nothing is sent later.
func TestNoLateSending(t *testing.T) {
	w := start(t, false, nil)
	f := w.agent("gate7")
	nc := dial(t, f)
	w.hub.Stop()
	eventually(t, "cut", func() bool { return !nc.IsConnected() })
	if err := nc.Publish(w.subs.Hello("gate7"), nil); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Error(err)
	}
	if _, err := nc.RequestWithContext(within(t), w.subs.Outbox("gate7"), nil); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Error(err)
	}
}
