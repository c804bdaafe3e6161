package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// TestExchanges counts what each step takes on a card, and compares it with what the
// plan says: not more than 4 off for a step, and 5 in 100 for all of them.
func TestExchanges(t *testing.T) {
	ctx := context.Background()
	list := jobs(t)
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		large := small(func(_ *perso.Layout, a *perso.Application, f *perso.File) {
			f.Settings.Size, f.Data = 600, bytesOf(600, 1)
			b := *f
			b.No, b.Settings.Type = 2, wire.FileBackup
			a.Files = append(a.Files, b)
		})
		keys := keysFor(t, large, 1)
		list = append(list,
			job{name: g.String() + ", large files", g: g, layout: large, keys: append(list[0].keys[:0:0], keys)},
			job{name: g.String() + ", pruned", g: g, before: []*perso.Layout{more(0)}, layout: small(nil), keys: append(list[0].keys[:0:0], keysFor(t, more(0), 1), keysFor(t, more(0), 1)), prune: true},
		)
	}
	for _, j := range list {
		air := &torn{Activation: j.ready(t).Present()}
		card, err := desfire.Connect(ctx, air, nil)
		if err != nil {
			t.Fatal(err)
		}
		conf := j.conf(len(j.before))
		var steps []perso.Step
		var from []int
		conf.OnStep = func(p perso.Progress) { steps, from = append(steps, p.Step), append(from, air.seen) }
		p, err := perso.Apply(ctx, card, j.layout, conf)
		if err != nil {
			t.Fatal(err)
		}
		said, took := 0, 0
		for i, s := range steps {
			end := air.seen
			if i+1 < len(steps) {
				end = from[i+1]
			}
			n := end - from[i]
			said, took = said+s.Exchanges, took+n
			if d := s.Exchanges - n; d < -4 || d > 4 {
				t.Errorf("%s: %s: said %d, took %d", j.name, s.Words, s.Exchanges, n)
			}
		}
		if d := said - took; said != p.Exchanges() || len(steps) == 0 || d*20 > took+40 || -d*20 > took+40 {
			t.Errorf("%s: said %d, took %d in %d steps", j.name, said, took, len(steps))
		}
	}
}
