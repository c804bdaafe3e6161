package keystore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

const uid = keystore.UID("\x04\x11\x22\x33\x44\x55\x66")

var app = wire.Place{AID: 0x121314}

func TestRef(t *testing.T) {
	for _, tc := range []struct {
		ref         keystore.Ref
		text, words string
	}{
		{keystore.Ref{}, "*/card/0", "key 0 of the card level on every card"},
		{keystore.Ref{uid, app, keystore.Number(2)}, "04112233445566/121314/2", "key 2 of application 121314 on card 04112233445566"},
		{keystore.Ref{"", app, keystore.InSet(1, 2)}, "*/121314/1:2", "key 2 of set 1 of application 121314 on every card"},
		{keystore.Ref{"", wire.Place{Fixed: true}, keystore.RoleSDMFile.ID()}, "*/app/sdm-file", "the SDM file read key of the application on every card"},
		{keystore.Ref{uid, wire.Place{Name: "\xD2\x76"}, keystore.RoleTransactionMAC.ID()}, "04112233445566/df:D276/tmac", "the transaction MAC key of application D276 on card 04112233445566"},
		{keystore.Ref{"", wire.Place{}, keystore.Number(wire.KeyVCProximity)}, "*/card/proximity", "the proximity key of the card level on every card"},
	} {
		if tc.ref.String() != tc.text || tc.ref.Words() != tc.words {
			t.Errorf("%q %q, want %q %q", tc.ref, tc.ref.Words(), tc.text, tc.words)
		}
		text, err := json.Marshal(map[string]keystore.Ref{"ref": tc.ref})
		var back map[string]keystore.Ref
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back["ref"] != tc.ref {
			t.Errorf("%s becomes %v, %v", text, back["ref"], err)
		}
	}
	for text, want := range map[string]string{"*/CARD/0x21": "*/card/proximity", "0411223344/121314/2": "", "*/F21190/0:3": "*/F21190/3", "*/card/TMAC": "*/card/tmac", "04aabbccddeeff/000001/0x0D": "04AABBCCDDEEFF/000001/13"} {
		r, err := keystore.ParseRef(text)
		if want == "" && err != nil {
			continue
		}
		if err != nil || r.String() != want {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
	for _, bad := range []string{"", "*", "*/card", "//", "*/card/0/1", "04/card/0", "/card/0", "*/12/0", "*/card/64", "*/card/-1", "*/card/16:0", "*/card/key", "*/card/Role(0)", "*/card/010", "*/card/1_0", "*/card/01:2", "*/card/0b1"} {
		if r, err := keystore.ParseRef(bad); err == nil {
			t.Errorf("%q becomes %v", bad, r)
		}
	}
}

// A key has one ID, however it was named.
func TestIDs(t *testing.T) {
	seen := map[keystore.ID]wire.KeyNo{}
	for no := range wire.KeyNo(0x40) {
		id := keystore.Number(no)
		if other, ok := seen[id]; ok {
			t.Errorf("%v names keys %d and %d", id, no, other)
		}
		seen[id] = no
		set, back, ok := id.Number()
		parsed, err := keystore.ParseID(id.String())
		if set != 0 || back != no || !ok || id != keystore.InSet(0, no) || parsed != id || err != nil {
			t.Errorf("%d: %v, number %d of %d, %v", no, id, back, set, err)
		}
	}
	for _, role := range []keystore.Role{keystore.RoleTransactionMAC, keystore.RoleSDMMeta, keystore.RoleSDMFile, keystore.RoleDefault} {
		if _, _, ok := role.ID().Number(); ok {
			t.Errorf("%v has a number", role)
		}
		if r, ok := role.ID().Role(); !ok || r != role {
			t.Errorf("%v becomes %v", role, r)
		}
	}
	for no, role := range map[wire.KeyNo]keystore.Role{wire.KeyDAMAuth: keystore.RoleDAMAuth, wire.KeyDAMMAC: keystore.RoleDAMMAC, wire.KeyDAMEnc: keystore.RoleDAMEnc, wire.KeyVCProximity: keystore.RoleProximity} {
		if keystore.Number(no) != role.ID() {
			t.Errorf("key %d is %v", no, keystore.Number(no))
		}
	}
}

// failing is a store that cannot be asked.
type failing struct{ err error }

func (f failing) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, false, f.err
}
func (f failing) Key(context.Context, keystore.Ref) (key.Key, error) { return nil, f.err }
func (f failing) Close() error                                       { return f.err }

func TestChain(t *testing.T) {
	ctx := context.Background()
	one, two := key.Zero(key.TypeAES).WithVersion(1), key.Zero(key.TypeAES).WithVersion(2)
	all, mine := keystore.Ref{Place: app}, keystore.Ref{UID: uid, Place: app}
	first, second := keystore.Map{mine: {one, "first"}}, keystore.Map{all: {two, "second"}, {}: {}}
	down := errors.New("down")
	for _, tc := range []struct {
		name  string
		chain keystore.Chain
		ref   keystore.Ref
		want  key.Key
		err   error
	}{
		{"the first that has it", keystore.Chain{first, second}, mine, one, nil},
		{"in turn", keystore.Chain{second, first}, mine, two, nil},
		{"of every card", keystore.Chain{first, second}, keystore.Ref{UID: uid + "x", Place: app}, two, nil},
		{"nowhere", keystore.Chain{first, second}, keystore.Ref{Place: app, Key: keystore.Number(1)}, nil, keystore.ErrNotFound},
		{"an entry without a key", keystore.Chain{first, second}, keystore.Ref{}, nil, keystore.ErrNotFound},
		{"no stores", nil, mine, nil, keystore.ErrNotFound},
		{"one that fails hides the others", keystore.Chain{failing{down}, first}, mine, nil, down},
		{"one that fails is not needed", keystore.Chain{first, failing{down}}, mine, one, nil},
	} {
		facts, ok, err := tc.chain.Has(ctx, tc.ref)
		if ok != (tc.want != nil) || (err != nil) != (tc.err == down) {
			t.Errorf("%s: has %v %v", tc.name, ok, err)
		}
		if ok && facts.Version != tc.want.Version() {
			t.Errorf("%s: facts %v", tc.name, facts)
		}
		k, err := tc.chain.Key(ctx, tc.ref)
		if k != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %v %v", tc.name, k, err)
		}
		if tc.err == keystore.ErrNotFound && !strings.Contains(err.Error(), tc.ref.Words()) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if err := (keystore.Chain{first, failing{down}}).Close(); !errors.Is(err, down) {
		t.Errorf("close: %v", err)
	}
	if got, want := (&keystore.NotFoundError{Ref: mine, Store: "the safe"}).Error(), "keystore: no key for 04112233445566/121314/0, key 0 of application 121314 on card 04112233445566, in the safe"; got != want {
		t.Errorf("%s", got)
	}
}

func TestFacts(t *testing.T) {
	k := key.Zero(key.TypeAES).WithVersion(0x2A)
	f, g := keystore.FactsOf(k, "@mine.key"), keystore.FactsOf(k, "")
	if !f.Same(g) || f.Same(keystore.FactsOf(key.Zero(key.TypeAES), "@mine.key")) {
		t.Errorf("%v %v", f, g)
	}
	if want := fmt.Sprintf("AES version 2A check %v @mine.key", k.CheckValue()); f.String() != want {
		t.Errorf("%v", f)
	}
	if s := (keystore.Facts{Type: "AES", Version: 1}).String(); s != "AES version 01" {
		t.Error(s)
	}
}

// What is shown of a written key never has its digits.
func TestParse(t *testing.T) {
	const hexDigits = "F0E1D2C3B4A5968778695A4B3C2D1E0F"
	file := filepath.Join(t.TempDir(), "a.key")
	if err := os.WriteFile(file, []byte("aes:"+hexDigits+"/07"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", hexDigits)
	for _, tc := range []struct {
		text, source string
		visible      bool
		ok           bool
	}{
		{"aes:" + hexDigits, "", true, true},
		{" aes: " + hexDigits + "/01 ", "", true, true},
		{"aes:00000000000000000000000000000000", "", false, true},
		{"@" + file, "@" + file, false, true},
		{"aes:env:SECRET", "aes:env:SECRET", false, true},
		{"aes:" + hexDigits[:30], "", false, false},
		{hexDigits, "", false, false},
		{"@" + hexDigits, "", false, false},
		{"env:NOWHERE", "env:NOWHERE", false, false},
	} {
		k, visible, err := keystore.Parse(tc.text)
		if (err == nil) != tc.ok || visible != tc.visible {
			t.Errorf("%q: visible %v, %v", tc.text, visible, err)
		}
		if source := keystore.SourceOf(tc.text); source != tc.source {
			t.Errorf("%q: source %q", tc.text, source)
		}
		if shown := fmt.Sprintf("%v %+v %#v %v %s", k, k, k, err, keystore.Hide(tc.text)); strings.Contains(strings.ToUpper(shown), hexDigits[:16]) {
			t.Errorf("shown: %s", shown)
		}
	}
}
