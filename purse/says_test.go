package purse_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// A look says what it decides of what is open, without a fence against a relay, and writes
// nothing: the settlement does.
func TestLookSays(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct {
		name     string
		policy   purse.Policy
		slot     bool
		happened bool
		decision purse.Decision
		rule     purse.Rule
	}{
		{"hostile, a slot", purse.Hostile, true, true, purse.Happened, purse.RuleSlot},
		{"hostile, a slot as it was, and no fence", purse.Hostile, true, false, purse.InDoubt, purse.RuleNone},
		{"hostile, the value", purse.Hostile, false, true, purse.Happened, purse.RuleValue},
		{"hostile, the value as it was, and no fence", purse.Hostile, false, false, purse.InDoubt, purse.RuleNone},
		{"accidents, the value", purse.Accidents, false, true, purse.Happened, purse.RuleValue},
		{"accidents, the value as it was", purse.Accidents, false, false, purse.DidNot, purse.RuleValue},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := newBench(t, wire.EV3, false, x.slot, false)
			b.conf.Policy = x.policy
			if !x.slot {
				b.conf.Others = purse.OthersNothing
			}
			p := b.open(t)
			e := b.lost(t, p, "a", x.happened)
			v, err := p.Look(ctx, b.connect(t))
			if err != nil || v.Open == nil || v.Open.ID != e.ID || v.Says == nil {
				t.Fatalf("%v %+v", err, v)
			}
			if v.Says.Decision != x.decision || v.Says.Rule != x.rule {
				t.Errorf("%v by rule %s (%s), want %v by %s", v.Says.Decision, v.Says.Rule, v.Says.Why, x.decision, x.rule)
			}
			if now, err := b.conf.Journal.Entry(ctx, e.ID); err != nil || len(now.Outcomes) > 0 {
				t.Errorf("%v: the journal has an outcome: %+v", err, now)
			}
			want := purse.DidNot
			if x.happened {
				want = purse.Happened
			}
			if r, err := p.Settle(ctx, b.connect(t)); err != nil || r.Decision() != want {
				t.Errorf("settled: %v %+v", err, r)
			}
			if v, err := p.Look(ctx, b.connect(t)); err != nil || v.Open != nil || v.Says != nil {
				t.Errorf("after: %v %+v", err, v)
			}
		})
	}
}
