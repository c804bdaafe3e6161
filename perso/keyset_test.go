package perso_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// withSets is a layout whose application has three key sets, of which the second is
// to be filled, and keys for all of it.
func withSets(t testing.TB, version byte) (*perso.Layout, keystore.Map) {
	l := small(func(_ *perso.Layout, a *perso.Application, f *perso.File) {
		a.KeySett3, a.KeySets = wire.SettKeySets, &wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 16, AppKeySetSett: 1}
		*a.KeySettings = 0x2B
		a.Sets = []perso.KeySetWant{{Set: 2, Version: 9, Type: key.TypeAES}}
	})
	keys := keysFor(t, l, version)
	for no := range 3 {
		keys[keystore.Ref{Place: l.Applications[0].Place, Key: keystore.InSet(2, wire.KeyNo(no))}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{AID: appA}, no+4, 7)}
	}
	return l, keys
}

// keySetPICC is a card that puts the one or the other key into a new set.
func keySetPICC(t testing.TB, copies bool) *sim.Card {
	t.Helper()
	q := sim.QuirksOf(wire.EV3)
	q.KeySetCopiesActive = copies
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 1, 2, 3, 4, 5, 6}, Quirks: &q})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}

// A key set is loaded, told by its versions, and its keys are those of the store: they
// authenticate once it is the active one.
func TestKeySets(t *testing.T) {
	ctx := context.Background()
	for _, copies := range []bool{false, true} {
		l, keys := withSets(t, 3)
		picc := keySetPICC(t, copies)
		conf := &perso.Config{Want: keys, Journal: new(memJournal)}
		p := apply(t, picc, l, conf)
		for _, n := range p.Impossible {
			t.Error(n)
		}
		again := plan(t, picc, l, conf)
		if len(again.Steps) > 0 || !has(again.Keep, "key set 2, version 09") {
			t.Errorf("again: %v, %v", again.Steps, again.Keep)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, conf)
		if err != nil || perso.Differs(list) || !slices.ContainsFunc(list, func(d perso.Difference) bool { return d.What == "key set 2" && d.Unproven != "" }) {
			t.Errorf("%v, %v", list, err)
		}
		card := connect(t, picc)
		place := l.Applications[0].Place
		if err := card.Select(ctx, place); err != nil {
			t.Fatal(err)
		}
		if err := card.Authenticate(ctx, 1, keys[keystore.Ref{Place: place, Key: keystore.Number(1)}].Key); err != nil {
			t.Fatal(err)
		}
		if err := card.RollKeySet(ctx, 2); err != nil {
			t.Fatal(err)
		}
		for no := range wire.KeyNo(3) {
			if err := card.Authenticate(ctx, no, keys[keystore.Ref{Place: place, Key: keystore.InSet(2, no)}].Key); err != nil {
				t.Errorf("copies %t: key %d: %v", copies, no, err)
			}
		}
		if list, err := perso.Verify(ctx, connect(t, picc), l, conf); err != nil || !perso.Differs(list) {
			t.Errorf("after rolling: %v, %v", list, err)
		}
	}
}

func TestKeySetsImpossible(t *testing.T) {
	l, keys := withSets(t, 3)
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	delete(keys, keystore.Ref{Place: l.Applications[0].Place, Key: keystore.InSet(2, 2)})
	p := plan(t, newPICC(t, wire.EV2), l, conf)
	if !has(p.Warnings, "set 2: the key store does not have key 2") || len(p.Impossible) > 0 {
		t.Errorf("%v, %v", p.Warnings, p.Impossible)
	}
	keys[keystore.Ref{Place: l.Applications[0].Place, Key: keystore.InSet(2, 2)}] = keystore.Given{Key: key.Zero(key.Type2K3DES)}
	if p := plan(t, newPICC(t, wire.EV2), l, conf); !has(p.Impossible, "a key of type DES for key 2 of set 2") {
		t.Error(p.Impossible)
	}
	// An application that was made with fewer.
	picc := newPICC(t, wire.EV2)
	few, _ := withSets(t, 3)
	few.Applications[0].KeySets.NoKeySets, few.Applications[0].Sets = 2, nil
	apply(t, picc, few, nil)
	if p := plan(t, picc, l, conf); !has(p.Impossible, "it has no key set 2") {
		t.Error(p.Impossible)
	}
}

// rotating is a card whose keys have version 1, and a rotation to version 2.
func rotating(t *testing.T, l *perso.Layout, picc *sim.Card) (journal *memJournal, conf func() *perso.Config) {
	t.Helper()
	journal = new(memJournal)
	have := keysFor(t, l, 4)
	apply(t, picc, l, &perso.Config{Want: have, Journal: journal})
	want := keysFor(t, l, 6)
	return journal, func() *perso.Config {
		return &perso.Config{Have: have, Want: want, Journal: journal, Rotate: true}
	}
}

