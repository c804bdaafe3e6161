package yaml_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

type memJournal []rekey.Entry

func (j *memJournal) Record(_ context.Context, e rekey.Entry) error {
	*j = append(*j, e)
	return nil
}

func (j *memJournal) Entries(context.Context) ([]rekey.Entry, error) { return *j, nil }

// A card becomes what the layout says, with the keys that the layout says; one that
// holds keys of the version before becomes so as well.
func TestOnCards(t *testing.T) {
	ctx := t.Context()
	d := campus(t)
	row := map[string]string{"card_no": "4711", "name": "Ada"}
	layout, err := d.Layout(row)
	if err != nil {
		t.Fatal(err)
	}
	k := d.Keys(masters{"campus-2026": aes(t, 1), "campus-2027": aes(t, 2), "tmac-2026": aes(t, 3)},
		keystore.Map{{Place: wire.Place{AID: 0x000010}, Key: keystore.Number(2)}: {Key: aes(t, 4).WithVersion(1)}})
	for _, g := range layout.Generations {
		picc, err := sim.New(&sim.Config{Generation: g, UID: []byte(uid)})
		if err != nil {
			t.Fatal(err)
		}
		connect := func() *desfire.Card {
			t.Helper()
			card, err := desfire.Connect(ctx, picc.Present(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return card
		}
		journal := new(memJournal)
		for _, want := range []keystore.Store{k.At(1), k.Want(), k.Want()} {
			conf := &perso.Config{Have: k.Have(), Want: want, Journal: journal}
			p, err := perso.Apply(ctx, connect(), layout, conf)
			if err != nil || len(p.Impossible) > 0 {
				t.Fatalf("%v: %+v, %v", g, p, err)
			}
		}
		list, err := perso.Verify(ctx, connect(), layout, &perso.Config{Have: k.Have(), Want: k.Want()})
		if err != nil || perso.Differs(list) {
			t.Errorf("%v: %v, %v", g, list, err)
		}
		card := connect()
		if err := card.SelectApplication(ctx, 0x000010); err != nil {
			t.Fatal(err)
		}
		read, err := k.Want().Key(ctx, ref(t, "000010/1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := card.Authenticate(ctx, 1, read); err != nil {
			t.Errorf("%v: %v", g, err)
		}
		if data, err := card.ReadData(ctx, 1, 0, 8); err != nil || string(data) != "4711|ADA" {
			t.Errorf("%v: %q, %v", g, data, err)
		}
		if err := card.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err == nil {
			t.Errorf("%v: zeros open it", g)
		}
	}
}

// A card with a random identifier is known by a key that is the same on all cards,
// whichever of the layout's keys are made of the UID.
func TestRandomUID(t *testing.T) {
	ctx := t.Context()
	const text = `desfire: layout/v1
card: {generations: [ev3], master: picc, options: {proximity-required: false, virtual-card-required: false, legacy-random-uid: false}, irreversible: [random-uid]}
keys:
  picc: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true}}}
  app: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, aid: true}}}
  known: {type: aes, version: 1, from: all}
applications:
- {aid: F48121, keys: {master: app}}
- {aid: F48122, keys: {master: known}, files: [{no: 1, type: standard, size: 4, read: known, write: known, content: {text: ok}}]}
`
	d, err := yaml.Read("l.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Lint() {
		if f.Severity == yaml.SeverityError {
			t.Errorf("%+v", f)
		}
	}
	layout, err := d.Layout(nil)
	if err != nil {
		t.Fatal(err)
	}
	k := d.Keys(masters{"m": aes(t, 1), "all": aes(t, 2)}, nil)
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte(uid)})
	if err != nil {
		t.Fatal(err)
	}
	connect := func() *desfire.Card {
		t.Helper()
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	conf := &perso.Config{Have: k.Have(), Want: k.Want(), Journal: new(memJournal), Irreversible: []string{perso.OptionRandomUID}}
	if p, err := perso.Apply(ctx, connect(), layout, conf); err != nil || len(p.Impossible) > 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	card := connect()
	if card.UID() != nil {
		t.Fatal("it shows its UID")
	}
	id, err := perso.Identify(ctx, card, layout, conf)
	if err != nil || id.UID != uid || !id.Proved {
		t.Errorf("%+v, %v", id, err)
	}
	list, err := perso.Verify(ctx, connect(), layout, conf)
	if err != nil || perso.Differs(list) {
		t.Errorf("%v, %v", list, err)
	}
}
