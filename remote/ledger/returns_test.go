package ledger_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse) //nolint:gosec // not so much
}

// within is eventually, for what takes long.
func within(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * long); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s", what)
		}
	}
}

// An agent comes back after an hour with very many debits in its file that never were shipped, nearly all of
// them open, each on another card. The cards of some of them go to another gate then. DESFIRE_SOAK: 10,000.
func TestReturnsAfterAnHour(t *testing.T) {
	many, torn, soak := 300, 26, os.Getenv("DESFIRE_SOAK") != ""
	if soak {
		many, torn = 10_000, 130
	} else {
		t.Parallel()
	}
	ctx := context.Background()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	one := newGate(t, "gate1", 1)
	var cards []*plastic
	for n := range torn {
		cards = append(cards, newPlastic(t, byte(n+1)))
	}
	one.open(cards[0])
	began := time.Now()
	var doubt int64 // that nobody will settle
	for n := range many {
		if i := n / (many / torn); n%(many/torn) == 0 && i < torn {
			one.tear(cards[i], "torn "+cards[i].uid(), sim.Fault{Exchange: 1 + i%13, Kind: []sim.FaultKind{sim.LoseAnswer, sim.LosePowerAfter}[i/13%2]})
			continue
		}
		e := entryOf(t, one.journal, n)
		e.Request, e.Attempt, e.Moves = fmt.Sprint("ticket ", n), 1, []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: int32(n%7 + 1)}}
		e.Began = purse.At(now.Add(-time.Hour + time.Duration(n)*time.Hour/time.Duration(many)))
		must(t, one.journal.Begin(ctx, e))
		doubt += e.Moves[0].Signed()
	}
	all, open := one.count(), len(one.openOf())
	t.Logf("%d debits, %d of them open, in the journal after %v", all, open, time.Since(began).Round(time.Millisecond))

	s := natstest.Start(t, nil)
	clock := func() time.Time { return now }
	c, _ := startCentre(t, s, func(c *ledger.Config) { c.Now = clock })
	opens := opensOf(t, s, "gate2")
	eventually(t, "all are read", opens.Whole)
	before, most := heap(), int64(0)
	began = time.Now()
	took := func(what string) {
		t.Helper()
		after := time.Since(began).Round(time.Millisecond)
		more := heap() - before
		most = max(most, more)
		t.Logf("%s after %v, %d KiB more in use", what, after, more>>10)
	}
	one.ship(agentConn(s, "gate1"))
	last, err := one.journal.(purse.ChangeLog).LastChange(ctx)
	must(t, err)
	within(t, "confirmed", func() bool { return one.outbox.Status().Confirmed >= last })
	took("confirmed")
	within(t, "known to the other", func() bool { return opens.Count() == len(one.openOf()) })
	took("known to the other gate")
	within(t, "judged", func() bool {
		x := c.Totals()
		return x.Entries == all && x.Open == opens.Count() && x.Judging == 0 && lines(t, s) == all-x.Open
	})
	took("judged")
	if n := messages(t, s, "entries"); n != all {
		t.Errorf("%d entries of %d", n, all)
	}
	for _, e := range one.openOf() {
		if list, missing := opens.Of(e.CardApp); len(list) != 1 || missing != 0 || list[0].ID != e.ID {
			t.Fatalf("of card %s the other gate knows %d, and %d more", e.UID, len(list), missing)
		}
	}

	// Those of which there is a card are settled elsewhere, and go on there.
	two := newGate(t, "gate2", 2)
	two.open(cards[0])
	two.ship(agentConn(s, "gate2"))
	began = time.Now()
	settled, sum := 0, int64(0)
	for _, p := range cards {
		settled += len(two.settleOthers(p, opens))
		_, err := two.purse.Debit(ctx, p.present(t), purse.Request{ID: "on " + p.uid(), Amount: 1})
		must(t, err)
		sum += int64(p.value(t)) - 50_000
	}
	if settled < torn/6 {
		t.Errorf("only %d were open on cards", settled)
	}
	within(t, "settled", func() bool {
		x := c.Totals()
		return x.Entries == all+torn && x.Open == many-torn && x.Judging == 0 && lines(t, s) == all+torn-(many-torn)
	})
	within(t, "known to gate 1", func() bool { return len(one.openOf()) == many-torn })
	within(t, "open no more", func() bool { return opens.Count() == many-torn })
	took(fmt.Sprint(settled, " settled elsewhere"))
	if x := c.Totals(); len(x.Files) != 1 || x.Files[0].Happened != sum || x.Files[0].InDoubt != doubt || len(kinds(t, c)) != 0 {
		t.Errorf("the cards moved by %d, and in doubt is %d; the ledger: %+v, alarms %v", sum, doubt, x, kinds(t, c))
	}
	// Of the process of the test: two gates, the centre and the server, which has all on disk.
	if soak && most > 256<<20 {
		t.Errorf("%d MiB more were in use", most>>20)
	}
	two.close()
	one.close()
}
