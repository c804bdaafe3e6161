package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
)

// A backup goes back into an empty server, and agents ship again what it does not have.
func TestBackup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, stop := startCentre(t, s, nil)
	card := newPlastic(t, 1)
	g := newGate(t, "gate1", 1)
	g.open(card)
	debit := func(from, n int) {
		t.Helper()
		p := card.present(t)
		for i := range n {
			if _, err := g.purse.Debit(ctx, p, purse.Request{ID: fmt.Sprint(from + i), Amount: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.ship(agentConn(s, "gate1"))
	debit(0, 20)
	settled := func(c *ledger.Centre, s *natstest.Server, n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " in the ledger"), func() bool {
			x := c.Totals()
			return lines(t, s) == n && x.Entries == n && x.Judging == 0
		})
	}
	settled(c, s, 20)
	var b bytes.Buffer
	info, err := ledger.Backup(ctx, s.Connect(), fleet, &b)
	must(t, err)
	if info.Messages["ledger"] != 20 || info.Messages["changes"] == 0 || info.Messages["KV_journals"] != 1 {
		t.Errorf("it says %+v", info)
	}
	debit(20, 10)
	settled(c, s, 30)
	stop()
	g.close()

	other := natstest.Start(t, nil)
	conn := other.Connect()
	js, err := jetstream.New(conn)
	must(t, err)
	r := rand.New(rand.NewPCG(1, 7))
	for n := range 12 {
		bad := bytes.Clone(b.Bytes())
		switch n % 3 {
		case 0:
			bad = bad[:r.IntN(len(bad))]
		default:
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		if _, err := ledger.Restore(ctx, conn, fleet, 1, bytes.NewReader(bad)); err == nil {
			t.Fatal("a damaged one is taken")
		}
		for name := range js.StreamNames(ctx).Name() {
			t.Fatalf("stream %s is left", name)
		}
	}
	if _, err := ledger.Restore(ctx, conn, "other", 1, bytes.NewReader(b.Bytes())); err == nil {
		t.Error("that of another fleet is taken")
	}
	back, err := ledger.Restore(ctx, conn, fleet, 1, bytes.NewReader(b.Bytes()))
	must(t, err)
	if back.Epoch != info.Epoch {
		t.Errorf("it was of epoch %s, and of %s", back.Epoch, info.Epoch)
	}
	if _, err := ledger.Restore(ctx, conn, fleet, 1, bytes.NewReader(b.Bytes())); err == nil {
		t.Error("it is put over another ledger")
	}
	if n := lines(t, other); n != 20 {
		t.Errorf("%d lines are restored", n)
	}
	c, stop = startCentre(t, other, nil)
	settled(c, other, 20)
	g.open(card)
	debit(30, 1)
	g.ship(agentConn(other, "gate1"))
	settled(c, other, 31)
	if x := c.Totals(); x.Files[0].Happened != int64(card.value(t))-50_000 || len(kinds(t, c)) != 0 || g.outbox.Status().Epoch == info.Epoch {
		t.Errorf("%+v, the card holds %d, alarms %v, epoch %s", x, card.value(t), kinds(t, c), g.outbox.Status().Epoch)
	}
	stop()
	g.close()
}
