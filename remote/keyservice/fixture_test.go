package keyservice_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/nats-io/nats.go"
)

// keysFile is the keyring of the centre.
const keysFile = `
desfire: keys/v1
masters:
  aes: aes:11223344556677889900AABBCCDDEEFF
  before: aes:101112131415161718191A1B1C1D1E1F
  des2: 2k3des:00112233445566778899AABBCCDDEEF0
  des3: 3k3des:00112233445566778899AABBCCDDEEF00123456789ABCDEF
keys:
  card:
    0: {from: aes, diversify: {an10922: {uid: true}}}
  F48121:
    0: {from: aes, version: 1, diversify: {an10922: {uid: true, aid: true}}}
    1:
      - {from: aes, version: 2, diversify: {an10922: {uid: true, aid: true, system: one}}}
      - {from: before, version: 1, diversify: {an10922: {uid: true, aid: true, system: one}}}
    2: {from: aes, version: 1, diversify: {an10922: {uid: true, aid: true, system: two}}}
    3: aes:0F1E2D3C4B5A69788796A5B4C3D2E1F0/1
  F48122:
    0: {from: des2, diversify: {an10922: {uid: true, aid: true}}}
  app:
    0: {from: aes, version: 1, diversify: {an10922: {uid: true, system: zero}}}
    3: {from: aes, version: 1, diversify: {an10922: {uid: true, system: three}}}
  F48123:
    0: {from: des3, diversify: {an10922: {uid: true, aid: true}}}
`

var (
	aesApp  = wire.Place{AID: 0xF48121}
	des2App = wire.Place{AID: 0xF48122}
	des3App = wire.Place{AID: 0xF48123}
	fixed   = wire.Place{Fixed: true}
)

// all is what a policy says of an agent that may authenticate with every key by
// every method that there may be.
func all() *keyservice.Rules {
	return &keyservice.Rules{
		Keys: map[wire.Place][]keystore.ID{
			{}:      {keystore.Number(0)},
			aesApp:  {keystore.Number(0), keystore.Number(1), keystore.Number(2), keystore.Number(3)},
			des2App: {keystore.Number(0)},
			des3App: {keystore.Number(0)},
			fixed:   {keystore.Number(0), keystore.Number(3)},
		},
		Methods: []key.Method{
			key.MethodD40, key.MethodISO, key.MethodAES,
			key.MethodEV2First, key.MethodEV2NonFirst, key.MethodLRPFirst, key.MethodLRPNonFirst,
		},
		Rate: 100_000,
	}
}

func policyOf(agents map[string]*keyservice.Rules) *keyservice.Policy {
	return &keyservice.Policy{Agents: agents}
}

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// audit keeps what it is told, and fails while it is told to.
type audit struct {
	mu   sync.Mutex
	uses []keyservice.Use
	fail error
}

func (a *audit) take(_ context.Context, u *keyservice.Use) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	a.uses = append(a.uses, *u)
	return nil
}

func (a *audit) all() []keyservice.Use {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]keyservice.Use(nil), a.uses...)
}

func (a *audit) last(t testing.TB) keyservice.Use {
	t.Helper()
	uses := a.all()
	if len(uses) == 0 {
		t.Fatal("nothing was taken down")
	}
	return uses[len(uses)-1]
}

// centre is a key service over a NATS server of its own.
type centre struct {
	t       testing.TB
	server  *natstest.Server
	ring    *keyring.Ring
	clock   *clock
	audit   *audit
	service *keyservice.Service
	stop    func()
}

func openRing(t testing.TB) *keyring.Ring {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(name, []byte(keysFile), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ring.Close() })
	return ring
}

func startCentre(t testing.TB, agents map[string]*keyservice.Rules, change ...func(*keyservice.Config)) *centre {
	t.Helper()
	c := &centre{t: t, server: natstest.Start(t, nil), ring: openRing(t), clock: &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, audit: new(audit)}
	c.start(policyOf(agents), change...)
	return c
}

// start starts a service, after stop another one.
func (c *centre) start(p *keyservice.Policy, change ...func(*keyservice.Config)) {
	c.t.Helper()
	nc := c.server.Connect()
	conf := keyservice.Config{Conn: nc, Fleet: "main", Store: c.ring, Policy: p, Audit: c.audit.take, Now: c.clock.now, Timeout: time.Minute}
	for _, f := range change {
		f(&conf)
	}
	s, err := keyservice.New(conf)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		c.t.Fatalf("the service does not run: %v", err)
	}
	var once sync.Once
	c.service, c.stop = s, func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				c.t.Error(err)
			}
			nc.Close()
		})
	}
	c.t.Cleanup(c.stop)
}

// connect is a connection of an agent.
func (c *centre) connect(agent string) *nats.Conn {
	return c.server.Connect(nats.CustomInboxPrefix(remote.Inbox(agent)))
}

// keys are the keys of the centre as an agent has them.
func (c *centre) keys(agent string) *natskeys.Store {
	c.t.Helper()
	s, err := natskeys.New(c.connect(agent), "main", agent, &natskeys.Config{Timeout: time.Minute, Now: c.clock.now})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

var uid = keystore.UID("\x04\x11\x22\x33\x44\x55\x66")

func ref(p wire.Place, no wire.KeyNo) keystore.Ref {
	return keystore.Ref{UID: uid, Place: p, Key: keystore.Number(no)}
}

// local is a key as the centre has it.
func (c *centre) local(r keystore.Ref) key.Key {
	c.t.Helper()
	k, err := c.ring.Key(context.Background(), r)
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

// an application of the cards of the tests.
type application struct {
	place wire.Place
	typ   key.Type
	keys  []wire.KeyNo // those but 0 that the keyring has
	count int
}

var applications = []application{
	{aesApp, key.TypeAES, []wire.KeyNo{3, 2, 1}, 4}, {des2App, key.Type2K3DES, nil, 1}, {des3App, key.Type3K3DES, nil, 1},
}

// picc makes a card with the keys of the keyring.
func (c *centre) picc(g wire.Generation, lrp bool) *sim.Card {
	c.t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte(uid)})
	if err != nil {
		c.t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	must := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	apps := applications
	switch {
	case !g.Has(wire.FeatureClassic):
		apps = []application{{fixed, key.TypeAES, []wire.KeyNo{3}, 5}}
	case !g.Has(wire.FeatureEV1Auth):
		apps = apps[1:2]
	}
	for _, app := range apps {
		zero := key.Zero(app.typ)
		if app.place != fixed {
			must(card.Select(ctx, wire.Place{}))
			must(card.CreateApplication(ctx, &wire.CreateApplication{AID: app.place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(app.typ.Wire(), app.count)}))
		}
		must(card.Select(ctx, app.place))
		must(card.Authenticate(ctx, 0, zero))
		for _, no := range app.keys {
			must(card.ChangeKey(ctx, no, c.local(ref(app.place, no)), zero))
		}
		if lrp {
			must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
			must(card.Select(ctx, app.place))
			must(card.AuthenticateWith(ctx, key.MethodLRPFirst, 0, zero))
		}
		must(card.ChangeKey(ctx, 0, c.local(ref(app.place, 0)), nil))
	}
	return picc
}

// card is a card with the keys of the keyring, on a reader.
func (c *centre) card(g wire.Generation, lrp bool) *desfire.Card {
	c.t.Helper()
	card, err := desfire.Connect(context.Background(), c.picc(g, lrp).Present(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return card
}

func has(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: want %q in it", err, w)
		}
	}
}
