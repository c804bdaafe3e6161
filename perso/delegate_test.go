package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var damKeys = []wire.KeyNo{wire.KeyDAMAuth, wire.KeyDAMMAC, wire.KeyDAMEnc}

// delegating is a card with its keys of delegation, and an application in a slot.
func delegating(t testing.TB) (*perso.Layout, keystore.Map) {
	l := small(func(l *perso.Layout, a *perso.Application, _ *perso.File) {
		a.Delegated = &perso.Delegation{Slot: 3, Version: 5, Quota: 16}
		l.Card = &perso.Level{}
	})
	keys := keysFor(t, l, 1)
	delete(keys, keystore.Ref{})
	for i, no := range damKeys {
		l.Card.Keys = append(l.Card.Keys, perso.KeyWant{No: no})
		keys[keystore.Ref{Key: keystore.Number(no)}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 5+i, 6)}
	}
	return l, keys
}

func TestDelegated(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		l, keys := delegating(t)
		picc := newPICC(t, g)
		conf := &perso.Config{Want: keys, Journal: new(memJournal)}
		p := apply(t, picc, l, conf)
		for _, n := range p.Impossible {
			t.Error(n)
		}
		if p.Bytes() != 16*32 {
			t.Errorf("%d bytes: %+v", p.Bytes(), p.Steps)
		}
		info, err := connect(t, picc).DelegatedInfo(ctx, 3)
		if err != nil || info.AID != appA || info.SlotVersion != 5 || info.Quota != 16 {
			t.Errorf("%+v, %v", info, err)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, conf)
		if err != nil || perso.Differs(list) || len(list) != 2 { // two keys of delegation authenticate nobody
			t.Errorf("%v, %v", list, err)
		}
		if p := plan(t, picc, l, conf); len(p.Steps)+len(p.Impossible) > 0 {
			t.Errorf("again: %v, %v", p.Steps, p.Impossible)
		}
		for name, edit := range map[string]func(d *perso.Delegation){
			"the application of slot 4 is none instead of F48121": func(d *perso.Delegation) { d.Slot = 4 },
			"the version of its slot is 5 instead of 6":           func(d *perso.Delegation) { d.Version = 6 },
			"the quota of its slot is 16 instead of 17":           func(d *perso.Delegation) { d.Quota = 17 },
		} {
			other, _ := delegating(t)
			edit(other.Applications[0].Delegated)
			if p := plan(t, picc, other, conf); !has(p.Impossible, name) {
				t.Errorf("%s: %v", name, p.Impossible)
			}
			if list, err := perso.Verify(ctx, connect(t, picc), other, conf); err != nil || !perso.Differs(list) {
				t.Errorf("%s: %v, %v", name, list, err)
			}
		}
	}
}

// signedFor is what the issuer signs; edit changes it afterwards.
func signedFor(t *testing.T, l *perso.Layout, keys keystore.Map, first *key.Secret) *wire.CreateDelegatedApplication {
	t.Helper()
	d := l.Applications[0].Delegated
	m := &wire.CreateDelegatedApplication{AID: appA, Slot: d.Slot, SlotVersion: d.Version, Quota: d.Quota, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 3)}
	s := dam.Signer{MAC: keys[keystore.Ref{Key: keystore.RoleDAMMAC.ID()}].Key, Enc: keys[keystore.Ref{Key: keystore.RoleDAMEnc.ID()}].Key}
	if err := s.Sign(context.Background(), m, first); err != nil {
		t.Fatal(err)
	}
	return m
}

// Who was given a signed command needs no key but the one that authenticates, and the
// first key of the application.
func TestDelegatedSigned(t *testing.T) {
	l, keys := delegating(t)
	picc := newPICC(t, wire.EV3)
	card := *l
	card.Applications = nil
	apply(t, picc, &card, &perso.Config{Want: keys, Journal: new(memJournal)})

	first := theKey(t, key.TypeAES, wire.Place{}, 1, 0x55)
	theirs := keysFor(t, l, 2)
	delete(theirs, keystore.Ref{})
	l.Card = nil
	l.Applications[0].Delegated.Signed = signedFor(t, l, keys, first)
	auth := keystore.Ref{Key: keystore.RoleDAMAuth.ID()}
	have := keystore.Map{auth: keys[auth]}
	conf := &perso.Config{Want: theirs, Have: have, Journal: new(memJournal)}
	for no := range wire.KeyNo(3) {
		have[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(no)}] = keystore.Given{Key: first}
	}
	p := apply(t, picc, l, conf)
	if list, err := perso.Verify(context.Background(), connect(t, picc), l, conf); err != nil || len(list)+len(p.Impossible) > 0 {
		t.Errorf("%v, %v, %v", list, err, p.Impossible)
	}
	for what, edit := range map[string]func(m *wire.CreateDelegatedApplication){
		"another application": func(m *wire.CreateDelegatedApplication) { m.AID = appB },
		"another slot":        func(m *wire.CreateDelegatedApplication) { m.Slot = 9 },
		"another version":     func(m *wire.CreateDelegatedApplication) { m.SlotVersion = 9 },
		"another quota":       func(m *wire.CreateDelegatedApplication) { m.Quota = 9 },
		"other keys":          func(m *wire.CreateDelegatedApplication) { m.KS2 = wire.NewKeySett2(wire.KeyAES, 4) },
		"a name":              func(m *wire.CreateDelegatedApplication) { m.FID = 0x1234 },
	} {
		m := *l.Applications[0].Delegated.Signed
		edit(&m)
		other := small(nil)
		other.Applications[0].Delegated = &perso.Delegation{Slot: 3, Version: 5, Quota: 16, Signed: &m}
		if err := other.Check(); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}

