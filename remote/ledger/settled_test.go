package ledger_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// openOf is what is open in a journal.
func (g *gate) openOf() (open []*purse.Entry) {
	g.t.Helper()
	for e, err := range g.journal.Entries(context.Background()) {
		must(g.t, err)
		if e.IsOpen() {
			open = append(open, e)
		}
	}
	return open
}

// count is how many entries the journal has.
func (g *gate) count() (n int) {
	g.t.Helper()
	for _, err := range g.journal.Entries(context.Background()) {
		must(g.t, err)
		n++
	}
	return n
}

// tear debits with a fault, and returns the entry that it leaves open; nil if it leaves none.
func (g *gate) tear(p *plastic, request string, f sim.Fault) *purse.Entry {
	g.t.Helper()
	card := p.present(g.t)
	p.picc.Inject(f)
	_, _ = g.purse.Debit(context.Background(), card, purse.Request{ID: request, Amount: 10})
	p.picc.ClearFaults()
	for _, e := range g.openOf() {
		if e.Request == request {
			return e
		}
	}
	return nil
}

// opensOf starts what a gate knows of others.
func opensOf(t testing.TB, s *natstest.Server, name string) *ledger.Opens {
	t.Helper()
	o, err := ledger.NewOpens(ledger.OpensConfig{Conn: agentConn(s, name), Fleet: fleet, Agent: name, Logger: logger()})
	must(t, err)
	running(t, o.Run)
	return o
}

// settleOthers settles what others left open on a card.
func (g *gate) settleOthers(p *plastic, o *ledger.Opens) (found []purse.Outcome) {
	g.t.Helper()
	ctx := context.Background()
	list, missing := o.Of(purse.CardApp{UID: p.uid(), App: app.String()})
	if missing > 0 {
		g.t.Errorf("%d entries are missing", missing)
	}
	for _, x := range list {
		out, err := g.purse.SettleOther(ctx, p.present(g.t), x.Entry)
		must(g.t, err)
		must(g.t, g.outbox.Found(ctx, x.Entry, *out))
		if out.Decision != purse.InDoubt {
			o.Settled(x.CardApp, x.ID)
		}
		found = append(found, *out)
	}
	return found
}

// A card that gate 7 tore, wherever that was, is settled at gate 9 while gate 7 is away. The centre
// knows it at once, and gate 7 when it is back, whether or not it looks at the card itself as well.
func TestSettledAtAnotherGate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, _ := startCentre(t, s, nil)
	nine := newGate(t, "gate9", 2)
	opens := opensOf(t, s, "gate9")
	seven := newGate(t, "gate7", 1)
	type torn struct {
		card *plastic
		id   purse.ID
	}
	var all []torn
	var cards []*plastic
	n := byte(0x20)
	first := newPlastic(t, 0x1f)
	seven.open(first)
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
		for at := 1; at < 14; at++ {
			p := newPlastic(t, n)
			n++
			cards = append(cards, p)
			if e := seven.tear(p, "a"+p.uid(), sim.Fault{Exchange: at, Kind: kind}); e != nil {
				all = append(all, torn{p, e.ID})
			}
		}
	}
	others := seven.count() - len(all) // decided at once, or settled by gate 7 itself
	if len(all) < 9 {
		t.Fatalf("%d changes are open", len(all))
	}
	seven.ship(agentConn(s, "gate7"))
	eventually(t, "known to gate 9", func() bool { return opens.Count() == len(all) && opens.Whole() })
	seven.close() // power is lost there
	nine.open(first)
	nine.ship(agentConn(s, "gate9"))
	want := map[purse.ID]purse.Decision{}
	for _, x := range all {
		for _, o := range nine.settleOthers(x.card, opens) {
			if o.Decision == purse.InDoubt || (o.Decision == purse.Happened) != (x.card.value(t) == 50_000-10) {
				t.Errorf("%v by rule %s, and the card holds %d", o.Decision, o.Rule, x.card.value(t))
			}
			want[x.id] = o.Decision
		}
		// The card goes on there.
		if _, err := nine.purse.Debit(ctx, x.card.present(t), purse.Request{ID: "b" + x.card.uid(), Amount: 1}); err != nil {
			t.Error(err)
		}
	}
	if len(want) != len(all) {
		t.Fatalf("%d of %d are settled", len(want), len(all))
	}
	eventually(t, "open nowhere", func() bool { return opens.Count() == 0 })
	eventually(t, "judged", func() bool { x := c.Totals(); return x.Judging == 0 && x.Entries == 2*len(all)+others && x.Open == 0 })
	sum := int64(0)
	for _, p := range cards {
		sum += int64(p.value(t)) - 50_000
	}
	if x := c.Totals(); x.Files[0].Happened != sum {
		t.Errorf("the ledger says %+v, the cards %d", x, sum)
	}
	// Gate 7 comes back. Of every third card it looks itself first.
	seven.open(first)
	for i, x := range all {
		if i%3 == 0 {
			r, err := seven.purse.Settle(ctx, x.card.present(t))
			if err != nil || r.Decision() != want[x.id] {
				t.Errorf("gate 7 finds %+v, %v", r, err)
			}
		}
	}
	seven.ship(agentConn(s, "gate7"))
	eventually(t, "known to gate 7", func() bool { return len(seven.openOf()) == 0 })
	for i, x := range all {
		e, err := seven.journal.Entry(ctx, x.id)
		must(t, err)
		if e.Outcome().Decision != want[x.id] {
			t.Errorf("gate 7 says %v", e.Outcome())
		}
		if r, err := seven.purse.Settle(ctx, x.card.present(t)); r != nil || err != nil {
			t.Errorf("settled again: %v %v", r, err)
		}
		if _, err := seven.purse.Debit(ctx, x.card.present(t), purse.Request{ID: "c" + x.card.uid(), Amount: 1}); err != nil {
			t.Errorf("card %d goes on: %v", i, err)
		}
	}
	eventually(t, "all in the ledger", func() bool { return lines(t, s) == 3*len(all)+others })
	js, err := jetstream.New(s.Connect())
	must(t, err)
	for _, what := range []string{"corrections", "alarms"} {
		st, err := js.Stream(ctx, remote.Subjects{Fleet: fleet}.Stream(what))
		must(t, err)
		if i := st.CachedInfo(); i.State.Msgs != 0 {
			m, err := st.GetMsg(ctx, 1)
			must(t, err)
			t.Errorf("%d %s: %s", i.State.Msgs, what, m.Data)
		}
	}
	seven.close()
	nine.close()
}
