package purse_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// Somebody else settles what a drain or an order left open: it is made once, and counted.
func TestSettledBySomebodyElse(t *testing.T) {
	ctx := context.Background()
	for _, happens := range []bool{true, false} {
		b := newBench(t, wire.EV3, true, true, false)
		lost := false
		lose := func() *desfire.Card {
			return b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
				if command[1] == wire.InsCommitTransaction {
					if happens {
						_, _ = card()
					}
					lost = true
				}
				if lost {
					return nil, errLeft
				}
				return card()
			})
		}
		o := &purse.Once{Purse: b.open(t), Order: purse.Order{Moves: []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: 10}}}}
		if _, err := o.Step(ctx, lose()); !errors.As(err, new(*purse.InDoubtError)) {
			t.Fatal(err)
		}
		if r, err := b.open(t).Settle(ctx, b.connect(t)); err != nil || (r.Decision() == purse.Happened) != happens {
			t.Fatal(err)
		}
		if done, err := o.Step(ctx, b.connect(t)); !done || err != nil || b.value(t) != 490 {
			t.Errorf("once: %v %v, value %d", done, err, b.value(t))
		}

		d := &purse.Drain{Purse: b.open(t), Amount: 10}
		lost = false
		if _, err := d.Step(ctx, lose()); !errors.As(err, new(*purse.InDoubtError)) {
			t.Fatal(err)
		}
		if _, err := b.open(t).Settle(ctx, b.connect(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Step(ctx, b.connect(t)); err != nil || int32(490-10*d.Summary.Debits) != b.value(t) {
			t.Errorf("drain: %v, value %d, %+v", err, b.value(t), d.Summary)
		}
	}
}

// Another card is presented while an order is in doubt: nothing is taken from it.
func TestOnceOnAnotherCard(t *testing.T) {
	ctx := context.Background()
	b, other := newBench(t, wire.EV3, true, true, false), newBenchOf(t, wire.EV3, []byte{4, 0x22, 2, 3, 4, 5, 6}, true, true, false)
	o := &purse.Once{Purse: b.open(t), Order: purse.Order{Moves: []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: 10}}}}
	gone := false
	card := b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
		if gone = gone || command[1] == wire.InsCommitTransaction; gone {
			return nil, errLeft
		}
		return card()
	})
	if _, err := o.Step(ctx, card); !errors.As(err, new(*purse.InDoubtError)) {
		t.Fatal(err)
	}
	if done, err := o.Step(ctx, other.connect(t)); done || !errors.As(err, new(*purse.InDoubtError)) || other.value(t) != 500 {
		t.Errorf("%v %v, value %d", done, err, other.value(t))
	}
	if done, err := o.Step(ctx, b.connect(t)); !done || err != nil || b.value(t) != 490 {
		t.Errorf("%v %v, value %d", done, err, b.value(t))
	}
}

// fickle is a key store that answers as it likes.
type fickle struct {
	keystore.Store
	has func(keystore.Ref) bool
}

func (f *fickle) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	if !f.has(r) {
		return keystore.Facts{}, false, nil
	}
	return f.Store.Has(ctx, r)
}

// A key store that changes its mind leads to no purse without a session.
func TestKeyStoreChangesItsMind(t *testing.T) {
	b := newBench(t, wire.EV3, false, true, false)
	keys := b.conf.Keys.(keystore.Map)
	keys[keystore.Ref{}] = keystore.Given{Key: testKey} // the card's master key is the same
	asked, begun := 0, false
	b.conf.Keys = &fickle{keys, func(r keystore.Ref) bool {
		if begun && r.Place.IsCard() {
			asked++
			return asked == 1
		}
		return begun || !r.Place.IsCard()
	}}
	p := b.open(t)
	begun = true
	_, err := p.Debit(context.Background(), b.connect(t), purse.Request{Amount: 10})
	if !errors.As(err, new(*purse.ConfigError)) {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// A relay says of an EV1 card that it is a D40, which has no GetCardUID, and swaps the
// identifiers.
func TestClaimsAnOlderCard(t *testing.T) {
	b := newBench(t, wire.EV1, false, true, false)
	card := b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
		answer, err := card()
		if command[1] == wire.InsGetVersion || command[1] == 0xAF {
			if len(answer) == 9 {
				answer = bytes.Clone(answer)
				answer[3], answer[4] = 0, 2 // major and minor
			}
			if len(answer) == 16 {
				answer = bytes.Clone(answer)
				answer[0], answer[1] = 4, 0x99
			}
		}
		return answer, err
	})
	if g := card.Generation(); g != wire.D40 {
		t.Fatalf("the card is taken for a %v", g)
	}
	if _, err := b.open(t).Debit(context.Background(), card, purse.Request{Amount: 10}); !errors.As(err, new(*purse.ConfigError)) {
		t.Errorf("%v, value %d", err, b.value(t))
	}
}

