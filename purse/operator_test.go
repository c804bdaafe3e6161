package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// doubtful is a purse with a debit whose commit had no answer, and the id of it.
func doubtful(t *testing.T) (*bench, *purse.Purse, purse.ID) {
	t.Helper()
	b := newBench(t, wire.EV3, true, false, false)
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	b.picc.Inject(sim.Fault{Exchange: 12, Kind: sim.LosePowerAfter})
	_, err = p.Debit(context.Background(), b.connect(t), purse.Request{ID: "a", Amount: 10})
	var doubt *purse.InDoubtError
	if !errors.As(err, &doubt) || !doubt.Receipt.Entry.Progress.CommitSent {
		t.Fatal(err)
	}
	return b, p, doubt.Receipt.Entry.ID
}

// A person's word closes an entry; what the centre says later counts for more, and
// contradictions block the card.
func TestOperatorAndCentre(t *testing.T) {
	ctx := context.Background()
	b, p, id := doubtful(t)
	for _, bad := range []struct {
		d      purse.Decision
		reason string
	}{{purse.InDoubt, "because"}, {purse.DidNot, " "}} {
		if _, err := p.Decide(ctx, id, bad.d, bad.reason); !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("%v %q: %v", bad.d, bad.reason, err)
		}
	}
	r, err := p.Decide(ctx, id, purse.DidNot, "the customer says so")
	if err != nil || r.Decision() != purse.DidNot || r.Rule() != purse.RuleOperator {
		t.Fatalf("%v %+v", err, r)
	}
	if _, err := p.Decide(ctx, id, purse.DidNot, "again"); !errors.As(err, new(*purse.RequestError)) {
		t.Errorf("again: %v", err)
	}
	for _, o := range []purse.Outcome{{Decision: purse.InDoubt, Rule: purse.RuleTMV}, {Decision: purse.DidNot, Rule: purse.RuleOperator}, {Decision: purse.Happened, Rule: purse.RuleNone}} {
		if _, err := p.Learn(ctx, id, o); !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("%v %v: %v", o.Decision, o.Rule, err)
		}
	}
	r, err = p.Learn(ctx, id, purse.Outcome{Decision: purse.Happened, Rule: purse.RuleTMV, Why: "the transaction MAC fits"})
	if err != nil || r.Decision() != purse.Happened || len(r.Entry.Outcomes) != 2 {
		t.Fatalf("%v %+v", err, r)
	}
	if r, err = p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10}); err != nil || !r.Stored {
		t.Errorf("the same request: %v %+v", err, r)
	}
	if _, err := p.Learn(ctx, id, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleOtherOwner}); !errors.As(err, new(*purse.BlockedError)) {
		t.Errorf("a contradiction: %v", err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "b", Amount: 10}); !errors.As(err, new(*purse.BlockedError)) {
		t.Errorf("a blocked card: %v", err)
	}
	if err := p.Unblock(ctx, r.Entry.CardApp, "looked at it"); err != nil {
		t.Error(err)
	}
	before := b.value(t)
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "b", Amount: 10}); err != nil || b.value(t) != before-10 {
		t.Errorf("unblocked: %v", err)
	}
}

// A request that a person took for not made is not made again where the card
// proves that it was.
func TestOperatorOverruledByCard(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct {
		name       string
		tmac, slot bool
		commit     int // its exchange
	}{{"slot", false, true, 12}, {"TMAC", true, false, 12}, {"both", true, true, 14}} {
		for _, kind := range []sim.FaultKind{sim.LosePowerAfter, sim.LosePowerBefore} {
			b := newBench(t, wire.EV3, x.tmac, x.slot, false)
			p, err := purse.Open(b.conf)
			if err != nil {
				t.Fatal(err)
			}
			b.picc.Inject(sim.Fault{Exchange: x.commit, Kind: kind})
			_, err = p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10})
			var doubt *purse.InDoubtError
			if !errors.As(err, &doubt) || !doubt.Receipt.Entry.Progress.CommitSent {
				t.Fatalf("%s: %v", x.name, err)
			}
			if _, err := p.Decide(ctx, doubt.Receipt.Entry.ID, purse.DidNot, "the customer says so"); err != nil {
				t.Fatal(err)
			}
			r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10})
			if err != nil || b.value(t) != 490 || r.Stored != (kind == sim.LosePowerAfter) {
				t.Errorf("%s, %v: %v, %d, %+v", x.name, kind, err, b.value(t), r)
			}
			if r, err = p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10}); err != nil || !r.Stored || b.value(t) != 490 {
				t.Errorf("%s, %v, again: %v, %d", x.name, kind, err, b.value(t))
			}
		}
	}
}

// An entry that no purse made settles nothing, and breaks nothing.
func TestEntryWithoutMoves(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, false, false)
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	card := b.connect(t)
	v, err := p.Look(ctx, card)
	if err != nil {
		t.Fatal(err)
	}
	id, err := b.conf.Journal.NewID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.conf.Journal.Begin(ctx, &purse.Entry{ID: id, CardApp: v.CardApp}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Settle(ctx, card); !errors.As(err, new(*purse.InDoubtError)) {
		t.Error(err)
	}
}
