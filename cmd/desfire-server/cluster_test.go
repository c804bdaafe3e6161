package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote/centre"
)

// The centre works with a cluster of the user, and no server inside.
func TestOwnCluster(t *testing.T) {
	make := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		pair, err := create()
		if err != nil {
			t.Fatal(err)
		}
		pub, _ := pair.PublicKey()
		return pair, pub
	}
	operator, op := make(nkeys.CreateOperator)
	_, acc := make(nkeys.CreateAccount)
	signing, sig := make(nkeys.CreateAccount)
	_, sys := make(nkeys.CreateAccount)
	text, err := jwt.NewOperatorClaims(op).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	oc, err := jwt.DecodeOperatorClaims(text)
	if err != nil {
		t.Fatal(err)
	}
	ac := jwt.NewAccountClaims(acc)
	ac.SigningKeys.Add(sig)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	resolver := new(server.MemAccResolver)
	for key, c := range map[string]*jwt.AccountClaims{acc: ac, sys: jwt.NewAccountClaims(sys)} {
		text, err := c.Encode(operator)
		if err != nil {
			t.Fatal(err)
		}
		if err := resolver.Store(key, text); err != nil {
			t.Fatal(err)
		}
	}
	s := natstest.Start(t, func(o *server.Options) {
		o.TrustedOperators, o.SystemAccount, o.AccountResolver = []*jwt.OperatorClaims{oc}, sys, resolver
	})
	seed, _ := signing.Seed()
	file, _ := json.Marshal(map[string]any{"v": 1, "urls": []string{s.URL}, "account": acc, "signing": string(seed)})
	path := filepath.Join(t.TempDir(), "cluster.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	start(t, dir, "--nats", path)
	code, line, errs := verb(t, "invite", "gate7", "--role", "agent", "--dir", dir)
	words := strings.Fields(line)
	if code != 0 || len(words) == 0 {
		t.Fatal(code, line, errs)
	}
	f, err := centre.Join(t.Context(), words[len(words)-1], "")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := f.Dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := f.Renew(t.Context(), nc); err != nil {
		t.Error(err)
	}
	if nc.ConnectedUrl() != s.URL {
		t.Error(nc.ConnectedUrl())
	}
	if code, out, errs := verb(t, "--dir", t.TempDir(), "--nats", path, "--leafs", ":1", "--check"); code != exitUsage {
		t.Error(code, out, errs)
	}
	for _, proved := range []string{"F48121", "nonsense"} { // no keys for it; no application
		if code, out, errs := verb(t, "--dir", t.TempDir(), "--proved", proved, "--check"); code != exitUsage || !strings.Contains(errs, "--proved") {
			t.Error(code, out, errs)
		}
	}
}