// leased is a lease whose epoch a test sets.
type leased struct{ epoch string }

func (l *leased) Epoch([]byte) (string, bool) { return l.epoch, true }

// What was begun under a lease is not settled as if nobody else had ever had one.
func TestSettledWithoutTheLease(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, false, false, false)
	b.conf.Lease, b.conf.BeginFence = &leased{"first"}, true
	b.lost(t, b.open(t), "x", false)
	b.conf.Lease = nil
	other := b.conf // another terminal takes the same amount under a lease of its own
	other.Journal = purse.Memory(nil)
	q, err := purse.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Debit(ctx, b.connect(t), purse.Request{Amount: 10}); err != nil {
		t.Fatal(err)
	}
	if r, err := b.open(t).Settle(ctx, b.connect(t)); !errors.As(err, new(*purse.InDoubtError)) {
		t.Errorf("%v %+v", err, r)
	}
	b.conf.Lease = &leased{""}
	if _, err := b.open(t).Debit(ctx, newBenchOf(t, wire.EV3, []byte{4, 5, 6, 7, 8, 9, 1}, false, false, false).connect(t), purse.Request{Amount: 10}); !errors.As(err, new(*purse.ConfigError)) {
		t.Errorf("a lease without an epoch: %v", err)
	}
}

// A place that fences nothing would leave open for ever what it should settle.
func TestElsewhereThatFencesNothing(t *testing.T) {
	for _, x := range []struct {
		g     wire.Generation
		place wire.Place
		ok    bool
	}{
		{wire.EV3, wire.Place{AID: 0x123456}, false},
		{wire.EV3, wire.Place{AID: 0xF48121}, false},
		{wire.EV1, wire.Place{AID: 0xF48121}, false},
		{wire.EV1, wire.Place{AID: 0x123456}, true},
		{wire.EV3, wire.Place{}, true},
	} {
		b := newBench(t, x.g, false, true, false)
		b.conf.Elsewhere = &purse.Elsewhere{Place: x.place}
		if _, err := purse.Open(b.conf); (err == nil) != x.ok {
			t.Errorf("%v, %v: %v", x.g, x.place, err)
		}
	}
	// The purse is for EV1 cards, and a newer one comes.
	b := newBench(t, wire.EV3, false, true, false)
	b.conf.Generation, b.conf.Elsewhere = wire.EV1, &purse.Elsewhere{Place: wire.Place{AID: 0x123456}}
	if _, err := b.open(t).Debit(context.Background(), b.connect(t), purse.Request{Amount: 10}); !errors.As(err, new(*purse.ConfigError)) {
		t.Error(err)
	}
}

// What decides nothing is not learned.
func TestLearnNothing(t *testing.T) {
	b := newBench(t, wire.EV3, true, true, false)
	p := b.open(t)
	e := b.lost(t, p, "x", true)
	for _, r := range []purse.Rule{"", "5", "11", "14a", "14b", "operator", "none", "made up"} {
		if _, err := p.Learn(context.Background(), e.ID, purse.Outcome{Decision: purse.DidNot, Rule: r}); !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("rule %q: %v", r, err)
		}
	}
}

