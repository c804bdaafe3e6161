package batch_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// rotate makes of a bench one that rotates.
func (b *bench) rotate(to byte) {
	b.conf.Rotate = &batch.Rotation{To: to}
	b.conf.Perso = perso.Config{Want: derived{to}, Have: versions{{2}, {1}}, Journal: b.journal}
}

// versions are the keys of versions that cards may hold.
type versions []derived

func (s versions) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	return s[0].Has(ctx, r)
}

func (s versions) Key(ctx context.Context, r keystore.Ref) (key.Key, error) { return s[0].Key(ctx, r) }

func (s versions) Slots(ctx context.Context, r keystore.Ref) (list []keystore.Slot, err error) {
	for _, d := range s {
		one, err := keystore.Slots(ctx, d, r)
		if err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	return list, nil
}

// Keys change as cards come by, each card once. What is no finished card of the layout
// is left alone.
func TestRotate(t *testing.T) {
	b := newBench(t, 5)
	b.open()
	one, two, half, elsewhere := picc(t, wire.EV1, 1), picc(t, wire.EV2, 2), picc(t, wire.EV3, 3), made(t, b, 4)
	b.want(one, batch.Done, "1")
	b.want(two, batch.Done, "2")
	half.TearAfter(60)
	b.want(half, batch.HalfDone, "3")
	b.close()
	issued := read(t, b.conf.Results)

	b.rotate(2)
	b.conf.Results = strings.Replace(b.conf.Results, ".csv", ".2.csv", 1)
	b.open()
	r := b.want(one, batch.Done, "1")
	if len(r.Keys) != 3 || r.Keys[1].Version != 2 || !r.Proved {
		t.Errorf("%+v", r)
	}
	b.want(one, batch.Already, "1")
	b.want(elsewhere, batch.Done, "")
	for name, test := range map[string]struct {
		picc *sim.Card
		want string
	}{
		"half done":           {half, `with row "3"`},
		"new":                 {picc(t, wire.EV2, 5), "application F48121: it is not on the card"},
		"zero keys":           {fitting(t, 6), "no secret key"},
		"other keys":          {foreign(t, 7), "none that is at hand has the version"},
		"another application": {occupied(t, 8), "only deleting it"},
	} {
		before := test.picc.Image().Encode()
		if r := b.want(test.picc, batch.Unfit, ""); !strings.Contains(strings.Join(r.Reasons, "; "), test.want) {
			t.Errorf("%s: %q", name, r.Reasons)
		}
		if string(before) != string(test.picc.Image().Encode()) {
			t.Errorf("%s: the card was changed", name)
		}
	}
	if s := b.batch.Status(); s.Made != 2 || s.Rows != 0 {
		t.Errorf("%+v", s)
	}
	if got := b.results(); len(got) != 3 || !strings.HasPrefix(got[1], uidOf(one).String()+",1,done,true,card/0:02 F48121/0:02 F48121/1:02") {
		t.Errorf("%q", got)
	}
	if err := b.batch.Release("1", "x"); err == nil {
		t.Error("a rotation released a row")
	}
	b.close()

	// A card that somebody else has rotated.
	other := newBench(t, 0)
	other.rotate(2)
	other.open()
	other.want(two, batch.Done, "")
	other.close()
	b.open()
	if r := b.want(two, batch.Already, "2"); len(r.Keys) != 3 {
		t.Errorf("%+v", r)
	}
	if got := b.results(); len(got) != 4 {
		t.Errorf("%q", got)
	}
	b.close()

	// Another rotation with the same book, and the making goes on.
	b.rotate(1)
	b.open()
	b.want(one, batch.Done, "1")
	b.close()
	b.conf.Rotate = nil
	b.conf.Results = strings.Replace(b.conf.Results, ".2.csv", ".csv", 1)
	b.open()
	if got := read(t, b.conf.Results); got != issued {
		t.Errorf("%q, want %q", got, issued)
	}
	b.want(half, batch.Done, "3")
	b.want(one, batch.Already, "1")
}

// A rotation is about keys: what else a card is not is told, and stays.
func TestRotateOnly(t *testing.T) {
	b := newBench(t, 1)
	b.open()
	c := picc(t, wire.EV2, 1)
	b.want(c, batch.Done, "1")
	b.close()
	l := layouts()
	l.settings, l.size = wire.SettDefault&^wire.SettChangeable, 60
	b.conf.Layouts = l
	b.rotate(2)
	b.open()
	if r := b.want(c, batch.Done, "1"); len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], "key settings") {
		t.Errorf("%q", r.Reasons)
	}
	if a := c.Image().Applications[0]; a.KeySettings[0] != byte(wire.SettDefault) || a.Files[0].Size != 48 {
		t.Errorf("%+v", a)
	}
}

// A card that is lifted in any exchange of a rotation is finished when it comes back,
// with key sets and without.
func TestRotateLifted(t *testing.T) {
	for name, sets := range map[string]bool{"keys": false, "key sets": true} {
		t.Run(name, func(t *testing.T) {
			l := layouts()
			l.sets = sets
			b := newBench(t, 1)
			b.conf.Layouts = l
			b.open()
			honest := picc(t, wire.EV2, 0)
			b.want(honest, batch.Done, "1")
			b.close()
			b.rotate(2)
			b.open()
			before := honest.Exchanges()
			b.want(honest, batch.Done, "1")
			if s := honest.Image().Applications[0].KeySets; sets && (s == nil || s.ActiveVersion != 2) {
				t.Errorf("key sets %+v", s)
			}
			total := honest.Exchanges() - before
			for n, at := 1, 4; at < total; n, at = n+1, at+every(10) {
				made := newBench(t, 1)
				made.conf.Layouts = l
				made.open()
				c := picc(t, wire.EV2, n)
				made.want(c, batch.Done, "1")
				c.Inject(sim.Fault{Exchange: at, Kind: []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter}[n%2]})
				if r, err := b.present(c); err == nil || r.Outcome != batch.HalfDone && r.Outcome != batch.Untouched {
					t.Fatalf("exchange %d of %d: %+v, %v", at, total, r, err)
				}
				if r := b.want(c, batch.Done, ""); len(r.Keys) != 3 || r.Keys[0].Version != 2 {
					t.Errorf("exchange %d of %d: %+v", at, total, r)
				}
			}
			if open := b.journal.open(); len(open) > 0 {
				t.Errorf("the journal is open about %v", open)
			}
		})
	}
}
