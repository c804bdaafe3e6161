package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestAID(t *testing.T) {
	for _, s := range []string{"F21190", "0xF21190", "0Xf21190"} {
		a, err := wire.ParseAID(s)
		if err != nil || a != 0xF21190 || a.String() != "F21190" || a.Wire() != [3]byte{0x90, 0x11, 0xF2} {
			t.Errorf("%s: %v, %v", s, a, err)
		}
	}
	for _, s := range []string{"", "1", "F2119", "F211900", "G21190", "-21190", "+21190", "F2_190"} {
		if a, err := wire.ParseAID(s); err == nil {
			t.Errorf("%q became %v", s, a)
		}
	}
}

func TestText(t *testing.T) {
	type all struct {
		AID wire.AID
		UID wire.UID
		Gen wire.Generation
	}
	in := all{0x000001, wire.UID{4, 1, 2, 3, 4, 5, 6}, wire.NTAG424}
	text, err := json.Marshal(in)
	if want := `{"AID":"000001","UID":"04010203040506","Gen":"ntag424"}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var out all
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("%+v, %v", out, err)
	}
	for _, bad := range []string{`{"UID":"0401"}`, `{"UID":"0401020304050X"}`, `{"Gen":"ev9"}`, `{"AID":"1"}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestAccessRights(t *testing.T) {
	// Command reference 3.6: R=1 W=2 RW=3 Change=4 is 34 12 on the wire.
	r := wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3, Change: 4}
	if r.Uint16() != 0x1234 || wire.AccessRightsFromUint16(0x1234) != r {
		t.Errorf("%04X", r.Uint16())
	}
	if s := (wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: 3}).String(); s != "read free, write never, read-write key 3, change key 0" {
		t.Error(s)
	}
}

func TestGenerationNames(t *testing.T) {
	for _, g := range wire.Generations {
		if got, err := wire.ParseGeneration(g.String()); err != nil || got != g {
			t.Errorf("%v: %v, %v", g, got, err)
		}
	}
	if _, err := wire.ParseGeneration("unknown"); err == nil {
		t.Error("unknown is a generation")
	}
}

func TestFeatures(t *testing.T) {
	for f := wire.FeatureAny; f.String() != "unknown feature"; f++ {
		if f.String() == "" || f.Source() == "" {
			t.Errorf("feature %d has no name or source", f)
		}
	}
}

// Types and modes are read as they are written, and nothing else is.
func TestTypesWrittenAndRead(t *testing.T) {
	for typ := wire.FileStandard; typ <= wire.FileTransactionMAC; typ++ {
		if got, err := wire.ParseFileType(strings.ToUpper(typ.String())); err != nil || got != typ {
			t.Errorf("%v: %v %v", typ, got, err)
		}
	}
	if got, err := wire.ParseFileType("transaction-mac"); err != nil || got != wire.FileTransactionMAC {
		t.Errorf("%v %v", got, err)
	}
	for _, m := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
		if got, err := wire.ParseCommMode(m.String()); err != nil || got != m {
			t.Errorf("%v: %v %v", m, got, err)
		}
	}
	for _, k := range []wire.KeyType{wire.KeyDES, wire.Key3K3DES, wire.KeyAES} {
		if got, err := wire.ParseKeyType(k.String()); err != nil || got != k {
			t.Errorf("%v: %v %v", k, got, err)
		}
	}
	for _, bad := range []string{"", "own", "unknown", "records", "3des", "0"} {
		if typ, err := wire.ParseFileType(bad); err == nil {
			t.Errorf("file type %q is %v", bad, typ)
		}
		if m, err := wire.ParseCommMode(bad); err == nil {
			t.Errorf("mode %q is %v", bad, m)
		}
		if k, err := wire.ParseKeyType(bad); err == nil {
			t.Errorf("key type %q is %v", bad, k)
		}
	}
}
