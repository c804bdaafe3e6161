package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// lightCard is a DESFire Light with a transaction MAC file of its own and a purse.
func lightCard(t testing.TB, no wire.FileNo, version byte) (*perso.Layout, keystore.Map) {
	l := richFixed(wire.Light)
	a := &l.Applications[0]
	a.Files[2].Settings.Upper, a.Files[2].Settings.Flags, a.Files[2].Value = 5000, wire.ValueLimitedCredit, nil
	a.Files = append(a.Files, perso.File{No: no, Settings: wire.FileSettings{
		Type: wire.FileTransactionMAC, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), TMKeyOption: wire.TMKeyAES, TMKeyVersion: wire.KeyVersion(version),
	}})
	keys := keysFor(t, l, 1)
	keys[keystore.Ref{Place: a.Place, Key: keystore.RoleTransactionMAC.ID()}] = keystore.Given{Key: theKey(t, key.TypeAES, a.Place, 9, version)}
	return l, keys
}

// The transaction MAC file of a Light gets a key and a number, and its value file its
// limits, once.
func TestLight(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.Light)
	for _, x := range []struct {
		no      wire.FileNo
		version byte
		steps   bool
	}{{15, 1, true}, {15, 1, false}, {15, 2, true}, {5, 2, true}, {5, 2, false}} {
		l, keys := lightCard(t, x.no, x.version)
		conf := &perso.Config{Want: keys, Journal: new(memJournal)}
		if x.steps && x.version == 2 { // it was made before: its counter would begin again
			p := plan(t, picc, l, conf)
			if len(p.Steps) > 0 || len(p.Held) != 1 || p.Held[0].Name != "app/15" {
				t.Errorf("file %d, version %d: %v, held %v", x.no, x.version, p.Steps, p.Held)
			}
			conf.Irreversible = []string{"app/15"}
		}
		p := apply(t, picc, l, conf)
		if len(p.Impossible) > 0 || len(p.Held) > 0 || len(p.Steps) > 0 != x.steps {
			t.Errorf("file %d, version %d: %v, impossible %v", x.no, x.version, p.Steps, p.Impossible)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, conf)
		if err != nil || perso.Differs(list) {
			t.Errorf("file %d, version %d: %v, %v", x.no, x.version, list, err)
		}
	}
	// Once set, limits stay.
	l, keys := lightCard(t, 5, 2)
	l.Applications[0].Files[2].Settings.Upper = 6000
	if p := plan(t, picc, l, &perso.Config{Want: keys}); !has(p.Impossible, "upper limit is 5000 instead of 6000") {
		t.Error(p.Impossible)
	}
	l, keys = lightCard(t, 5, 0)
	if p := plan(t, picc, l, &perso.Config{Want: keys}); !has(p.Impossible, "nothing would tell them apart") {
		t.Error(p.Impossible)
	}
	l, keys = lightCard(t, 7, 2)
	delete(keys, keystore.Ref{Place: l.Applications[0].Place, Key: keystore.RoleTransactionMAC.ID()})
	if p := plan(t, picc, l, &perso.Config{Want: keys}); !has(p.Impossible, "to make it anew its key is needed") {
		t.Error(p.Impossible)
	}
	l.Applications[0].ISOID = 0x1234
	if p := plan(t, picc, l, &perso.Config{Want: keys}); !has(p.Impossible, "has fixed settings and names") {
		t.Error(p.Impossible)
	}
}

// A value that a Light in use holds is not replaced with its limits, unless its file is
// named.
func TestLightInUse(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.Light)
	l, keys := lightCard(t, 15, 1)
	no := l.Applications[0].Files[2].No
	card := connect(t, picc)
	if err := card.Select(ctx, wire.Place{Fixed: true}); err != nil {
		t.Fatal(err)
	}
	if err := card.Authenticate(ctx, 3, key.Zero(key.TypeAES)); err != nil {
		t.Fatal(err)
	}
	if err := card.Credit(ctx, no, 700); err != nil {
		t.Fatal(err)
	}
	if err := card.AuthenticateWith(ctx, key.MethodEV2NonFirst, 1, key.Zero(key.TypeAES)); err != nil {
		t.Fatal(err)
	}
	if _, err := card.CommitReaderID(ctx, [16]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := card.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	p := apply(t, picc, l, conf)
	if !has(p.Held, "the value 700 that it holds would be lost") {
		t.Errorf("held %v", p.Held)
	}
	for _, s := range p.Steps {
		if s.Kind == perso.SetOption {
			t.Error(s.Words)
		}
	}
	conf.Irreversible = []string{p.Held[0].Name}
	if p = apply(t, picc, l, conf); len(p.Held) > 0 {
		t.Errorf("held %v", p.Held)
	}
	list, err := perso.Verify(ctx, connect(t, picc), l, conf)
	if err != nil || perso.Differs(list) {
		t.Error(list, err)
	}
}

// Torn in every exchange, between the file that is deleted and the one that is made
// among them.
func TestLightTorn(t *testing.T) {
	l, keys := lightCard(t, 5, 1)
	every := 1
	if testing.Short() {
		every = 13
	}
	tornNew(t, wire.Light, l, keys, every)
}