// A card stays with its purse while others use it, and the purse in between: each debit is made
// once, and what it says of the values is true.
func TestOthersUseTheCard(t *testing.T) {
	ctx := context.Background()
	for name, use := range map[string]func(t *testing.T, b *bench, card *desfire.Card) error{
		"another purse": func(t *testing.T, b *bench, card *desfire.Card) error {
			_, err := b.open(t).Credit(ctx, card, purse.Request{Amount: 7})
			return err
		},
		"a look": func(t *testing.T, b *bench, card *desfire.Card) error {
			_, err := b.open(t).Look(ctx, card)
			return err
		},
		"a selection": func(t *testing.T, b *bench, card *desfire.Card) error { return card.SelectApplication(ctx, 0xF48121) },
		"the card level": func(t *testing.T, b *bench, card *desfire.Card) error {
			return card.SelectApplication(ctx, wire.PICC)
		},
		"a refusal": func(t *testing.T, b *bench, card *desfire.Card) error { _, _ = card.KeyVersion(ctx, 13); return nil },
		"a debit that pends": func(t *testing.T, b *bench, card *desfire.Card) error {
			_ = card.Debit(ctx, valueNo, 3)
			return nil
		},
		"a name that pends": func(t *testing.T, b *bench, card *desfire.Card) error {
			_, _ = card.CommitReaderID(ctx, [16]byte{1})
			return nil
		},
		"a reset":   func(t *testing.T, b *bench, card *desfire.Card) error { _ = card.Reconnect(ctx); return nil },
		"plain":     func(t *testing.T, b *bench, card *desfire.Card) error { card.AllowPlain(); return nil },
		"its value": func(t *testing.T, b *bench, card *desfire.Card) error { _, err := card.Value(ctx, valueNo); return err },
		"a commit of its own": func(t *testing.T, b *bench, card *desfire.Card) error {
			if b.conf.TMAC != nil {
				_, _ = card.CommitReaderID(ctx, [16]byte{2})
			}
			if err := card.Debit(ctx, valueNo, 3); err != nil {
				return err
			}
			return card.Commit(ctx)
		},
	} {
		for _, x := range []struct{ tmac, slot bool }{{}, {slot: true}, {tmac: true}, {true, true}} {
			b := newBench(t, wire.EV3, x.tmac, x.slot, false)
			p, card := b.open(t), b.connect(t)
			for i := range 3 {
				value := b.value(t)
				r, err := p.Debit(ctx, card, purse.Request{Amount: 10})
				if err != nil || r.Decision() != purse.Happened || b.value(t) != value-10 || r.After[0].Value != b.value(t) || r.Entry.Values[0].Value != value {
					t.Errorf("%s, %+v, %d: %v, %d and then %d", name, x, i, err, value, b.value(t))
				}
				if err := use(t, b, card); err != nil {
					t.Errorf("%s, %+v: %v", name, x, err)
				}
			}
		}
	}
}

// An order for a card is made with no other, which stays as it is and leaves nothing in the
// journal.
func TestOrderForACard(t *testing.T) {
	ctx := context.Background()
	b := newBenchOf(t, wire.EV3, []byte{4, 0x22, 2, 3, 4, 5, 6}, true, true, false)
	order := purse.Order{Moves: []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: 10}}, UID: []byte{4, 9, 9, 9, 9, 9, 9}}
	var other *purse.OtherCardError
	if _, err := b.open(t).Do(ctx, b.connect(t), order); !errors.As(err, &other) || other.Is[1] != 0x22 || b.value(t) != 500 {
		t.Errorf("%v, value %d", err, b.value(t))
	}
	for e, err := range b.conf.Journal.Entries(ctx) {
		t.Errorf("%+v, %v", e, err)
	}
	order.UID = []byte{4, 0x22, 2, 3, 4, 5, 6}
	if _, err := b.open(t).Do(ctx, b.connect(t), order); err != nil || b.value(t) != 490 {
		t.Errorf("%v, value %d", err, b.value(t))
	}
}