// rotatable has an application with key sets, and one without.
func rotatable(t testing.TB) *perso.Layout {
	l, _ := withSets(t, 1)
	l.Card = &perso.Level{Keys: []perso.KeyWant{{No: 0}}}
	l.Applications[0].Sets = nil
	b := l.Applications[0]
	b.Place, b.KeySett3, b.KeySets, b.Files = wire.Place{AID: appB}, 0, nil, nil
	l.Applications = append(l.Applications, b)
	return l
}

// A rotation changes all keys and nothing else.
func TestRotate(t *testing.T) {
	ctx := context.Background()
	for _, copies := range []bool{false, true} {
		l := rotatable(t)
		picc := keySetPICC(t, copies)
		journal, conf := rotating(t, l, picc)
		other := *l
		other.Applications = slices.Clone(l.Applications)
		other.Applications[0].Files = append(slices.Clone(l.Applications[0].Files), perso.File{No: 5, Settings: l.Applications[0].Files[0].Settings})
		p := apply(t, picc, &other, conf())
		var words []string
		for _, s := range p.Steps {
			if s.Kind != perso.ChangeKey && s.Kind != perso.RollKeySet {
				t.Errorf("%s", s.Words)
			}
			words = append(words, fmt.Sprint(s.Kind, " ", s.Place))
		}
		if len(p.Impossible) > 0 || len(words) != 5 {
			t.Fatalf("%v, %v", words, p.Impossible)
		}
		list, err := perso.Verify(ctx, connect(t, picc), &other, conf())
		if err != nil || len(list) > 0 || len(journal.open()) > 0 {
			t.Errorf("%v, %v, open: %v", list, err, journal.open())
		}
		if p := plan(t, picc, &other, conf()); len(p.Steps) > 0 {
			t.Errorf("again: %v", p.Steps)
		}
		// Keys of the sets change together, and again.
		c := conf()
		c.Have, c.Want = c.Want, keysFor(t, l, 8)
		apply(t, picc, l, c)
		if list, err := perso.Verify(ctx, connect(t, picc), l, c); err != nil || len(list) > 0 {
			t.Errorf("a second time: %v, %v", list, err)
		}
	}
}

// Torn in every exchange, on both sides, a rotation ends in the new keys, and at every
// moment each key of the card is one that is at hand.
func TestRotateTorn(t *testing.T) {
	ctx := context.Background()
	l := rotatable(t)
	image := func() []byte {
		picc := keySetPICC(t, true)
		rotating(t, l, picc)
		return picc.Image().Encode()
	}()
	ready := func() *sim.Card {
		store := sim.Memory()
		if err := store.Save(image); err != nil {
			t.Fatal(err)
		}
		q := sim.QuirksOf(wire.EV3)
		q.KeySetCopiesActive = true
		picc, err := sim.New(&sim.Config{Store: store, Quirks: &q})
		if err != nil {
			t.Fatal(err)
		}
		return picc
	}
	have, want := keysFor(t, l, 4), keysFor(t, l, 6)
	every := 1
	if testing.Short() {
		every = 7
	}
	for at, ended := 1, false; !ended; at += every {
		for _, after := range []bool{false, true} {
			picc := ready()
			journal := new(memJournal)
			conf := &perso.Config{Have: have, Want: want, Journal: journal, Rotate: true}
			x := &torn{Activation: picc.Present(), at: at, after: after, back: at%3 == 0}
			card, err := desfire.Connect(ctx, x, nil)
			if err == nil {
				_, err = perso.Apply(ctx, card, l, conf)
			}
			if ended = x.seen < at; ended {
				break
			}
			if err != nil && !x.back || x.back {
				picc.Lift()
				if err := picc.Return(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := perso.Apply(ctx, connect(t, picc), l, conf); err != nil {
				t.Fatalf("exchange %d, after %t: %v", at, after, err)
			}
			list, err := perso.Verify(ctx, connect(t, picc), l, conf)
			if err != nil || len(list) > 0 || len(journal.open()) > 0 {
				t.Fatalf("exchange %d, after %t: %v, %v, open %v", at, after, list, err, journal.open())
			}
		}
	}
}

func TestRotateImpossible(t *testing.T) {
	l := rotatable(t)
	picc := newPICC(t, wire.EV3)
	if p := plan(t, picc, l, &perso.Config{Rotate: true, Want: keysFor(t, l, 6)}); !has(p.Impossible, "it is not on the card") {
		t.Error(p.Impossible)
	}
	_, conf := rotating(t, l, picc)
	c := conf()
	c.Have = nil
	if p := plan(t, picc, l, c); !has(p.Impossible, "which key 0 the card holds is not known") {
		t.Error(p.Impossible)
	}
}
