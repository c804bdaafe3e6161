package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// asked is how often the card was asked for settings during do, which must work.
func asked(t *testing.T, air *tamper, do ...func() error) int {
	t.Helper()
	air.sent = nil
	for _, f := range do {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	return air.count(wire.InsGetFileSettings)
}

// The card is asked once per file for as long as the Card lives.
func TestSettingsAreRemembered(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		t.Run(x.name, func(t *testing.T) {
			card, air := x.open(t, x.card(t, wire.CommMAC), nil)
			value := func() error { _, err := card.Value(ctx, x.value); return err }
			again := func() error { return errors.Join(x.enter(card), x.login(card)) }
			if n := asked(t, air, value, value); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if n := asked(t, air, again, value, again, value); n != 0 {
				t.Errorf("asked %d times after selections", n)
			}
			if x.gen == wire.Light {
				return
			}
			elsewhere := func() error { return card.SelectApplication(ctx, wire.PICC) }
			if n := asked(t, air, elsewhere, again, value); n != 0 {
				t.Errorf("asked %d times after other selections", n)
			}
			if n := asked(t, air, func() error { return card.Reconnect(ctx) }, again, value); n != 0 {
				t.Errorf("asked %d times after a new activation", n)
			}
			master := func() error { return card.AuthenticateWith(ctx, x.method, 0, x.zero()) }
			other := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
			change := func() error {
				return card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: x.value, Option: wire.OptionFull, Access: other})
			}
			if n := asked(t, air, master, change, again, value); n != 0 {
				t.Errorf("asked %d times after a change of its own", n)
			}
			create := func() error {
				return card.CreateFile(ctx, &wire.CreateValueFile{File: x.value, Option: wire.OptionMAC, Access: other, Upper: 10})
			}
			if n := asked(t, air, master, func() error { return card.DeleteFile(ctx, x.value) }, create, again, value); n != 0 {
				t.Errorf("asked %d times after a file of its own", n)
			}
			if n := asked(t, air, master, func() error { return card.DeleteFile(ctx, x.value) }); n != 0 {
				t.Errorf("asked %d times to delete", n)
			}
			again()
			air.sent = nil
			if _, err := card.Value(ctx, x.value); !errors.Is(err, wire.StatusFileNotFound) || air.count(wire.InsGetFileSettings) != 1 {
				t.Errorf("a deleted file: %v", err)
			}
		})
	}
}

// What may have changed is forgotten before the command that changes it goes
// out, whatever comes back.
func TestSettingsAreForgotten(t *testing.T) {
	ctx := context.Background()
	rights := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	for name, f := range map[string]struct {
		ins  byte
		picc bool
		do   func(card *desfire.Card) error
	}{
		"ChangeFileSettings": {wire.InsChangeFileSettings, false, func(card *desfire.Card) error {
			return card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 3, Option: wire.OptionFull, Access: rights})
		}},
		"DeleteFile":        {wire.InsDeleteFile, false, func(card *desfire.Card) error { return card.DeleteFile(ctx, 3) }},
		"DeleteApplication": {wire.InsDeleteApplication, true, func(card *desfire.Card) error { return card.DeleteApplication(ctx, testApp) }},
		"CreateApplication": {wire.InsCreateApplication, true, func(card *desfire.Card) error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: 1})
		}},
		"FormatPICC": {wire.InsFormatPICC, true, func(card *desfire.Card) error { return card.Format(ctx) }},
	} {
		for _, x := range targets[1:5] {
			for _, how := range []trick{{lose: true}, {hide: true, lose: true}, {answer: forged("919D")}} {
				card, air := x.open(t, x.card(t, wire.CommMAC), nil)
				if _, err := card.Value(ctx, 3); err != nil {
					t.Fatal(err)
				}
				if f.picc {
					if err := card.SelectApplication(ctx, wire.PICC); err != nil {
						t.Fatal(err)
					}
					if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
						t.Fatal(err)
					}
				} else if err := card.AuthenticateWith(ctx, x.method, 0, x.zero()); err != nil {
					t.Fatal(err)
				}
				how.ins = f.ins
				air.on(how)
				if err := f.do(card); err == nil {
					t.Fatalf("%s %s: no error", x.name, name)
				}
				if err := x.enter(card); err != nil {
					continue // it is deleted
				}
				if err := x.login(card); err != nil {
					t.Fatal(err)
				}
				air.sent = nil
				_, err := card.Value(ctx, 3)
				if n := air.count(wire.InsGetFileSettings); n != 1 || as[*desfire.IntegrityError](err) {
					t.Errorf("%s %s: asked %d times: %v", x.name, name, n, err)
				}
			}
		}
	}
}

