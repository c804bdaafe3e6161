package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

func mustBe(t *testing.T, list []perso.Difference, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Unproven == "" {
			t.Error(d)
		}
	}
}

// TestAgain makes a card of every generation by a layout, reads it, makes a blank
// one of what was read, and finds them the same.
func TestAgain(t *testing.T) {
	ctx := context.Background()
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			layout := rich(g)
			conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true}
			first := newPICC(t, g)
			p, err := perso.Apply(ctx, connect(t, first), layout, conf)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range append(p.Impossible, p.Warnings...) {
				t.Error(n)
			}
			list, err := perso.Verify(ctx, connect(t, first), layout, conf)
			mustBe(t, list, err)

			dumped, notes := perso.FromCard(readAll(t, first, conf.Want))
			for _, n := range notes {
				t.Log(n)
			}
			second := newPICC(t, g)
			if p, err = perso.Apply(ctx, connect(t, second), dumped, conf); err != nil {
				t.Fatal(err)
			}
			for _, n := range p.Impossible {
				t.Error(n)
			}
			list, err = perso.Verify(ctx, connect(t, second), dumped, conf)
			mustBe(t, list, err)
			again, _ := perso.FromCard(readAll(t, second, conf.Want))
			sameLayout(t, again, dumped)

			p, err = perso.NewPlan(ctx, connect(t, second), dumped, conf)
			if err != nil || len(p.Steps) > 0 {
				t.Errorf("what is applied has steps: %v, %v", p.Steps, err)
			}
		})
	}
}
