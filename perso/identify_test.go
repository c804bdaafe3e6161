package perso_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// onCards are keys of which those that are derived need to know the card.
type onCards struct {
	keystore.Map
	derived map[keystore.Ref]bool // without the card
}

func (s onCards) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if s.derived[r.Everywhere()] && r.UID == "" {
		return nil, keystore.ErrNoUID
	}
	return s.Map.Key(ctx, r)
}

// What a card says of itself is proved by a key that is secret, and by no other.
func TestIdentify(t *testing.T) {
	ctx := context.Background()
	layout := small(nil)
	conf := &perso.Config{Want: keysFor(t, layout, 1), Journal: new(memJournal)}
	for _, g := range []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		layout := small(nil)
		if g == wire.D40 {
			layout.Applications[0].KeyType = wire.KeyDES
		}
		conf := &perso.Config{Want: keysFor(t, layout, 1), Journal: new(memJournal)}
		picc := newPICC(t, g)
		for _, proved := range []bool{false, g != wire.D40} {
			id, err := perso.Identify(ctx, connect(t, picc), layout, conf)
			if err != nil || id.UID != keystore.UID(picc.UID()) || id.Proved != proved {
				t.Errorf("%v: %+v, %v; want proved %v", g, id, err, proved)
			}
			apply(t, picc, layout, conf)
		}
	}

	ours := newPICC(t, wire.EV2)
	theirs, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 6, 6, 6, 6, 6, 6}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // with the key that cards are delivered with, and with a secret one
		card, err := desfire.Connect(ctx, &impostor{Activation: theirs.Present(), other: ours.Present()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		id, err := perso.Identify(ctx, card, layout, conf)
		var wrong *perso.WrongCardError
		if !errors.As(err, &wrong) || wrong.Is != "04060606060606" || id.Proved {
			t.Errorf("%+v, %v", id, err)
		}
		apply(t, theirs, layout, conf)
	}
}

// A card with a random identifier tells the real one to a key that is the same on all
// cards; keys that are derived of the identifier are no way to it.
func TestIdentifyRandom(t *testing.T) {
	ctx := context.Background()
	layout := small(nil)
	layout.Card = &perso.Level{}
	keys := keysFor(t, layout, 1)
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	picc := newPICC(t, wire.EV2)
	apply(t, picc, layout, conf)
	card := connect(t, picc)
	if err := card.SelectApplication(ctx, wire.PICC); err != nil {
		t.Fatal(err)
	}
	if err := card.Authenticate(ctx, 0, keys[keystore.Ref{}].Key); err != nil {
		t.Fatal(err)
	}
	if err := card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}); err != nil {
		t.Fatal(err)
	}
	place := layout.Applications[0].Place
	master, one, two := keystore.Ref{Place: place}, keystore.Ref{Place: place, Key: keystore.Number(1)}, keystore.Ref{Place: place, Key: keystore.Number(2)}
	for name, test := range map[string]struct {
		derived []keystore.Ref
		ok      bool
	}{
		"none derived":  {nil, true},
		"all derived":   {[]keystore.Ref{{}, master, one, two}, false},
		"all but key 2": {[]keystore.Ref{{}, master, one}, true},
		"the card's":    {[]keystore.Ref{{}}, true},
	} {
		store := onCards{keys, map[keystore.Ref]bool{}}
		for _, r := range test.derived {
			store.derived[r] = true
		}
		id, err := perso.Identify(ctx, connect(t, picc), layout, &perso.Config{Want: store})
		var none *perso.KeyError
		if test.ok && (err != nil || id.UID != keystore.UID(picc.UID()) || !id.Proved) || !test.ok && !errors.As(err, &none) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}
