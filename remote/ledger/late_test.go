package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
)

// alarmsOf are the alarms of a kind, and how many of them stand.
func alarmsOf(t testing.TB, c *ledger.Centre, kind string) (all, stand int) {
	t.Helper()
	list, _, err := c.Alarms(context.Background(), "", 0, 500)
	must(t, err)
	for _, a := range list {
		if a.Kind != kind {
			continue
		}
		if all++; !a.Over {
			stand++
		}
	}
	return all, stand
}

// What a gate found of a change that it knew in half is an alarm until the rest of the change is reported.
func TestAlarmIsOver(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, stop := startCentre(t, s, nil)
	one, two := newGate(t, "gate1", 1), newGate(t, "gate2", 2)
	first := newPlasticOf(t, 0x20, false)
	one.open(first)
	defer one.close()
	two.open(first)
	defer two.close()
	// A change that happened, and whose receipt alone does not tell so.
	var half, whole *purse.Entry
	var found *purse.Outcome
	for at := 1; found == nil; at++ {
		if at == 20 {
			t.Fatal("half of a change tells everything")
		}
		p := newPlasticOf(t, byte(0x20+at), false)
		whole = one.tear(p, fmt.Sprint(at), sim.Fault{Exchange: at, Kind: sim.LoseAnswer})
		if whole == nil || p.value(t) == 50_000 {
			continue
		}
		half = whole.Clone()
		half.Progress = purse.Progress{}
		o, err := two.purse.SettleOther(ctx, p.present(t), half)
		must(t, err)
		if o.Decision == purse.InDoubt && len(o.Alarms) == 1 && o.Alarms[0].Rule == purse.RuleReceipt {
			found = o
		}
	}
	g1, g2 := one.journal.(purse.ChangeLog).Generation(), two.journal.(purse.ChangeLog).Generation()
	ship(t, agentConn(s, "gate1"), "gate1", ledger.Batch{Generation: g1}, payloadOf(t, purse.Logged{Seq: 1, Entry: half}))
	eventually(t, "known", func() bool { return messages(t, s, "entries") == 1 })
	ship(t, agentConn(s, "gate2"), "gate2", ledger.Batch{Generation: g2}, payloadOf(t, purse.Logged{Seq: 1, Found: &purse.Found{ID: half.ID, CardApp: half.CardApp, Outcome: *found}}))
	eventually(t, "an alarm", func() bool { all, stand := alarmsOf(t, c, "rule 14b"); return all == 1 && stand == 1 })
	eventually(t, "in the books", func() bool { x := c.Totals(); return x.Judging == 0 && x.Alarms == 1 && x.Open == 1 })
	stop()
	c, _ = startCentre(t, s, nil)
	if all, stand := alarmsOf(t, c, "rule 14b"); all != 1 || stand != 1 {
		t.Errorf("of %d alarms %d stand after a start", all, stand)
	}
	ship(t, agentConn(s, "gate1"), "gate1", ledger.Batch{Generation: g1, After: 1}, payloadOf(t, purse.Logged{Seq: 2, Entry: whole}))
	eventually(t, "over", func() bool { all, stand := alarmsOf(t, c, "rule 14b"); return all == 1 && stand == 0 })
	eventually(t, "decided", func() bool { x := c.Totals(); return x.Judging == 0 && x.Happened == 1 && x.Open == 0 && x.Alarms == 0 })
}

// What a gate found of a change that nobody has reported yet waits for the change, through a start of the
// centre as well; the alarm about it is over then.
func TestFoundBeforeReported(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, nil)
	c, stop := startCentre(t, s, nil)
	log1, list := made(t, "gate1", newPlastic(t, 1), 1)
	e := list[0].Entry.Clone()
	o := *e.Outcome()
	e.Outcomes = nil
	g2 := purse.Generation{2}
	ship(t, agentConn(s, "gate2"), "gate2", ledger.Batch{Generation: g2}, payloadOf(t, purse.Logged{Seq: 1, Found: &purse.Found{ID: e.ID, CardApp: e.CardApp, Outcome: o}}))
	eventually(t, "an alarm", func() bool { all, stand := alarmsOf(t, c, "an unknown transaction"); return all == 1 && stand == 1 })
	stop()
	c, _ = startCentre(t, s, nil)
	if all, stand := alarmsOf(t, c, "an unknown transaction"); all != 1 || stand != 1 {
		t.Errorf("of %d alarms %d stand after a start", all, stand)
	}
	ship(t, agentConn(s, "gate1"), "gate1", ledger.Batch{Generation: log1.Generation()}, payloadOf(t, purse.Logged{Seq: 1, Entry: e}))
	eventually(t, "decided by what was found", func() bool { x := c.Totals(); return x.Judging == 0 && x.Happened == 1 && x.Open == 0 })
	if all, stand := alarmsOf(t, c, "an unknown transaction"); all != 1 || stand != 0 {
		t.Errorf("of %d alarms %d stand", all, stand)
	}
}
