package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// A purse that moves the value alone, under a mandate: another gate gets none, until it is given
// up, and a change whose answer was lost is decided by the value while it is held.
func TestMandate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	startCentre(t, s, func(c *ledger.Config) {
		c.Mandate = 3 * time.Second
		c.MayMandate = func(agent string, _ purse.CardApp) bool { return agent != "gate3" }
	})
	holder := func(name string) *ledger.Mandate {
		t.Helper()
		m, err := ledger.NewMandate(ledger.MandateConfig{Conn: agentConn(s, name), Fleet: fleet, Agent: name, Place: app, Logger: logger()})
		must(t, err)
		running(t, m.Run)
		return m
	}
	one, two, three := holder("gate1"), holder("gate2"), holder("gate3")
	card := newPlasticOf(t, 1, false)
	uid := []byte(card.picc.Image().UID)
	conf := card.conf
	conf.Slot, conf.BeginFence = nil, true
	conf.Others, conf.Lease, conf.Journal = purse.OthersNothing, one, purse.Memory(nil)
	p, err := purse.Open(conf)
	must(t, err)
	if _, err := p.Debit(ctx, card.present(t), purse.Request{Amount: 1}); !errors.As(err, new(*purse.ConfigError)) {
		t.Errorf("without a mandate: %v", err)
	}
	var held *ledger.HeldError
	// Just started, the centre grants nothing.
	eventually(t, "granted", func() bool {
		err := one.Hold(ctx, uid)
		if err != nil && !errors.As(err, &held) {
			t.Fatal(err)
		}
		return err == nil
	})
	epoch, ok := one.Epoch(uid)
	if !ok || epoch == "" {
		t.Fatal("it is not held")
	}
	for _, m := range []*ledger.Mandate{two, three} {
		if err := m.Hold(ctx, uid); !errors.As(err, &held) {
			t.Errorf("another gets it as well: %v", err)
		}
	}
	for i := range 3 {
		if _, err := p.Debit(ctx, card.present(t), purse.Request{ID: fmt.Sprint(i), Amount: 1}); err != nil {
			t.Error(err)
		}
	}
	torn := card.present(t)
	card.picc.Inject(sim.Fault{Exchange: 6, Kind: sim.LoseAnswer})
	_, _ = p.Debit(ctx, torn, purse.Request{ID: "torn", Amount: 1})
	card.picc.ClearFaults()
	if r, err := p.Debit(ctx, card.present(t), purse.Request{ID: "torn", Amount: 1}); err != nil || card.value(t) != 50_000-4 {
		t.Errorf("%+v %v, value %d", r, err, card.value(t))
	}
	// It is renewed, and stays the same one; on a slow machine it may be lost, and is held no more.
	eventually(t, "renewed", func() bool { return bucketWrites(t, s, "mandates") >= 4 })
	if now, ok := one.Epoch(uid); ok && now != epoch {
		t.Errorf("its epoch was %q and is %q", epoch, now)
	}
	must(t, one.Release(ctx, uid))
	if _, ok := one.Epoch(uid); ok {
		t.Error("it is held after it was given up")
	}
	eventually(t, "granted to the other", func() bool { return two.Hold(ctx, uid) == nil })
	if now, ok := two.Epoch(uid); !ok || now == epoch {
		t.Errorf("the epoch is %q, and was %q", now, epoch)
	}
}

// bucketWrites is how often something was written to a bucket.
func bucketWrites(t testing.TB, s *natstest.Server, bucket string) uint64 {
	t.Helper()
	js, err := jetstream.New(s.Connect())
	must(t, err)
	st, err := js.Stream(context.Background(), "KV_"+remote.Subjects{Fleet: fleet}.Bucket(bucket))
	must(t, err)
	return st.CachedInfo().State.LastSeq
}
