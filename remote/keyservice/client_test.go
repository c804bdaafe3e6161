package keyservice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/nats-io/nats.go"
)

// A store over NATS answers as one of a keyring, without what is nobody's business, and
// has none of what the policy does not allow.
func TestStore(t *testing.T) {
	ctx := context.Background()
	var denied []string
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": few()})
	s, err := natskeys.New(c.connect("gate7"), "main", "gate7", &natskeys.Config{Timeout: time.Minute, OnDenied: func(r keystore.Ref, why error) { denied = append(denied, r.Key.String()+" "+why.Error()) }})
	if err != nil {
		t.Fatal(err)
	}
	slots, err := s.Slots(ctx, ref(aesApp, 1))
	if err != nil || len(slots) != 2 {
		t.Fatalf("%v, %v", slots, err)
	}
	for i, want := range []byte{2, 1} {
		if f := slots[i].Facts; f != (keystore.Facts{Type: "AES", Version: want, Source: "nats:main"}) {
			t.Errorf("slot %d: %+v", i, f)
		}
		k, err := slots[i].Key(ctx)
		if err != nil || k.Type() != key.TypeAES || k.Version() != want || k.CheckValue() != (key.CheckValue{}) {
			t.Errorf("slot %d: %v, %v", i, k, err)
		}
	}
	if f, ok, err := s.Has(ctx, ref(aesApp, 1)); err != nil || !ok || f.Version != 2 {
		t.Errorf("%+v %v %v", f, ok, err)
	}
	if _, ok, err := s.Has(ctx, ref(aesApp, 2)); err != nil || ok {
		t.Errorf("a key that the policy does not allow: %v, %v", ok, err)
	}
	if len(denied) != 1 || !strings.Contains(denied[0], "2 ") || !strings.Contains(denied[0], "agents.gate7.keys") {
		t.Errorf("denied: %q", denied)
	}
	_, err = s.Key(ctx, ref(aesApp, 2))
	if !errors.Is(err, natskeys.ErrRefused) {
		t.Error(err)
	}
	has(t, err, "agents.gate7.keys", "key 2 of application F48121 is not listed")
	if _, err := s.Key(ctx, ref(aesApp, 1).Everywhere()); !errors.Is(err, keystore.ErrNoUID) {
		t.Errorf("a derived key without a UID: %v", err)
	}
	_, err = s.Key(ctx, ref(aesApp, 3).Everywhere())
	if !errors.Is(err, natskeys.ErrRefused) {
		t.Errorf("a key that is the same on every card: %v", err)
	}
	all := c.audit.all()
	if len(all) != 2 || all[0].What != "key" || all[0].Allowed {
		t.Errorf("to look is no use of a key: %+v", all)
	}
}

