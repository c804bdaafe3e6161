package yaml_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

func full(t *testing.T) (*yaml.Document, *perso.Layout) {
	t.Helper()
	d, err := yaml.Open("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Layout(map[string]string{"id": "ABC"})
	if err != nil {
		t.Fatal(err)
	}
	return d, l
}

func b(v byte) *byte { return &v }

// Every member of a layout is applied.
func TestFull(t *testing.T) {
	d, l := full(t)
	same := func(what string, have, want any) {
		t.Helper()
		if !reflect.DeepEqual(have, want) {
			t.Errorf("%s is %+v, want %+v", what, have, want)
		}
	}
	same("title", d.Title(), "Everything")
	same("masters", d.Masters(), []string{"m", "m2", "m3"})
	same("settings of the card", *l.Card.KeySettings, wire.KeySett1(0x0C))
	same("keys of the card", l.Card.Keys, []perso.KeyWant{{No: 0, Version: b(1), Label: "picc"}})
	same("options", l.Card.Options, []perso.Option{
		{Name: "default-key"},
		{Name: "ats", Setting: &wire.ATS{ATS: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}}},
		{Name: "sak", Setting: &wire.SAK{SAK1: 0x20, SAK2: 0x20}},
		{Name: "atqa", Setting: &wire.ATQA{ATQA: 0x0344}},
		{Name: "no-messaging", Setting: &wire.SecureMessagingConfig{Flags: wire.NoD40 | wire.NoEV1}},
		{Name: "failed-attempts", Setting: &wire.FailedAuthConfig{Enabled: true, Limit: 1000, Decrement: 10}},
		{Name: "proximity-required", Setting: &wire.PICCConfig{Flags: wire.PICCProximity}},
		{Name: "virtual-card-required", Setting: &wire.PICCConfig{}},
		{Name: "legacy-random-uid", Setting: &wire.PICCConfig{}},
		{Name: "no-format", Setting: &wire.PICCConfig{Flags: wire.PICCNoFormat}},
		{Name: "random-uid", Setting: &wire.PICCConfig{Flags: wire.PICCRandomID}},
	})
	a := l.Applications[0]
	same("place", a.Place, wire.Place{AID: 0x0123E4})
	same("label", a.Label, `Äpfel und "Birnen"`)
	same("names", []any{a.ISOID, a.DFName}, []any{wire.ISOFID(0xE110), []byte{0xD2, 0x76, 0, 0, 0x85, 1, 1}})
	same("keys", []any{a.KeyType, a.KeyCount}, []any{wire.KeyAES, 5})
	same("named keys", a.Keys, []perso.KeyWant{{No: 0, Version: b(1), Label: "app"}, {No: 1, Version: b(2), Label: "no"}, {No: 2, Version: b(3), Label: "on"}, {No: 3, Version: b(0), Label: "y"}})
	same("settings", *a.KeySettings, wire.KeySett1(0xE4))
	same("key setting 3", a.KeySett3, wire.SettKeySets|wire.SettVCKeys|wire.SettCapabilities|wire.SettMasterDelete)
	same("key sets", *a.KeySets, wire.KeySetConfig{AKSVersion: 1, NoKeySets: 4, MaxKeySize: 24, AppKeySetSett: 1})
	same("sets", a.Sets, []perso.KeySetWant{{Set: 1, Version: 2, Type: key.Type3K3DES, Keys: []perso.KeyWant{{No: 0, Version: b(7), Label: "next-0"}}}, {Set: 2, Version: 3, Type: key.TypeAES}})
	same("keys of virtual cards", a.VCKeys, []perso.KeyWant{{No: wire.KeyVCProximity, Version: b(1), Label: "proxy"}})
	same("delegation", *a.Delegated, perso.Delegation{Slot: 258, Version: 3, Quota: 100})
	if len(a.Files) != 7 || !a.ISOFiles {
		t.Fatalf("%d files, %t", len(a.Files), a.ISOFiles)
	}

	// The file that phones read is read as phones do.
	control := ndef.FileControl{Kind: ndef.KindNDEF, Size: 128}
	m, err := control.ParseFile(a.Files[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := m[0].URI()
	text, _ := m[1].Text()
	same("NDEF", []any{len(m), uri, text, m[2].Type, string(m[2].Payload), m[3].Type, m[3].Payload}, []any{4, "https://example.com/abc", ndef.Phrase{Language: "de", Text: "hallo"}, "text/plain", "x", "example.com:a", []byte{0, 0xFF}})

	// So are the messages of the other, by the offsets that the card has.
	s := a.Files[1].Settings
	marked := sdm.Mark(a.Files[1].Data, s.SDM, false)
	same("message", marked.Template, "https://example.com/t?p={picc}&m={mac}")
	same("its rights", []any{s.SDM.Access, s.SDM.ReadCtrLimit, s.Option.Has(wire.OptionSDM), s.Access.Change}, []any{wire.NewSDMAccess(1, 2, wire.Free), uint32(5000), true, wire.Access(1)})
	same("offsets", *a.Files[2].Settings.SDM, wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(wire.Free, 2, wire.Never), ReadCtrOffset: wire.SDMNoMirror, MACOffset: 20})
	same("no message", *a.Files[3].Settings.SDM, wire.SDM{Options: wire.SDMASCII, Access: wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)})
	same("first content", []any{a.Files[3].Data == nil, a.Files[3].FirstData}, []any{true, append([]byte("first"), bytes.Repeat([]byte{' '}, 11)...)})
	same("value", a.Files[4].Settings, wire.FileSettings{
		Type: wire.FileValue, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: 2, ReadWrite: 0, Change: wire.Never}, Lower: -5, Upper: 16, Flags: wire.ValueFreeGet,
		Additional: []wire.AccessRights{{Read: 3, Write: wire.Never, ReadWrite: wire.Never, Change: wire.Never}, {Read: wire.Never, Write: wire.Never, ReadWrite: 2, Change: wire.Never}},
	})
	same("records", a.Files[5].Settings, wire.FileSettings{Type: wire.FileCyclicRecord, Option: wire.OptionMAC, Access: wire.AccessRights{Read: 2, Write: wire.Never, ReadWrite: 0, Change: 0}, RecordSize: 16, MaxRecords: 3})
	same("transaction MAC", a.Files[6].Settings, wire.FileSettings{
		Type: wire.FileTransactionMAC, Option: wire.OptionTMCLimit | wire.OptionTMIExclude, Access: wire.AccessRights{Read: 2, Write: wire.Never, ReadWrite: 1, Change: wire.Never},
		TMKeyOption: wire.TMKeyAES, TMKeyVersion: 1, Limit: wire.TMCLimit{Limit: 0xFFFFFFFF},
	})
}

