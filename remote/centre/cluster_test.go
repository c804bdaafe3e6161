package centre_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote/centre"
)

// key is a key pair with its texts.
type key struct {
	nkeys.KeyPair
	pub, seed string
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) key {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := pair.PublicKey()
	seed, _ := pair.Seed()
	return key{pair, pub, string(seed)}
}

// A cluster of the user, as its administrators make it: the centre lets members in with a
// signing key of the account, and has whoever is revoked thrown out at once.
func TestClusterRevokes(t *testing.T) {
	operator, system, account, signing := newKey(t, nkeys.CreateOperator), newKey(t, nkeys.CreateAccount), newKey(t, nkeys.CreateAccount), newKey(t, nkeys.CreateAccount)
	encode := func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	oc := jwt.NewOperatorClaims(operator.pub)
	oc.SystemAccount = system.pub
	oc, err := jwt.DecodeOperatorClaims(encode(oc.Encode(operator)))
	if err != nil {
		t.Fatal(err)
	}
	ac := jwt.NewAccountClaims(account.pub)
	ac.SigningKeys.Add(signing.pub)
	ac.Revoke(newKey(t, nkeys.CreateUser).pub) // of others: it stays
	ac.Name = "theirs"
	resolver, err := server.NewDirAccResolver(t.TempDir(), 0, 0, server.NoDelete)
	if err != nil {
		t.Fatal(err)
	}
	for pub, text := range map[string]string{system.pub: encode(jwt.NewAccountClaims(system.pub).Encode(operator)), account.pub: encode(ac.Encode(operator))} {
		if err := resolver.Store(pub, text); err != nil {
			t.Fatal(err)
		}
	}
	s := natstest.Start(t, func(o *server.Options) {
		o.JetStream = false
		o.TrustedOperators, o.SystemAccount, o.AccountResolver = []*jwt.OperatorClaims{oc}, system.pub, resolver
	})
	user := newKey(t, nkeys.CreateUser)
	creds, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(user.pub).Encode(system)), []byte(user.seed))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good := map[string]any{
		"v": 1, "urls": []string{s.URL}, "account": account.pub, "signing": signing.seed,
		"operator": operator.seed, "system": "system.creds",
	}
	write := func(m map[string]any) string {
		t.Helper()
		text, _ := json.Marshal(m)
		if err := os.WriteFile(filepath.Join(dir, "system.creds"), creds, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "cluster.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, err := centre.LoadCluster(write(good))
	if err != nil {
		t.Fatal(err)
	}
	if c.Replicas != 1 || c.SyncInterval != 2*time.Minute {
		t.Errorf("not told: %d replicas, synced after %v", c.Replicas, c.SyncInterval)
	}
	told := maps.Clone(good)
	told["replicas"], told["sync_interval"] = 3, "always"
	if c, err := centre.LoadCluster(write(told)); err != nil || c.Replicas != 3 || c.SyncInterval != 0 {
		t.Errorf("told: %+v %v", c, err)
	}
	a, err := centre.Open(centre.Config{Dir: t.TempDir(), Fleet: "main", JoinURL: "http://127.0.0.1:1", Cluster: c})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	f, err := a.Enrol("gate7", centre.Agent)
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Enrol("gate8", centre.Agent)
	if err != nil {
		t.Fatal(err)
	}
	service, err := a.ServiceFile("centre")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(refusals, 10)
	dial(t, f, refused.option())
	oth := dial(t, other)
	sc := dial(t, service)
	echo(t, sc, "desfire.main.keys.*.>")
	if err := a.Revoke("gate7"); err != nil {
		t.Fatal(err)
	}
	refused.next(t, "revoked")
	if nc, err := f.Dial(within(t), nil); err == nil {
		nc.Close()
		t.Error("a revoked agent connects")
	}
	answers(t, oth, "desfire.main.keys.gate8.has")
	text, err := resolver.Fetch(account.pub)
	if err != nil {
		t.Fatal(err)
	}
	now, err := jwt.DecodeAccountClaims(text)
	if err != nil || len(now.Revocations) != 2 || now.Name != "theirs" || !now.SigningKeys.Contains(signing.pub) {
		t.Errorf("the account is %+v, %v", now, err)
	}

	for name, test := range map[string]struct {
		set  map[string]any
		want string
	}{
		"member":            {map[string]any{"sining": signing.seed}, "sining"},
		"account":           {map[string]any{"account": signing.seed}, "begins with A"},
		"signing":           {map[string]any{"signing": operator.seed}, "signing key of the account: not a seed"},
		"operator":          {map[string]any{"operator": signing.seed}, "operator: not a seed"},
		"operator alone":    {map[string]any{"system": ""}, "needs both"},
		"no such file":      {map[string]any{"system": "none.creds"}, "none.creds"},
		"address":           {map[string]any{"urls": []string{"nats://nats.example:4222"}}, "without TLS"},
		"authority":         {map[string]any{"ca": "system.creds"}, "no certificate"},
		"version":           {map[string]any{"v": 2}, "version 2"},
		"replicas":          {map[string]any{"replicas": 6}, "want 1 to 5"},
		"sync":              {map[string]any{"sync_interval": "soon"}, "want what the servers have"},
		"no operator at it": {map[string]any{"operator": newKey(t, nkeys.CreateOperator).seed}, ""},
	} {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		for k, v := range test.set {
			m[k] = v
		}
		c, err := centre.LoadCluster(write(m))
		if test.want == "" {
			if err != nil || c.Revoke([]string{other.Name}) == nil {
				t.Errorf("%s: taken: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), signing.seed[2:20]) || strings.Contains(err.Error(), operator.seed[2:20]) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if path := write(good); runtime.GOOS != "windows" {
		if err := os.Chmod(filepath.Join(dir, "system.creds"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := centre.LoadCluster(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("credentials that others can read: %v", err)
		}
	}
}
