package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// lines are how many transactions stand in LEDGER.
func lines(t testing.TB, s *natstest.Server) int {
	t.Helper()
	js, err := jetstream.New(s.Connect())
	must(t, err)
	st, err := js.Stream(context.Background(), remote.Subjects{Fleet: fleet}.Stream("ledger"))
	if err != nil {
		return -1
	}
	i, err := st.Info(context.Background())
	must(t, err)
	return int(i.State.Msgs)
}

// Debits of a gate stand in the ledger once each, whatever is started again in between.
func TestShippedOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	card := newPlastic(t, 0x11)
	g := newGate(t, "gate7", 1)
	g.open(card)
	debit := func(from, n int) {
		t.Helper()
		c := card.present(t)
		for i := range n {
			if _, err := g.purse.Debit(ctx, c, purse.Request{ID: fmt.Sprint("ticket ", from+i), Amount: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	debit(0, 30) // before there is a centre
	conn := agentConn(s, "gate7")
	g.ship(conn)
	_, stop := startCentre(t, s, nil)
	eventually(t, "shipped", func() bool { return lines(t, s) == 30 })
	debit(30, 5)
	eventually(t, "shipped", func() bool { return lines(t, s) == 35 })
	// The centre's program ends, and the server's; the gate goes on.
	stop()
	debit(35, 5)
	s.Restart(nil)
	debit(40, 5)
	c, stop := startCentre(t, s, nil)
	eventually(t, "shipped", func() bool { return lines(t, s) == 45 })
	// And the gate's.
	g.close()
	g.open(card)
	debit(45, 70)
	g.ship(conn)
	eventually(t, "shipped", func() bool { return lines(t, s) == 115 })
	last, err := g.journal.(purse.ChangeLog).LastChange(ctx)
	must(t, err)
	eventually(t, "confirmed", func() bool { return g.outbox.Status().Confirmed == last })
	eventually(t, "judged", func() bool {
		b := c.Totals()
		return b.Entries == 115 && b.Judging == 0 && b.Open == 0
	})
	if b := c.Totals(); b.Happened != 115 || b.Files[0].Happened != -115 || card.value(t) != 50_000-115 {
		t.Errorf("the ledger says %+v, the card holds %d", b, card.value(t))
	}
	stop()
	g.close()
}