func TestDelegatedImpossible(t *testing.T) {
	l, keys := delegating(t)
	picc := newPICC(t, wire.EV2)
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	apply(t, picc, l, conf)
	other, _ := delegating(t)
	other.Applications[0].Place = wire.Place{AID: appB}
	try := func(want string, g wire.Generation, on *sim.Card, l *perso.Layout, conf *perso.Config) {
		t.Helper()
		if on == nil {
			on = newPICC(t, g)
		}
		if p := plan(t, on, l, conf); !has(p.Impossible, want) {
			t.Errorf("%v, want %q", p.Impossible, want)
		}
	}
	try("slot 3 is in use by application F48121", wire.EV2, picc, other, conf)
	try("the key that authenticates delegation of the card, which is not at hand", wire.EV2, nil, l, nil)
	try("a card of type EV1 has no delegated applications", wire.EV1, nil, l, conf)
	tight, _ := delegating(t)
	tight.Applications[0].Delegated.Quota = 2
	try("its quota of 64 bytes is too small", wire.EV3, nil, tight, conf)
	tight.Applications[0].Delegated.Quota = 4
	try("are left of the quota of its application", wire.EV3, nil, func() *perso.Layout {
		tight.Applications[0].Files[0].Settings.Size = 200
		return tight
	}(), conf)
	large, _ := delegating(t)
	large.Applications[0].Delegated.Quota = 60000
	try("not enough memory", wire.EV3, nil, large, conf)
	only := keystore.Map{{Key: keystore.RoleDAMAuth.ID()}: keys[keystore.Ref{Key: keystore.RoleDAMAuth.ID()}]}
	try("it is signed with the MAC key of delegation of the card", wire.EV2, nil, l, &perso.Config{Want: only, Journal: new(memJournal)})
}

// Torn in every exchange, with the keys of delegation.
func TestDelegatedTorn(t *testing.T) {
	l, keys := delegating(t)
	every := 2
	if testing.Short() {
		every = 11
	}
	tornNew(t, wire.EV3, l, keys, every)
}

// An application may have keys of virtual cards of its own.
func TestVCKeys(t *testing.T) {
	ctx := context.Background()
	own := []wire.KeyNo{wire.KeyVCConfig, wire.KeyVCProximity, wire.KeyVCSelectMAC, wire.KeyVCSelectEnc}
	l := small(func(l *perso.Layout, a *perso.Application, _ *perso.File) {
		a.KeySett3 = wire.SettVCKeys
		for _, no := range own {
			a.VCKeys = append(a.VCKeys, perso.KeyWant{No: no})
		}
	})
	keys := keysFor(t, l, 1)
	for i, no := range own {
		keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(no)}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{AID: appA}, 4+i, 2)}
	}
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	picc := newPICC(t, wire.EV3)
	if p := plan(t, picc, l, conf); !has(p.Impossible, "only on a card whose own configuration key is set") {
		t.Error(p.Impossible)
	}
	l.Card = &perso.Level{Keys: []perso.KeyWant{{No: wire.KeyVCConfig}}}
	keys[keystore.Ref{Key: keystore.RoleVCConfiguration.ID()}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 9, 3)}
	p := apply(t, picc, l, conf)
	list, err := perso.Verify(ctx, connect(t, picc), l, conf)
	if err != nil || perso.Differs(list) || len(list) != 2 || len(p.Impossible) > 0 { // the two of selection
		t.Errorf("%v, %v, %v", list, err, p.Impossible)
	}
	if p := plan(t, picc, l, conf); len(p.Steps) > 0 {
		t.Errorf("again: %v", p.Steps)
	}
	card := connect(t, picc)
	if err := card.Select(ctx, wire.Place{AID: appA}); err != nil {
		t.Fatal(err)
	}
	if _, err := card.CheckProximity(ctx, keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.RoleProximity.ID()}].Key, nil); err != nil {
		t.Error(err)
	}
	// Another proximity key of the same version is not proved.
	keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.RoleProximity.ID()}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{AID: appA}, 8, 2)}
	if list, err := perso.Verify(ctx, connect(t, picc), l, conf); err != nil || len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
}