// A place is known by AID and by DF name; what changes it under one name is
// forgotten under the other.
func TestSettingsByNameAndAID(t *testing.T) {
	ctx := context.Background()
	x := *targets[4]
	picc := newPICC(t, x.gen)
	air := &tamper{Activation: picc.Present()}
	card, err := desfire.Connect(ctx, air, nil)
	if err != nil {
		t.Fatal(err)
	}
	rights := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	byAID := func() error { return errors.Join(card.SelectApplication(ctx, testApp), x.login(card)) }
	byName := func() error {
		_, err := card.ISOSelectName(ctx, []byte("farebox"))
		return errors.Join(err, x.login(card))
	}
	value := func() error { _, err := card.Value(ctx, 3); return err }
	if err := errors.Join(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(x.typ.Wire(), 2), FID: 0xDF01, DFName: []byte("farebox")}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 3, Option: wire.OptionMAC, Access: rights, Upper: 10}),
	); err != nil {
		t.Fatal(err)
	}
	if n := asked(t, air, byName, value, byAID, value, byName, value); n != 1 {
		t.Errorf("asked %d times", n)
	}
	x.key = 0
	change := func() error {
		return card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 3, Option: wire.OptionFull, Access: rights})
	}
	if n := asked(t, air, byName, change); n != 0 {
		t.Errorf("asked %d times for the change", n)
	}
	x.key = 1
	if n := asked(t, air, byAID, value, byName, value); n != 1 {
		t.Errorf("asked %d times after a change under the other name", n)
	}
}

// A look-up that the card refuses costs that session, once.
func TestRefusedLookUp(t *testing.T) {
	ctx := context.Background()
	for _, x := range proven {
		card, air := x.open(t, x.card(t, wire.CommMAC), nil)
		value := func() error { _, err := card.Value(ctx, x.value); return err }
		air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("919D")})
		var unknown *desfire.FileSettingsError
		if err := value(); !errors.As(err, &unknown) || unknown.File != x.value || !errors.Is(err, wire.StatusPermissionDenied) {
			t.Errorf("%s: %v", x.name, err)
		}
		for range 2 {
			if err := x.login(card); err != nil {
				t.Fatal(err)
			}
			air.sent = nil
			if err := value(); !as[*desfire.FileSettingsError](err) || len(air.sent) != 0 {
				t.Errorf("%s: asked again: %v, sent %X", x.name, err, air.sent)
			}
			if _, ok := card.Session(); !ok {
				t.Errorf("%s: it cost the session again", x.name)
			}
		}
		if fs, err := card.FileSettings(ctx, x.value); err != nil || fs.Type != wire.FileValue {
			t.Errorf("%s: asked by the caller: %v", x.name, err)
		}
		if err := value(); err != nil {
			t.Errorf("%s: with settings: %v", x.name, err)
		}
	}
}

// A refusal without a session, or to another key, says nothing of this one.
func TestLookUpRefusedToOthers(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:5] {
		card, air := x.open(t, x.card(t, wire.CommMAC), nil)
		if err := x.enter(card); err != nil {
			t.Fatal(err)
		}
		air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("91AE")})
		_ = card.WriteData(ctx, x.data, 0, []byte{1}) // it asks, lest a secret go in clear
		if err := errors.Join(x.enter(card), x.login(card)); err != nil {
			t.Fatal(err)
		}
		if err := card.WriteData(ctx, x.data, 0, []byte{1}); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		// With key 2 refused, with key 1 told.
		card, air = x.open(t, x.card(t, wire.CommMAC), nil)
		if err := card.AuthenticateWith(ctx, x.method, 2, x.zero()); err != nil {
			t.Fatal(err)
		}
		air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("91AE")})
		if _, err := card.Value(ctx, x.value); !as[*desfire.FileSettingsError](err) {
			t.Errorf("%s: refused: %v", x.name, err)
		}
		if err := x.login(card); err != nil {
			t.Fatal(err)
		}
		if _, err := card.Value(ctx, x.value); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// While something pends the card is not asked: a refusal would drop it.
func TestNoLookUpWhileSomethingPends(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		card, air := x.open(t, x.card(t, wire.CommMAC), nil)
		if err := card.Debit(ctx, x.value, 5); err != nil {
			t.Fatal(err)
		}
		air.sent = nil
		if err := card.WriteRecord(ctx, x.log, 0, []byte{1}); !as[*desfire.FileSettingsError](err) || len(air.sent) != 0 {
			t.Errorf("%s: %v, sent %X", x.name, err, air.sent)
		}
		if err := card.Commit(ctx); err != nil {
			t.Errorf("%s: what was pending: %v", x.name, err)
		}
	}
}
