package ledger_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// sameAsJournals compares the ledger with what the gates' journals say, entry by entry, and with the cards.
func sameAsJournals(t testing.TB, s *natstest.Server, c *ledger.Centre, cards []*plastic, gates ...*gate) {
	t.Helper()
	sum, open, all := int64(0), 0, 0
	for _, p := range cards {
		sum += int64(p.value(t)) - 50_000
	}
	for _, g := range gates {
		all += g.count()
		open += len(g.openOf())
	}
	eventually(t, fmt.Sprint(all, " entries, ", open, " of them open, moved by ", sum), func() bool {
		x := c.Totals()
		return x.Entries == all && x.Open == open && x.Judging == 0 && lines(t, s) == all-open && messages(t, s, "entries") == all &&
			len(x.Files) == 1 && (open > 0 || x.Files[0].Happened == sum)
	})
	seen := map[purse.ID]purse.Decision{}
	for q := (ledger.Query{Limit: 500}); ; {
		p, err := c.Query(context.Background(), q)
		must(t, err)
		for _, r := range p.Records {
			if _, twice := seen[r.Entry.ID]; twice {
				t.Errorf("%v is there twice", r.Entry.ID)
			}
			seen[r.Entry.ID] = purse.InDoubt
			if o := r.Outcome(); o != nil {
				seen[r.Entry.ID] = o.Decision
			}
		}
		if q.Before = p.Next; p.Next == 0 {
			break
		}
	}
	for _, g := range gates {
		for e, err := range g.journal.Entries(context.Background()) {
			must(t, err)
			want := purse.InDoubt
			if o := e.Outcome(); o != nil {
				want = o.Decision
			}
			if seen[e.ID] != want {
				t.Errorf("%s says of %v %v, the ledger %v", g.name, e.ID, want, seen[e.ID])
			}
		}
	}
	// A settlement may come again before the entry that it settled.
	if k := kinds(t, c); len(k) > 1 || len(k) == 1 && k["an unknown transaction"] == 0 {
		list, _, _ := c.Alarms(context.Background(), "", 0, 100)
		t.Errorf("alarms %v: %+v", k, list)
	}
}

// A store that is put back to an earlier copy, again and again, while two gates go on, one of which settles
// what the other left open: all of it is shipped again, and the centre, whose program goes on or starts anew, has
// each once.
func TestStoreSetBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, stop := startCentre(t, s, nil)
	one, two := newGate(t, "gate1", 1), newGate(t, "gate2", 2)
	var cards []*plastic
	for n := range 4 {
		cards = append(cards, newPlastic(t, byte(n+1)))
	}
	for _, g := range []*gate{one, two} {
		g.open(cards[0])
		g.ship(agentConn(s, g.name))
	}
	opens := opensOf(t, s, "gate2")
	n := 0
	debits := func() {
		t.Helper()
		for _, p := range cards {
			for _, g := range []*gate{one, two} {
				n++
				if _, err := g.purse.Debit(ctx, p.present(t), purse.Request{ID: fmt.Sprint(n), Amount: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	torn := func(p *plastic) {
		t.Helper()
		for at := 6; ; at++ {
			n++
			if one.tear(p, fmt.Sprint("torn ", n), sim.Fault{Exchange: at, Kind: sim.LosePowerAfter}) != nil {
				return
			}
		}
	}
	settle := func(p *plastic) {
		t.Helper()
		eventually(t, "known to gate 2", func() bool {
			list, _ := opens.Of(purse.CardApp{UID: p.uid(), App: app.String()})
			return len(list) == 1
		})
		two.settleOthers(p, opens)
		eventually(t, "known to gate 1", func() bool { return len(one.openOf()) == 0 })
	}
	debits()
	torn(cards[1])
	sameAsJournals(t, s, c, cards, one, two)
	stop()
	var saved string
	s.Restart(func(store string) { saved = store + ".saved"; copyFolder(t, store, saved) })
	for round := range 2 {
		c, stop = startCentre(t, s, nil)
		if round == 0 {
			settle(cards[1]) // open in the copy
		}
		torn(cards[2]) // after it
		settle(cards[2])
		debits()
		sameAsJournals(t, s, c, cards, one, two)
		if round == 0 {
			stop() // else the centre's program goes on
		}
		s.Restart(func(store string) {
			must(t, os.RemoveAll(store))
			copyFolder(t, saved, store)
			debits() // without a centre
		})
		if round == 0 {
			c, stop = startCentre(t, s, nil)
		}
		sameAsJournals(t, s, c, cards, one, two)
		eventually(t, "open nowhere", func() bool { return opens.Count() == 0 })
		stop()
	}
	one.close()
	two.close()
}

// A mandate that was granted after the copy is not in it: nobody else gets it before its time is over, also where
// the centre's program went on.
func TestMandateSetBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	const ttl = 3 * time.Second
	holder := func(name string) *ledger.Mandate {
		t.Helper()
		m, err := ledger.NewMandate(ledger.MandateConfig{Conn: agentConn(s, name), Fleet: fleet, Agent: name, Place: app, Logger: logger()})
		must(t, err)
		return m // nobody renews
	}
	one, two := holder("gate1"), holder("gate2")
	_, stop := startCentre(t, s, nil)
	stop()
	var saved string
	s.Restart(func(store string) { saved = store + ".saved"; copyFolder(t, store, saved) })
	startCentre(t, s, func(c *ledger.Config) { c.Mandate = ttl })
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	eventually(t, "granted", func() bool { return one.Hold(ctx, uid) == nil })
	s.Restart(func(store string) {
		must(t, os.RemoveAll(store))
		copyFolder(t, saved, store)
	})
	eventually(t, "granted to the other", func() bool {
		err := two.Hold(ctx, uid)
		_, first := one.Epoch(uid)
		if _, second := two.Epoch(uid); first && second {
			t.Fatal("two hold it")
		}
		return err == nil
	})
}