// unlock opens sessions with keys in the centre, of a card that has the key of before too.
func TestUnlock(t *testing.T) {
	ctx := context.Background()
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	for name, picc := range map[string]*sim.Card{"new": c.picc(wire.EV2, false), "old": c.oldCard()} {
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		if err != nil {
			t.Fatal(err)
		}
		opener := &unlock.Opener{Store: keystore.NewCache(c.keys("gate7"), nil)}
		for range 2 {
			if err := opener.Key(ctx, card, aesApp, 1); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s, ok := card.Session(); !ok || s.KeyNo != 1 || s.Method != key.MethodEV2First {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A key of the centre takes part in no key change at the edge.
func TestChangeKeyAtTheEdge(t *testing.T) {
	ctx := context.Background()
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	card := c.card(wire.EV2, false)
	keys := c.keys("gate7")
	k0, err := keys.Key(ctx, ref(aesApp, 0))
	if err != nil {
		t.Fatal(err)
	}
	k1, err := keys.Key(ctx, ref(aesApp, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(card.Select(ctx, aesApp), card.Authenticate(ctx, 0, k0)); err != nil {
		t.Fatal(err)
	}
	var opaque *key.OpaqueError
	if err := card.ChangeKey(ctx, 1, k1, key.Zero(key.TypeAES)); !errors.As(err, &opaque) {
		t.Error(err)
	}
	if err := card.ChangeKey(ctx, 1, key.Zero(key.TypeAES), k1); !errors.As(err, &opaque) {
		t.Error(err)
	}
}

// An authentication with a handle costs two questions, and what the policy lets an agent
// keep saves the others.
func TestQuestions(t *testing.T) {
	ctx := context.Background()
	keep := all()
	keep.Keep = time.Minute
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all(), "gate8": keep})
	asked := make(chan *nats.Msg, 100)
	spy := c.server.Connect()
	if _, err := spy.ChanSubscribe(remote.Subjects{Fleet: "main"}.Keys("*", ">"), asked); err != nil {
		t.Fatal(err)
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	count := func(f func()) int {
		before := len(asked)
		f()
		if err := spy.Flush(); err != nil {
			t.Fatal(err)
		}
		return len(asked) - before
	}
	card := c.card(wire.EV2, false)
	for name, want := range map[string][]int{"gate7": {1, 2, 1, 2}, "gate8": {1, 2, 0, 2}} {
		keys := c.keys(name)
		var k key.Key
		for i := range 2 {
			n := count(func() {
				var err error
				if k, err = keys.Key(ctx, ref(aesApp, 1)); err != nil {
					t.Fatal(err)
				}
			})
			m := count(func() {
				if err := errors.Join(card.Select(ctx, aesApp), card.AuthenticateWith(ctx, key.MethodEV2First, 1, k)); err != nil {
					t.Fatal(err)
				}
			})
			if n != want[2*i] || m != want[2*i+1] {
				t.Errorf("%s, time %d: %d and %d questions, want %v", name, i, n, m, want)
			}
		}
		c.clock.add(time.Minute)
		if n := count(func() { _, _, _ = keys.Has(ctx, ref(aesApp, 1)) }); n != 1 {
			t.Errorf("%s: what was kept is kept for longer", name)
		}
	}
}

// A key that the centre has changed for another is not used under its old name, and what
// was kept is asked anew.
func TestStoreChanges(t *testing.T) {
	ctx := context.Background()
	keep := all()
	keep.Keep = time.Hour
	agents := map[string]*keyservice.Rules{"gate7": keep}
	c := startCentre(t, agents)
	keys := c.keys("gate7")
	k, err := keys.Key(ctx, ref(aesApp, 1))
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
	only := c.local(ref(aesApp, 2))
	c.start(policyOf(agents), func(conf *keyservice.Config) {
		conf.Store = keystore.Map{ref(aesApp, 1): {Key: only}} // of version 1
	})
	_, err = k.(key.Handshaker).Handshake(ctx, key.HandshakeRequest{Method: key.MethodEV2First, Challenge: zeros})
	var e *natskeys.AnswerError
	if !errors.As(err, &e) || e.Code != remote.KeyChanged || !e.Temporary() {
		t.Fatal(err)
	}
	if k, err = keys.Key(ctx, ref(aesApp, 1)); err != nil || k.Version() != 1 {
		t.Errorf("%v, %v", k, err)
	}
}

// A card that refuses the key leaves no handshake behind.
func TestDropped(t *testing.T) {
	ctx := context.Background()
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	card := c.card(wire.EV2, false)
	k, err := c.keys("gate7").Key(ctx, ref(aesApp, 2))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(card.Select(ctx, aesApp), card.AuthenticateWith(ctx, key.MethodEV2First, 1, k))
	if r := desfire.Refusal(err); r == nil || r.Status != wire.StatusAuthenticationError {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); c.service.Waiting() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the handshake waits on")
		}
	}
}

// Agents at once, each with its cards: every session is the card's, and each is taken down
// for its agent.
func TestAgentsAtOnce(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate*": all()})
	const agents, each = 6, 8
	var cards []*desfire.Card
	for range agents {
		cards = append(cards, c.card(wire.EV2, false))
	}
	var wg sync.WaitGroup
	for i := range agents {
		keys := c.keys(fmt.Sprintf("gate%d", i))
		wg.Go(func() {
			ctx := remote.WithTrace(context.Background(), fmt.Sprintf("t-%d", i))
			for n := range each {
				no := wire.KeyNo(n % 3)
				k, err := keys.Key(ctx, ref(aesApp, no))
				if err == nil {
					err = errors.Join(cards[i].Select(ctx, aesApp), cards[i].Authenticate(ctx, no, k))
				}
				if err == nil {
					_, err = cards[i].Files(ctx)
				}
				if err != nil {
					t.Errorf("gate%d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	sessions := map[string]int{}
	for _, u := range c.audit.all() {
		if u.What == "session" && u.Allowed && u.Trace == "t-"+strings.TrimPrefix(u.Agent, "gate") {
			sessions[u.Agent]++
		}
	}
	for i := range agents {
		if n := sessions[fmt.Sprintf("gate%d", i)]; n != each {
			t.Errorf("gate%d: %d sessions", i, n)
		}
	}
}

// Two services of one fleet share the work, and a handshake goes on where it was begun.
func TestTwoServices(t *testing.T) {
	ctx := context.Background()
	agents := map[string]*keyservice.Rules{"gate7": all()}
	c := startCentre(t, agents)
	first := c.service
	c.start(policyOf(agents))
	card := c.card(wire.EV2, false)
	k, err := c.keys("gate7").Key(ctx, ref(aesApp, 1))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := errors.Join(card.Select(ctx, aesApp), card.Authenticate(ctx, 1, k)); err != nil {
			t.Fatal(err)
		}
	}
	if first.Waiting()+c.service.Waiting() != 0 {
		t.Error("handshakes wait")
	}
}

// The stream AUDIT has every use, in order, and outlives the server; what it does not
// take is not done.
func TestStreamAudit(t *testing.T) {
	ctx := context.Background()
	c := startCentre(t, nil)
	c.stop()
	nc := c.server.Connect()
	for range 2 { // once it is there it is left alone
		if err := keyservice.EnsureAudit(ctx, nc, "main", 0); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := keyservice.StreamAudit(nc, "main")
	if err != nil {
		t.Fatal(err)
	}
	c.start(policyOf(map[string]*keyservice.Rules{"gate7": all()}), func(conf *keyservice.Config) { conf.Audit = stream })
	card := c.card(wire.EV2, false)
	k, err := c.keys("gate7").Key(ctx, ref(aesApp, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(card.Select(ctx, aesApp), card.Authenticate(ctx, 1, k)); err != nil {
		t.Fatal(err)
	}
	a, data := c.rogue("gate8").ask(remote.KeysHandshake, remote.KeyRequest{Ref: ref(aesApp, 1).String(), Method: "EV2"}, zeros)
	refused(t, a, data, remote.KeyPolicy)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	var whats []string
	for seq := uint64(1); seq <= 3; seq++ {
		m, err := js.GetMsg("MAIN_AUDIT", seq)
		if err != nil {
			t.Fatal(err)
		}
		u, err := keyservice.ReadUse(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != "desfire.main.audit."+u.Agent {
			t.Errorf("%s: %+v", m.Subject, u)
		}
		clean(t, c.secrets(), *u)
		whats = append(whats, fmt.Sprint(u.What, " ", u.Allowed))
	}
	if got := strings.Join(whats, ", "); got != "handshake true, session true, handshake false" {
		t.Error(got)
	}
	if err := js.DeleteMsg("MAIN_AUDIT", 1); err == nil {
		t.Error("a line can be deleted")
	}
	other := c.server.Connect()
	ojs, err := other.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ojs.AddStream(&nats.StreamConfig{Name: "SECOND_AUDIT", Subjects: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if err := keyservice.EnsureAudit(ctx, other, "second", 0); err == nil {
		t.Error("a stream of others passes")
	}
}

func BenchmarkHandshake(b *testing.B) {
	for _, durable := range []bool{false, true} {
		b.Run(map[bool]string{false: "memory", true: "stream"}[durable], func(b *testing.B) {
			c := startCentre(b, nil)
			c.stop()
			nc := c.server.Connect()
			if err := keyservice.EnsureAudit(context.Background(), nc, "main", 0); err != nil {
				b.Fatal(err)
			}
			stream, err := keyservice.StreamAudit(nc, "main")
			if err != nil {
				b.Fatal(err)
			}
			rules := all()
			rules.Rate = 1_000_000
			c.start(policyOf(map[string]*keyservice.Rules{"*": rules}), func(conf *keyservice.Config) {
				conf.Now = time.Now
				if durable {
					conf.Audit = stream
				} else {
					conf.Audit = func(context.Context, *keyservice.Use) error { return nil }
				}
			})
			var n atomic.Int64
			local := c.local(ref(aesApp, 1))
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				keys := c.keys(fmt.Sprintf("gate%d", n.Add(1)))
				k, err := keys.Key(context.Background(), ref(aesApp, 1))
				if err != nil {
					b.Error(err)
					return
				}
				for pb.Next() {
					h, err := k.(key.Handshaker).Handshake(context.Background(), key.HandshakeRequest{Method: key.MethodEV2First, Challenge: zeros})
					if err != nil {
						b.Error(err)
						return
					}
					s, err := h.Finish(context.Background(), prove(b, local, h.Token))
					if err != nil {
						b.Error(err)
						return
					}
					s.Wipe()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
		})
	}
}
