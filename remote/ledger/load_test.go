package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
)

// BenchmarkLedger is how long decided entries take from a journal until they stand in the ledger and are
// judged: of many cards, and of one.
func BenchmarkLedger(b *testing.B) {
	for _, x := range []struct {
		name  string
		cards int
	}{{"cards", 1 << 30}, {"one", 1}} {
		b.Run(x.name, func(b *testing.B) {
			ctx := context.Background()
			s := natstest.Start(b, nil)
			j := purse.Memory(nil)
			for n := range b.N {
				e := entryOf(b, j, n%x.cards)
				must(b, j.Begin(ctx, e))
				must(b, j.End(ctx, e.ID, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleNothingSent, Time: e.Began}, nil))
			}
			c, _ := startCentre(b, s, nil)
			b.ResetTimer()
			began := time.Now()
			outboxOf(b, s, "gate1", j, nil)
			eventually(b, "in the ledger", func() bool { return lines(b, s) == b.N })
			b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N), "us/line")
			eventually(b, "judged", func() bool { t := c.Totals(); return t.Judging == 0 && t.Entries == b.N })
		})
	}
}

// Without a server that syncs always, what is acknowledged counts as safe only after the time that is said; two
// centres do the same work without harm.
func TestSyncAfter(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	later := func(c *ledger.Config) { c.SyncAfter = time.Hour }
	one, _ := startCentre(t, s, later)
	two, _ := startCentre(t, s, later)
	j := purse.Memory(nil)
	for n := range 20 {
		e := entryOf(t, j, n%3)
		must(t, j.Begin(ctx, e))
		must(t, j.End(ctx, e.ID, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleNothingSent, Time: e.Began}, nil))
	}
	o, _ := outboxOf(t, s, "gate1", j, func(c *ledger.OutboxConfig) { c.Keep = time.Nanosecond })
	last, err := j.(purse.ChangeLog).LastChange(ctx)
	must(t, err)
	eventually(t, "shipped", func() bool { x := o.Status(); return x.Shipped == last && x.Last == last })
	for _, c := range []*ledger.Centre{one, two} {
		eventually(t, "judged", func() bool { x := c.Totals(); return x.Entries == 20 && x.Judging == 0 })
		if x := c.Cards(purse.CardApp{}, 0); len(x) != 3 || x[0].Entries != 7 || len(c.Cards(x[1].CardApp, 500)) != 1 {
			t.Errorf("cards: %+v", x)
		}
	}
	if x := o.Status(); x.Confirmed != 0 || lines(t, s) != 20 || len(kinds(t, one)) != 0 {
		t.Errorf("%+v, %d lines, alarms %v", x, lines(t, s), kinds(t, one))
	}
	n := 0
	for _, err := range j.Entries(ctx) {
		must(t, err)
		n++
	}
	if n != 20 {
		t.Errorf("%d entries are left", n)
	}
}
