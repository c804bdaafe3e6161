package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What a layout and a plan say of memory is what the card gives out; what is deleted
// does not come back.
func TestMemory(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		l := rich(g)
		conf := &perso.Config{Want: keysFor(t, l, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		picc := newPICC(t, g)
		free := func() int {
			n, err := connect(t, picc).FreeMemory(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		before := free()
		p := apply(t, picc, l, conf)
		after := free()
		if m := l.Memory(g); m.Total != before-after || p.Bytes() != before-after {
			t.Errorf("%v: the card gave out %d bytes; the layout takes %d, the plan %d", g, before-after, m.Total, p.Bytes())
		}
		conf.Prune = true
		conf.Irreversible = append(perso.Irreversible(), "F48121")
		less := rich(g)
		less.Applications[0].Files = less.Applications[0].Files[:1]
		if p = apply(t, picc, less, conf); len(p.Steps) == 0 || p.Bytes() != 0 || free() != after {
			t.Errorf("%v: %d steps, %d bytes, %d are free instead of %d", g, len(p.Steps), p.Bytes(), free(), after)
		}
	}
}

func TestMemoryFits(t *testing.T) {
	for _, g := range wire.Generations {
		for _, size := range perso.CardSizes(g) {
			card, err := sim.New(&sim.Config{Generation: g, Storage: map[string]int{"2K": 2048, "4K": 4096, "8K": 8192, "16K": 16384, "32K": 32768}[size.Name]})
			if err != nil {
				t.Fatal(err)
			}
			if g != wire.D40 {
				if n, err := connect(t, card).FreeMemory(context.Background()); err != nil || int(n) != size.Bytes {
					t.Errorf("%v %s: %d bytes, the card has %d, %v", g, size.Name, size.Bytes, n, err)
				}
			}
		}
	}
	l := rich(wire.EV3)
	for _, tc := range []struct {
		size  uint32
		words string
	}{
		{32, "EV3: about 1184 bytes, fits 2K and larger"},
		{2000, "EV3: about 3168 bytes, fits 4K and larger"},
		{20000, "EV3: about 21152 bytes, fits no card"},
	} {
		l.Applications[0].Files[0].Settings.Size = tc.size
		if got := l.Memory(wire.EV3).Words(wire.EV3); got != tc.words {
			t.Errorf("%d: %s", tc.size, got)
		}
	}
	if _, ok := l.Memory(wire.Light).Fits(wire.Light); !ok {
		t.Error("a Light gives out no memory")
	}
	l.Applications[0].Delegated = &perso.Delegation{Quota: 10}
	if a := l.Memory(wire.EV3).Applications[0]; !a.Given || a.Bytes != 320 || a.Needs <= 320 {
		t.Errorf("%+v", a)
	}
}