// Keys are found where the layout puts them: sets, roles, the default key, zeros.
func TestFullKeys(t *testing.T) {
	ctx := t.Context()
	d, _ := full(t)
	k := d.Keys(masters{"m": aes(t, 1), "m2": aes(t, 2), "m3": key.Zero(key.Type3K3DES)}, nil)
	want := k.Want()
	for text, version := range map[string]int{
		"card/0": 1, "card/default": 0x10, "0123E4/0": 1, "0123E4/1": 2, "0123E4/2": -1, "0123E4/3": 0, "0123E4/4": -1, "0123E4/1:0": 7,
		"0123E4/proximity": 1, "0123E4/tmac": 1, "0123E4/sdm-meta": 2, "card/proximity": -1, "0123E4/2:0": -1, "card/dam-mac": -1,
	} {
		f, ok, err := want.Has(ctx, ref(t, text))
		if err != nil || ok != (version >= 0) || ok && int(f.Version) != version {
			t.Errorf("%s: %+v, %t, %v", text, f, ok, err)
		}
		if !ok {
			continue
		}
		got, err := want.Key(ctx, ref(t, text))
		if err != nil || int(got.Version()) != version || got.Type().String() != f.Type {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	// A key that is the same on all cards is there without a UID, one that is not is not.
	for text, has := range map[string]bool{"card/0": true, "0123E4/0": false} {
		if _, ok, err := want.Has(ctx, ref(t, text).Everywhere()); ok != has || err != nil {
			t.Errorf("%s: %t, %v", text, ok, err)
		}
	}
}

// The one application of a card has no AID, and LRP makes messages longer.
func TestFixed(t *testing.T) {
	const text = `desfire: layout/v1
card: {generations: [ntag424], irreversible: [lrp]}
keys: {m: {type: aes, version: 1, from: x}, f: {type: aes, version: 1, from: y}}
applications:
- aid: app
  keys: {master: m, 2: f}
  files: [{no: 2, type: standard, size: 256, mode: plain, read: free, sdm: {uri: "https://a.example/{picc}{mac}", meta-read: f, file-read: f}}]
`
	d, err := yaml.Read("l.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Layout(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := l.Applications[0]
	if a.Place != (wire.Place{Fixed: true}) || a.KeyCount != 5 || a.KeySettings != nil || a.KeyType != wire.KeyAES {
		t.Errorf("%+v", a)
	}
	if m := sdm.Mark(a.Files[0].Data, a.Files[0].Settings.SDM, true); m.Template != "https://a.example/{picc}{mac}" {
		t.Errorf("%+v", m)
	}
	if n := l.Lacks(wire.NTAG424); n != nil {
		t.Errorf("%v", n)
	}
	k := d.Keys(masters{"x": aes(t, 1), "y": aes(t, 2)}, nil).Want()
	for _, place := range []string{"app/2", "df:D2760000850101/2"} {
		if f, ok, err := k.Has(t.Context(), ref(t, place)); !ok || err != nil || f.Version != 1 {
			t.Errorf("%s: %v, %v", place, ok, err)
		}
	}
}

// An overview names keys where the layout does, and is plain JSON.
func TestOverview(t *testing.T) {
	d, _ := full(t)
	o := d.Overview()
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/full.json", append(text, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(golden, append(text, '\n')) {
		t.Errorf("the overview is\n%s", text)
	}
	f := o.Applications[0].Files[4]
	i := slices.IndexFunc(f.Rights, func(a yaml.OverviewAct) bool { return a.Act == "debit" })
	if i < 0 || f.Rights[i].Who != "no, on, app, y" {
		t.Errorf("%+v", f.Rights)
	}
}

// What the issuer has signed is compared with the layout, and kept by an import.
func TestSigned(t *testing.T) {
	m := &wire.CreateDelegatedApplication{AID: 0xF48121, Slot: 7, SlotVersion: 1, Quota: 64, KS1: 0x0B, KS2: wire.NewKeySett2(wire.KeyAES, 2)}
	signer := &dam.Signer{MAC: aes(t, 1), Enc: aes(t, 2)}
	if err := signer.Sign(t.Context(), m, aes(t, 3)); err != nil {
		t.Fatal(err)
	}
	text, err := dam.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"signed.json": {Data: text}}
	const layout = `desfire: layout/v1
card: {generations: [ev3]}
keys: {a: {type: aes, version: 1}, b: {type: aes, version: 1}}
applications:
- {aid: F48121, keys: {master: a, 1: b}, delegated: {signed: signed.json}}
`
	d, err := yaml.Read("l.yaml", []byte(layout), &yaml.Config{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Layout(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Applications[0].Delegated
	if got.Signed == nil || got.Slot != 7 || got.Version != 1 || got.Quota != 64 || got.Signed.DAMMAC != m.DAMMAC {
		t.Errorf("%+v", got)
	}
	for change, want := range map[string]string{
		"F48121": "aid is F48122 in what was signed, and F48121 in the layout",
		"1: b}":  "key-count is 2 in what was signed, and 3 in the layout",
		"}}\n":   "slot is 8, and 7 in what was signed",
	} {
		var err error
		switch change {
		case "F48121":
			m.AID++
			text, _ := dam.Encode(m)
			_, err = yaml.Read("l.yaml", []byte(layout), &yaml.Config{Files: fstest.MapFS{"signed.json": {Data: text}}})
			m.AID--
		case "1: b}":
			_, err = yaml.Read("l.yaml", []byte(strings.Replace(layout, change, "2: b}", 1)), &yaml.Config{Files: files})
		default:
			_, err = yaml.Read("l.yaml", []byte(strings.Replace(layout, "signed.json", "signed.json, slot: 8", 1)), &yaml.Config{Files: files})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	kept := fstest.MapFS{}
	again, notes, err := yaml.Import(l, &yaml.ImportConfig{MasterType: key.TypeAES, Signed: func(name string, text []byte) error {
		kept[name] = &fstest.MapFile{Data: text}
		return nil
	}})
	if err != nil || len(notes) > 0 {
		t.Fatalf("%v, %v", notes, err)
	}
	e, err := yaml.Read("l.yaml", again, &yaml.Config{Files: kept})
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := e.Layout(nil); x.Applications[0].Delegated.Signed.DAMMAC != m.DAMMAC {
		t.Errorf("%s", again)
	}
	// Without a place for the file the application is left out, and that is said.
	again, notes, err = yaml.Import(l, nil)
	if err != nil || len(notes) != 1 || strings.Contains(string(again), "F48121\"") {
		t.Errorf("%v, %v\n%s", notes, err, again)
	}
}

// Files with several keys behind their messages leave no key that is the one.
func TestSeveralMessageKeys(t *testing.T) {
	const text = `desfire: layout/v1
card: {generations: [ev3]}
keys: {a: {type: aes, version: 1, from: x}, b: {type: aes, version: 2, from: y}}
applications:
- aid: F48121
  keys: {master: a, 1: b}
  files:
  - {no: 1, type: standard, size: 99, read: free, sdm: {uri: "https://a.example/{picc}{mac}", meta-read: a, file-read: a}}
  - {no: 2, type: standard, size: 99, read: free, sdm: {uri: "https://a.example/{picc}{mac}", meta-read: a, file-read: b}}
`
	d, err := yaml.Read("l.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	k := d.Keys(masters{"x": aes(t, 1), "y": aes(t, 2)}, nil).Want()
	for place, want := range map[string]bool{"F48121/sdm-meta": true, "F48121/sdm-file": false} {
		if _, ok, err := k.Has(t.Context(), ref(t, place)); ok != want || err != nil {
			t.Errorf("%s: %t, %v", place, ok, err)
		}
	}
}
