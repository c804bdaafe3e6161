package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

func (b *bench) open(t testing.TB) *purse.Purse {
	t.Helper()
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tapped is the card with a relay in between.
func (b *bench) tapped(t testing.TB, relay func(command []byte, card func() ([]byte, error)) ([]byte, error)) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), &link{b.picc.Present(), &field{relay: relay}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

var errLeft = errors.New("the card left")

// lost makes a debit of 10 whose commit has no answer, though it may have happened.
func (b *bench) lost(t testing.TB, p *purse.Purse, request string, happens bool) *purse.Entry {
	t.Helper()
	left := false
	card := b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
		if left {
			return nil, errLeft
		}
		if left = command[1] == wire.InsCommitTransaction; !left {
			return card()
		}
		if happens {
			_, _ = card()
		}
		return nil, errLeft
	})
	value := b.value(t)
	_, err := p.Debit(context.Background(), card, purse.Request{ID: request, Amount: 10})
	var doubt *purse.InDoubtError
	if !errors.As(err, &doubt) || !doubt.Receipt.Entry.Progress.CommitSent || (b.value(t) != value) != happens {
		t.Fatalf("%v; the value was %d and is %d", err, value, b.value(t))
	}
	return &doubt.Receipt.Entry
}

// A journal serves several purses, each with a slot of its own: what one began, another
// settles by the slot of the first.
func TestSettledByAnotherSlot(t *testing.T) {
	ctx := context.Background()
	for _, happens := range []bool{true, false} {
		for _, others := range []purse.Others{purse.OthersAny, purse.OthersNothing} {
			b := newBench(t, wire.EV3, false, true, false)
			b.conf.Others = others
			b.lost(t, b.open(t), "x", happens)
			slot := *b.conf.Slot
			slot.Number = 2
			b.conf.Slot = &slot
			p := b.open(t)
			for range 2 {
				r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "x", Amount: 10})
				if err != nil || b.value(t) != 490 || r.Decision() != purse.Happened {
					t.Fatalf("happens %v, others %q: %v, value %d", happens, others, err, b.value(t))
				}
			}
			for _, n := range []int{1, 2, 1} {
				slot.Number = n
				if _, err := b.open(t).Debit(ctx, b.connect(t), purse.Request{Amount: 10}); err != nil {
					t.Errorf("slot %d: %v", n, err)
				}
			}
		}
	}
}

// After a person's word, or the centre's, the card is no card with another history.
func TestSlotAfterAWord(t *testing.T) {
	ctx := context.Background()
	for _, happens := range []bool{true, false} {
		d := map[bool]purse.Decision{true: purse.Happened, false: purse.DidNot}[happens]
		for name, close := range map[string]func(p *purse.Purse, id purse.ID) error{
			"person": func(p *purse.Purse, id purse.ID) error { _, err := p.Decide(ctx, id, d, "seen"); return err },
			"centre": func(p *purse.Purse, id purse.ID) error {
				_, err := p.Learn(ctx, id, purse.Outcome{Decision: d, Rule: purse.RuleClosedBooks, Why: "books"})
				return err
			},
		} {
			b := newBench(t, wire.EV3, true, true, false)
			p := b.open(t)
			if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10}); err != nil {
				t.Fatal(err)
			}
			e := b.lost(t, p, "b", happens)
			if err := close(p, e.ID); err != nil {
				t.Fatal(err)
			}
			value := b.value(t)
			if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "c", Amount: 10}); err != nil || b.value(t) != value-10 {
				t.Errorf("%s, %v: %v", name, d, err)
			}
		}
	}
}

// What is learned late of a card says nothing of what it holds now.
func TestLearnedLate(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, false)
	p := b.open(t)
	e := b.lost(t, p, "a", true)
	if _, err := p.Decide(ctx, e.ID, purse.DidNot, "the customer says so"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "b", Amount: 10}); err != nil {
		t.Fatal(err)
	}
	o := purse.Outcome{Decision: purse.Happened, Rule: purse.RuleTMV, Evidence: purse.Evidence{Slot: purse.Hex(e.ID.Slot(16)), Protected: true, SameCard: true}}
	if _, err := p.Learn(ctx, e.ID, o); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "c", Amount: 10}); err != nil {
		t.Error(err)
	}
}

// A request of which any attempt happened is not made again, though a later
// attempt did not.
func TestEarlierAttemptHappened(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, false)
	p := b.open(t)
	first := b.lost(t, p, "a", true)
	if _, err := p.Decide(ctx, first.ID, purse.DidNot, "the customer says so"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "other", Amount: 10}); err != nil {
		t.Fatal(err) // now the card proves nothing of the first one
	}
	second := b.lost(t, p, "a", false)
	if r, err := p.Settle(ctx, b.connect(t)); err != nil || r.Decision() != purse.DidNot || r.Entry.ID != second.ID {
		t.Fatal(err, r)
	}
	third := b.lost(t, p, "a", false)
	if _, err := p.Learn(ctx, first.ID, purse.Outcome{Decision: purse.Happened, Rule: purse.RuleTMV, Why: "the transaction MAC fits"}); err != nil {
		t.Fatal(err)
	}
	value := b.value(t)
	for range 2 {
		r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10})
		if err != nil || !r.Stored || r.Entry.ID != first.ID || b.value(t) != value {
			t.Errorf("%v %+v, value %d instead of %d", err, r, b.value(t), value)
		}
	}
	_ = third
}

// A person who unblocks a card has looked at the version of its key, too.
func TestUnblockedKeyVersion(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, false)
	p := b.open(t)
	r, err := p.Debit(ctx, b.connect(t), purse.Request{Amount: 10})
	if err != nil {
		t.Fatal(err)
	}
	state, err := b.conf.Journal.State(ctx, r.Entry.CardApp)
	if err != nil {
		t.Fatal(err)
	}
	*state.KeyVer = 9
	if err := b.conf.Journal.Keep(ctx, state); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{Amount: 10}); !errors.As(err, new(*purse.BlockedError)) {
		t.Fatal(err)
	}
	if err := p.Unblock(ctx, r.Entry.CardApp, "the keys were rolled back"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{Amount: 10}); err != nil {
		t.Error(err)
	}
}
