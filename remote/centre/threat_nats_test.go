package centre_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
)

// pairOf is the key of a file.
func pairOf(t testing.TB, f *centre.File) nkeys.KeyPair {
	t.Helper()
	pair, err := nkeys.FromSeed([]byte(f.Seed))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Nobody gets in without permissions of this fleet and the key that they are for.
func TestThreatNoCredentials(t *testing.T) {
	w := start(t, false, nil)
	foreign := start(t, false, nil)
	f, other := w.agent("gate7"), foreign.agent("gate7")
	pair := pairOf(t, f)
	key, _ := pair.PublicKey()
	account, _ := nkeys.CreateAccount()
	sign := func(change func(*jwt.UserClaims)) string {
		t.Helper()
		c := jwt.NewUserClaims(key)
		if change != nil {
			change(c)
		}
		text, err := c.Encode(account)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	claims, err := jwt.DecodeUserClaims(f.JWT)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(-40 * 24 * time.Hour)
	expired := w.agent("gate8")
	w.clock.add(40 * 24 * time.Hour)
	if at := expired.Expires(); !at.Before(time.Now()) {
		t.Fatal(at)
	}
	with := func(text string, pair nkeys.KeyPair) nats.Option {
		return nats.UserJWT(func() (string, error) { return text, nil }, pair.Sign)
	}
	stranger, _ := nkeys.CreateUser()
	for name, o := range map[string]nats.Option{
		"nothing":                  nats.Name("x"),
		"a password":               nats.UserInfo("gate7", "gate7"),
		"a token":                  nats.Token("gate7"),
		"a key alone":              nats.Nkey(key, pair.Sign),
		"signed by itself":         with(sign(nil), pair),
		"signed for the account":   with(sign(func(c *jwt.UserClaims) { c.IssuerAccount = claims.Issuer }), pair),
		"a bearer":                 with(sign(func(c *jwt.UserClaims) { c.IssuerAccount, c.BearerToken = claims.Issuer, true }), pair),
		"of another fleet":         with(other.JWT, pairOf(t, other)),
		"expired":                  with(expired.JWT, pairOf(t, expired)),
		"another's":                with(f.JWT, stranger),
		"another's without signed": nats.UserJWT(func() (string, error) { return f.JWT, nil }, func([]byte) ([]byte, error) { return nil, nil }),
		"cut":                      with(f.JWT[:len(f.JWT)-8], pair),
	} {
		nc, err := nats.Connect(w.urls[0], o)
		if err == nil {
			nc.Close()
			t.Errorf("%s: connected", name)
		} else if !strings.Contains(strings.ToLower(err.Error()), "auth") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dial(t, f)
	if _, err := expired.Dial(within(t), nil); err == nil || !strings.Contains(err.Error(), "ran out") {
		t.Errorf("expired: %v", err)
	}
}

// An agent has no streams, in any way: neither by asking, nor by having others write
// where it may not.
func TestThreatStreams(t *testing.T) {
	w := start(t, false, nil)
	service := w.serve()
	js, err := jetstream.New(service)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: w.subs.Stream("LEDGER"), Subjects: []string{w.subs.Ledger("*")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: w.subs.Bucket("open")}); err != nil {
		t.Fatal(err)
	}
	a := dial(t, w.agent("gate7"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	v := dial(t, w.join(centre.Invitation{Name: "vic", Role: centre.Viewer}), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	for _, nc := range []*nats.Conn{a, v} {
		mine, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func(context.Context) error{
			"delete": func(ctx context.Context) error { return mine.DeleteStream(ctx, w.subs.Stream("LEDGER")) },
			"read":   func(ctx context.Context) error { _, err := mine.Stream(ctx, w.subs.Stream("LEDGER")); return err },
			"make": func(ctx context.Context) error {
				_, err := mine.CreateStream(ctx, jetstream.StreamConfig{Name: "MINE", Subjects: []string{w.subs.Keys("*", ">")}})
				return err
			},
			"bucket":  func(ctx context.Context) error { _, err := mine.KeyValue(ctx, w.subs.Bucket("open")); return err },
			"publish": func(ctx context.Context) error { _, err := mine.Publish(ctx, w.subs.Ledger("1"), nil); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // nobody answers
			if err := do(ctx); err == nil {
				t.Errorf("%s works", name)
			}
			cancel()
		}
		// An answer that would go to the ledger, or to another: the centre does not give it.
		who := map[*nats.Conn]string{a: "gate7", v: "vic"}[nc]
		q, err := remote.Encode(struct{ remote.Versioned }{remote.Versioned{V: remote.Version}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, reply := range []string{w.subs.Ledger("2"), "_INBOX.gate9.x", w.subs.Admin("revoke"), "$JS.API.STREAM.DELETE." + w.subs.Stream("LEDGER")} {
			if err := nc.PublishRequest(w.subs.Renew(who), reply, q); err != nil {
				t.Fatal(err)
			}
		}
		// It has looked at them when it answers what comes after.
		if _, err := nc.RequestWithContext(within(t), w.subs.Renew(who), q); err != nil {
			t.Fatal(err)
		}
	}
	info, err := stream.Info(within(t))
	if err != nil || info.State.Msgs != 0 {
		t.Errorf("the ledger has %d messages, %v", info.State.Msgs, err)
	}
	names := 0
	for range js.StreamNames(within(t)).Name() {
		names++
	}
	if names != 2 {
		t.Errorf("%d streams", names)
	}
}

// An agent hears no answer to another, whatever it listens to.
func TestThreatInbox(t *testing.T) {
	w := start(t, false, nil)
	service := w.serve()
	echo(t, service, w.subs.Keys("*", ">"))
	heard := make(chan string, 10)
	spy := dial(t, w.agent("spy"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	for _, s := range []string{">", "_INBOX.>", "_INBOX.gate7.>", "_INBOX.*.*.*", "desfire.main.keys.>", "desfire.main.keys.gate7.*"} {
		if _, err := spy.Subscribe(s, func(m *nats.Msg) { heard <- m.Subject }); err != nil {
			t.Fatal(err)
		}
		if _, err := spy.QueueSubscribe(s, "q", func(m *nats.Msg) { heard <- m.Subject }); err != nil {
			t.Fatal(err)
		}
	}
	if err := spy.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	a := dial(t, w.agent("gate7"))
	if _, err := a.RequestWithContext(within(t), w.subs.Keys("gate7", "handshake"), []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := spy.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-heard:
		t.Errorf("the spy heard %s", s)
	default:
	}
}

// root is a connection that may do everything in the account of the fleet, as nobody has
// it.
func (w *world) root() *nats.Conn {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "centre-keys.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var keys struct{ Account string }
	if err := json.Unmarshal(text, &keys); err != nil {
		w.t.Fatal(err)
	}
	account, err := nkeys.FromSeed([]byte(keys.Account))
	if err != nil {
		w.t.Fatal(err)
	}
	pair, _ := nkeys.CreateUser()
	key, _ := pair.PublicKey()
	c := jwt.NewUserClaims(key)
	c.Pub.Allow, c.Sub.Allow = []string{">"}, []string{">"}
	signed, err := c.Encode(account)
	if err != nil {
		w.t.Fatal(err)
	}
	nc, err := nats.Connect(w.urls[0], nats.UserJWT(func() (string, error) { return signed, nil }, pair.Sign))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc
}

// A server of a site that was taken over sends and hears what its agents may, and no
// more, whatever it lets its own clients do.
func TestThreatRogueLeaf(t *testing.T) {
	w := start(t, false, nil)
	w.serve()
	service := w.root()
	f := w.join(centre.Invitation{Name: "site1", Role: centre.Leaf, Agents: []string{"gate7"}, URLs: []string{w.leafAt}})
	up, err := url.Parse(w.leafAt)
	if err != nil {
		t.Fatal(err)
	}
	rogue := natstest.Start(t, func(o *server.Options) {
		o.JetStream = false
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{
			URLs:        []*url.URL{up},
			SignatureCB: func(nonce []byte) (string, []byte, error) { s, err := pairOf(t, f).Sign(nonce); return f.JWT, s, err },
		}}
	})
	r := rogue.Connect(nats.CustomInboxPrefix(remote.Inbox("gate7"))) // its clients need no permissions
	got := make(chan string, 100)
	for _, s := range []string{"desfire.>", "_INBOX.>", "$KV.>"} {
		if _, err := service.Subscribe(s, func(m *nats.Msg) {
			if string(m.Data) == "rogue" {
				got <- m.Subject
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := service.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	echo(t, service, "desfire.main.keys.gate7.has")
	answers(t, r, "desfire.main.keys.gate7.has") // it is connected
	allowed := map[string]bool{}
	for _, row := range may {
		if strings.ContainsAny(row.subject, "*>") {
			continue
		}
		allowed[row.subject] = strings.Contains(row.send, "a") || row.subject == "_INBOX.op.ann.x" || row.subject == "_INBOX.op.centre.x"
		if err := r.Publish(row.subject, []byte("rogue")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Publish("desfire.main.outbox.gate7", []byte("rogue")); err != nil { // last
		t.Fatal(err)
	}
	for last := 0; last < 2; {
		select {
		case s := <-got:
			if !allowed[s] {
				t.Errorf("a rogue leaf sends to %s", s)
			}
			if s == "desfire.main.outbox.gate7" {
				last++
			}
		case <-time.After(wait):
			t.Fatal("what it may send does not come")
		}
	}
	// What it may not hear does not come.
	heard := make(chan string, 100)
	if _, err := r.Subscribe(">", func(m *nats.Msg) {
		if string(m.Data) == "centre" {
			heard <- m.Subject
		}
	}); err != nil {
		t.Fatal(err)
	}
	end := "desfire.main.news"
	eventually(t, "the leaf listens", func() bool {
		if err := service.Publish(end, []byte("centre")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			return true
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
	for _, row := range may {
		if !strings.ContainsAny(row.subject, "*>") && !strings.HasPrefix(row.subject, "$") && row.subject != end {
			if err := service.Publish(row.subject, []byte("centre")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := service.Publish("desfire.main.agent.gate7.drain", []byte("centre")); err != nil {
		t.Fatal(err)
	}
	hears := map[string]bool{end: true}
	for _, row := range may {
		hears[row.subject] = hears[row.subject] || strings.Contains(row.hear, "a")
	}
	for last := 0; last < 2; {
		select {
		case s := <-heard:
			if !hears[s] {
				t.Errorf("a rogue leaf hears %s", s)
			}
			if s == "desfire.main.agent.gate7.drain" {
				last++
			}
		case <-time.After(wait):
			t.Fatal("what it may hear does not come")
		}
	}
}
