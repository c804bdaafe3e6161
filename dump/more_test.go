package dump_test

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A Proxmark3 dump with what its documentation's example does not have.
func TestProxmarkMore(t *testing.T) {
	d, err := dump.Read([]byte(`{"FileType":"mfdes v1","Version":1,"Extra":{"Key":"C53A9ED7"},
"Card":{"UID":"08112233","VersionHW":"04010133001A05","VersionSW":"04010103001A05","VersionProd":"00000000000000BA4551B2805224"},
"Applications":{"F48121":{"KeySettings":"0F","NumKeysRaw":"01","Keys":{"13":{"Version":"0D"},"2":{"Version":"02","Key":"C53A9ED7"},"1":{}},"Files":{
 "0F":{"TypeRaw":"05","CommMode":"plain","AccessRights":"E0F0","Read":true,"Data":"010000000123456789ABCDEF"},
 "03":{"TypeRaw":"00","CommMode":"plain_rfu","AccessRights":"E000","AdditionalAccessRights":{"0":"1F2F","1":"3FFF"},"FileSize":4,"Read":false},
 "04":{"TypeRaw":"00","CommMode":"mac","AccessRights":"1000","FileSize":4,"Read":true,"Data":"0102"},
 "05":{"TypeRaw":"04","CommMode":"mac","AccessRights":"1000","RecordSize":2,"MaxRecords":3,"CurRecords":2,"Read":true,"Data":"01020304"},
 "06":{"TypeRaw":"02","CommMode":"mac","AccessRights":"1000","LowerLimit":-5,"UpperLimit":5,"LimitedCredit":"00","Read":false},
 "07":{}}},
 "000001":{"ISOFileID":"0000"}}}`))
	must(t, err)
	c := d.Card
	if !c.RandomID || len(c.UID) > 0 || c.MissingPart(inspect.PartKeySettings) == nil || len(d.Notes) != 1 || strings.Contains(d.Notes[0], "C53A") {
		t.Errorf("%+v %q", c, d.Notes)
	}
	a := app(t, c, 0xF48121)
	if len(a.KeyVersions) != 2 || a.KeyVersions[0] != (inspect.KeyVersion{Key: 2, Version: 2}) || a.KeyVersions[1].Version != 13 {
		t.Errorf("%+v", a.KeyVersions)
	}
	if f := file(t, a, 15); f.Type != "tmac" || len(f.Data) != 12 || f.KeyType != "AES" {
		t.Errorf("%+v", f)
	}
	f := file(t, a, 3)
	if f.Settings.Option != 0x82 || f.Comm != "plain" || len(f.Additional) != 2 || f.Additional[1].Read != "key 3" ||
		f.MissingPart(inspect.PartContent).Reason != "the program that wrote the file could not read it" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 4); len(f.Data) != 2 || f.MissingPart(inspect.PartContent).Reason != "only the first 2 of 4 bytes are in the file" || f.Missing[0].Needs != "key 1 or 0" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 5); len(f.Content) != 2 || string(f.Content[1]) != "\x03\x04" || f.Missing != nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 6); f.Value != nil || *f.Lower != -5 || f.Missing == nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 7); f.Settings != nil || f.MissingPart(inspect.PartSettings) == nil {
		t.Errorf("%+v", f)
	}
	a = app(t, c, 1)
	if a.ISOID != nil || a.KeySettings != nil || a.Files != nil || len(a.Missing) != 2 {
		t.Errorf("%+v", a)
	}
}

// What a card cannot be made to have quickly: mirrors, other types, key sets.
func TestDiffMembers(t *testing.T) {
	card := func(change func(c *inspect.Card, a *inspect.Application, fs *wire.FileSettings)) *inspect.Card {
		c := &inspect.Card{Generation: wire.EV3, UID: inspect.Hex{}, Applications: []inspect.Application{inspect.NewApplication(wire.Place{AID: 7})}}
		a := &c.Applications[0]
		fs := &wire.FileSettings{Type: wire.FileStandard, Size: 4}
		change(c, a, fs)
		a.Files = append(a.Files, inspect.NewFile(1, fs))
		return c
	}
	plain := func(*inspect.Card, *inspect.Application, *wire.FileSettings) {}
	for want, change := range map[string]func(c *inspect.Card, a *inspect.Application, fs *wire.FileSettings){
		"file 1 of application 000007: type: standard, 4 bytes and value, 0 to 5": func(_ *inspect.Card, _ *inspect.Application, fs *wire.FileSettings) {
			*fs = wire.FileSettings{Type: wire.FileValue, Upper: 5}
		},
		"file 1 of application 000007: size: 4 and 5": func(_ *inspect.Card, _ *inspect.Application, fs *wire.FileSettings) { fs.Size = 5 },
		"file 1 of application 000007: sdm: not there and there": func(_ *inspect.Card, _ *inspect.Application, fs *wire.FileSettings) {
			fs.SDM = &wire.SDM{Options: wire.SDMUID}
		},
		"the card: uid: not there and 04": func(c *inspect.Card, _ *inspect.Application, _ *wire.FileSettings) { c.UID = inspect.Hex{4} },
		"application 000007: df_name: not read and 61": func(_ *inspect.Card, a *inspect.Application, _ *wire.FileSettings) {
			a.DFName = inspect.Hex("a")
		},
		"application 000007: key_sets: not read and set 0 version 01, set 1 version 00": func(_ *inspect.Card, a *inspect.Application, _ *wire.FileSettings) {
			a.KeySets = []inspect.KeySet{{Set: 0, Version: 1}, {Set: 1}}
		},
		"file 2 of application 000007: file: not there and there": func(_ *inspect.Card, a *inspect.Application, _ *wire.FileSettings) {
			a.Files = append(a.Files, inspect.File{No: 2})
		},
		"the card: applications: 1 of them and not read": func(c *inspect.Card, _ *inspect.Application, _ *wire.FileSettings) {
			c.Applications = nil
		},
	} {
		got := dump.Diff(card(plain), card(change))
		if len(got) != 1 || got[0].Words() != want {
			t.Errorf("%+v, want %s", got, want)
		}
		if d := dump.Diff(card(change), card(change)); d != nil {
			t.Errorf("%s: and of the same: %+v", want, d)
		}
	}
	a, b := card(plain), card(plain)
	b.Applications[0].Files[0] = inspect.File{No: 1}
	if d := dump.Diff(a, b); len(d) != 1 || d[0].Words() != "file 1 of application 000007: settings: standard, 4 bytes and not read" || !d[0].Unread {
		t.Errorf("%+v", d)
	}
}

// An image under LRP has a short limit of the transaction MAC counter, as the
// card answers it.
func TestImageLRP(t *testing.T) {
	picc, err := sim.New(&sim.Config{Generation: wire.Light})
	must(t, err)
	i := picc.Image()
	limit := uint32(9)
	for n := range i.Applications[0].Files {
		if f := &i.Applications[0].Files[n]; f.TMAC != nil {
			f.TMAC.Limit = &limit
		}
	}
	for lrp, want := range map[bool]string{false: "0523101F020009000000", true: "0523101F02000900"} {
		i.Config.Capabilities = make(sim.Hex, 10)
		if lrp {
			i.Config.Capabilities[wire.CapPDCap2_1] = byte(wire.CapLRP)
		}
		d, err := dump.Read(i.Encode())
		must(t, err)
		f := file(t, &d.Card.Applications[0], 15)
		if got, _ := f.Raw.MarshalText(); string(got) != want || *f.CounterLimit != 9 {
			t.Errorf("lrp %v: %s, want %s", lrp, got, want)
		}
	}
}
