package purse_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// FuzzOrders makes orders, one by one and by a drain, with purses of all shapes, whose layout is
// written and read in between. The card holds what was asked for, and an order that is made again
// is not done twice.
func FuzzOrders(f *testing.F) {
	for how := range byte(16) {
		f.Add(how, []byte{how, 10, 1, 20, 2, 5, 3, 7, 0, 200, how * 3, 90, 2, 255})
	}
	f.Fuzz(func(t *testing.T, how byte, in []byte) {
		ctx := context.Background()
		g := []wire.Generation{wire.EV3, wire.EV1, wire.EV2, wire.EV3}[how>>3&3]
		b := newBench(t, g, how&1 != 0 && g != wire.EV1, how&2 != 0, how&4 != 0)
		l, err := purse.LayoutOf(&b.conf)
		if err != nil {
			t.Fatal(err)
		}
		conf, err := l.Config()
		if err != nil {
			t.Fatal(err)
		}
		conf.Keys, conf.Journal, conf.Terminal = b.conf.Keys, b.conf.Journal, b.conf.Terminal
		p, err := purse.Open(*conf)
		if err != nil {
			t.Fatal(err)
		}
		want := int32(500)
		for n := 0; len(in) >= 2 && n < 20; n++ {
			amount := int32(in[1])
			moves := []purse.Move{{File: valueNo, Kind: []purse.Kind{purse.Debit, purse.Credit, purse.Debit}[in[0]%3], Amount: amount}}
			o := purse.Order{ID: string(rune('a' + n)), Moves: moves}
			card := b.connect(t)
			once := &purse.Once{Purse: p, Order: o}
			done, err := once.Step(ctx, card)
			if err == nil && done && once.Receipt.Decision() == purse.Happened {
				want += map[bool]int32{true: amount, false: -amount}[moves[0].Kind == purse.Credit]
			}
			if got := b.value(t); got != want {
				t.Fatalf("order %+v: %v %v, the card holds %d, want %d", o, done, err, got, want)
			}
			if err == nil {
				if r, err := p.Do(ctx, b.connect(t), o); err != nil || r.Decision() != once.Receipt.Decision() || b.value(t) != want {
					t.Fatalf("order %+v, again: %v, %d of %d", o, err, b.value(t), want)
				}
			}
			in = in[2:]
		}
		if v, err := p.Look(ctx, b.connect(t)); err != nil || v.Values[0].Value != want {
			t.Errorf("the purse sees %+v, %v", v, err)
		}
		d := &purse.Discovery{Place: b.conf.Place, File: valueNo, Keys: b.conf.Keys, KeyNo: 1, Others: purse.OthersNothing}
		if c, err := d.Config(ctx, b.connect(t)); err != nil || len(c.Values) != 1 || c.Values[0].No != valueNo {
			t.Errorf("found %+v, %v", c, err)
		}
		drain := &purse.Drain{Purse: p, Amount: 40, Debits: 3}
		err = drain.Run(ctx, func(ctx context.Context, step desfire.Step) error {
			card := b.connect(t)
			for {
				if done, err := step(ctx, card); done || err != nil {
					return err
				}
			}
		})
		if err == nil && want-b.value(t) != 40*int32(drain.Summary.Debits) {
			t.Errorf("drained from %d to %d: %+v", want, b.value(t), drain.Summary)
		}
	})
}
