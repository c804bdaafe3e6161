package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// skewed is a clock that differs, by a time that changes.
type skewed struct{ by atomic.Int64 }

func (c *skewed) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.by.Load())) }

// Gates with clocks an hour ahead and an hour behind, and one whose clock jumps back by a day, and forward
// again, while it debits, ships, settles and holds mandates.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	const ttl = 2 * time.Second
	c, _ := startCentre(t, s, func(c *ledger.Config) { c.Mandate = ttl })
	var cards []*plastic
	for n := range 3 {
		cards = append(cards, newPlastic(t, byte(n+1)))
	}
	uid := []byte(cards[0].picc.Image().UID)
	var gates []*gate
	var clocks []*skewed
	var mandates []*ledger.Mandate
	for i, by := range []time.Duration{time.Hour, -time.Hour, 0} {
		clock, g := new(skewed), newGate(t, fmt.Sprint("gate", i+1), i+1)
		clock.by.Store(int64(by))
		g.open(cards[0])
		conf, slot := cards[0].conf, *cards[0].conf.Slot
		slot.Number = g.slot
		conf.Journal, conf.Terminal, conf.Slot, conf.Now = g.journal, g.name, &slot, clock.now
		var err error
		g.purse, err = purse.Open(conf)
		must(t, err)
		conn := agentConn(s, g.name)
		g.outbox, err = ledger.NewOutbox(ledger.OutboxConfig{Conn: conn, Fleet: fleet, Agent: g.name, Journal: g.journal, Linger: time.Millisecond, Now: clock.now, Logger: logger()})
		must(t, err)
		g.stop = running(t, g.outbox.Run)
		m, err := ledger.NewMandate(ledger.MandateConfig{Conn: conn, Fleet: fleet, Agent: g.name, Place: app, Logger: logger(), Now: clock.now})
		must(t, err)
		running(t, m.Run)
		gates, clocks, mandates = append(gates, g), append(clocks, clock), append(mandates, m)
	}
	held := 0
	hold := func() {
		t.Helper()
		for _, m := range mandates {
			_ = m.Hold(ctx, uid)
			n := 0
			for _, m := range mandates {
				if _, is := m.Epoch(uid); is {
					n++
				}
			}
			if n > 1 {
				t.Fatalf("%d hold it", n)
			}
			held += n
		}
	}
	opens := opensOf(t, s, "gate2")
	n, settled := 0, 0
	for round := range 9 {
		clocks[2].by.Store(int64([]time.Duration{0, -24 * time.Hour, time.Hour}[round%3]))
		for _, p := range cards {
			for i, g := range gates {
				hold()
				n++
				if i == 2 && round%3 == 1 && p == cards[round/3] {
					card := p.present(t) // while it pays
					clocks[2].by.Add(int64(-24 * time.Hour))
					p.picc.Inject(sim.Fault{Exchange: 7 + round/3, Kind: sim.LosePowerAfter})
					_, _ = g.purse.Debit(ctx, card, purse.Request{ID: fmt.Sprint(n), Amount: 1})
					p.picc.ClearFaults()
					continue
				}
				if _, err := g.purse.Debit(ctx, p.present(t), purse.Request{ID: fmt.Sprint(n), Amount: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if open := gates[2].openOf(); len(open) > 0 {
			eventually(t, "all of it known to gate 2", func() bool { // of half a change its receipt proves nothing, which is an alarm
				list, _ := opens.Of(open[0].CardApp)
				return len(list) > 0 && list[len(list)-1].ID == open[0].ID && same(t, list[len(list)-1].Entry.Progress, open[0].Progress)
			})
			for _, p := range cards {
				settled += len(gates[1].settleOthers(p, opens))
			}
			eventually(t, "known to gate 3", func() bool { return len(gates[2].openOf()) == 0 })
		}
	}
	if settled == 0 {
		t.Error("nothing was left open")
	}
	eventually(t, "a mandate is held", func() bool { hold(); return held > 0 })
	sameAsJournals(t, s, c, cards, gates...)
	for _, g := range gates {
		last, err := g.journal.(purse.ChangeLog).LastChange(ctx)
		must(t, err)
		eventually(t, "confirmed", func() bool { return g.outbox.Status().Confirmed == last })
		g.close()
	}
}

// same reports whether two things say the same.
func same(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	must(t, err)
	y, err := json.Marshal(b)
	must(t, err)
	return bytes.Equal(x, y)
}
