package purse_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/fuzzair"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// FuzzAir plays the air of debits. What a receipt calls happened was taken once,
// what it calls not happened was not taken; and asked again without the air, the
// purse gives each debit an end that agrees with the value on the card.
func FuzzAir(f *testing.F) {
	for how := range byte(16) {
		f.Add(how, []byte{})
		f.Add(how, []byte{8, byte(fuzzair.DropAnswer), 0})
		f.Add(how, []byte{how, byte(fuzzair.Forge), 2, 0, byte(fuzzair.Hold), 0})
	}
	f.Fuzz(func(t *testing.T, how byte, in []byte) {
		ctx := context.Background()
		g := wire.EV3
		if how&8 != 0 {
			g = wire.EV1
		}
		b := newBench(t, g, how&1 != 0 && g == wire.EV3, how&2 != 0, how&4 != 0)
		p, err := purse.Open(b.conf)
		if err != nil {
			t.Fatal(err)
		}
		a := fuzzair.New(b.picc, nil)
		card, err := desfire.Connect(ctx, a, &desfire.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		var moves []fuzzair.Move
		for _, m := range fuzzair.Moves(in, 4) {
			switch m.Kind {
			case fuzzair.Insert, fuzzair.CutCommand, fuzzair.FlipCommand, fuzzair.Twice: // a relay that commits is what the scenarios are for
				continue
			}
			moves = append(moves, m)
		}
		a.Play(moves)
		const amount = 10
		ids := []string{"first", "second", "third"}
		for _, id := range ids {
			before := b.value(t)
			r, err := p.Debit(ctx, card, purse.Request{ID: id, Amount: amount})
			after := b.value(t)
			switch {
			case err == nil && r.Decision() == purse.Happened && before-after != amount:
				t.Errorf("%s: happened, and the card went from %d to %d: %+v", id, before, after, moves)
			case err == nil && r.Decision() == purse.DidNot && after != before:
				t.Errorf("%s: did not happen, and the card went from %d to %d: %+v", id, before, after, moves)
			}
			_ = a.Reconnect(ctx)
		}
		a.Play(nil)
		a.Late(ctx)
		taken := int32(0)
		for _, id := range ids {
			r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: id, Amount: amount})
			if err != nil {
				if how&7 == 0 || g == wire.EV1 {
					return // without a receipt some debits stay in doubt
				}
				t.Fatalf("%s: in the end: %v, %+v", id, err, moves)
			}
			switch r.Decision() {
			case purse.Happened:
				taken += amount
			case purse.DidNot:
			default:
				return
			}
		}
		if got := 500 - b.value(t); got != taken {
			t.Errorf("%d taken, receipts for %d: %+v", got, taken, moves)
		}
	})
}
