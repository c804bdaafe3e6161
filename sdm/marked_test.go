package sdm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// What a template makes of a file leads back to it.
func TestMark(t *testing.T) {
	for _, text := range []string{
		"https://example.com/t?p={picc}&m={mac}",
		"https://www.example.com/t?u={uid}&n={ctr}&m={mac}&z=1",
		"http://a.example/?p={picc}&e={from}{enc:32}&m={mac}",
		"https://a.example/?p={picc}&x={from}abc&m={mac}",
		"tel:{ctr}{mac}",
		"https://example.com/" + strings.Repeat("x", 250) + "?p={picc}&m={mac}",
		"{from}https://example.com/?p={picc}&m={mac}",
		"https://{from:7}example.com/?p={picc}&m={mac}",
		"https://{from:10}example.com/" + strings.Repeat("x", 250) + "?p={picc}&m={mac}",
		"{from:2}lnurlw://example.com/?p={picc}&m={mac}",
	} {
		for _, lrp := range []bool{false, true} {
			tpl, err := sdm.ParseTemplate(text, lrp)
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range []bool{false, true} {
				build := tpl.NDEFFile
				if raw {
					build = tpl.RawFile
				}
				content, s, err := build(1024, 2, 1, wire.Never)
				if raw && strings.Contains(text, "{from:") {
					if err == nil {
						t.Errorf("%s as raw text", text)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				file := append(content, 0, 0, 0)
				if got := sdm.Mark(file, &s, lrp); got.Template != text || got.NDEF == raw || got.Outside != nil {
					t.Errorf("%s, lrp %v, raw %v: %+v", text, lrp, raw, got)
				}
			}
		}
	}
}

// Parts are the whole text, and say what the card fills in and what its MAC is made
// over.
func TestParts(t *testing.T) {
	tpl, err := sdm.ParseTemplate("https://a.example/?x=1&{from}u={uid}{ctr}&e={enc:16}&m={mac}&z", false)
	if err != nil {
		t.Fatal(err)
	}
	content, s, err := tpl.NDEFFile(256, wire.Free, 1, wire.Never)
	if err != nil {
		t.Fatal(err)
	}
	want := []sdm.Part{
		{Text: "https://"}, {Text: "a.example/?x=1&"}, {Text: "u=", MACed: true}, {Text: strings.Repeat("0", 14), Mirror: "UID", MACed: true},
		{Text: strings.Repeat("0", 6), Mirror: "SDMReadCtr", MACed: true}, {Text: "&e=", MACed: true},
		{Text: strings.Repeat("0", 32), Mirror: "SDMENC", MACed: true}, {Text: "&m=", MACed: true}, {Text: strings.Repeat("0", 16), Mirror: "SDMMAC"}, {Text: "&z"},
	}
	got := sdm.Mark(content, &s, false).Parts
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	s.Access = wire.NewSDMAccess(wire.Free, wire.Never, wire.Never)
	for _, p := range sdm.Mark(content, &s, false).Parts {
		if p.MACed {
			t.Errorf("%+v without a MAC", p)
		}
	}
}

// Settings and content need not fit each other: a card may say anything.
func TestMarkHostile(t *testing.T) {
	s := &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr | wire.SDMEncFile, Access: wire.NewSDMAccess(wire.Free, 1, wire.Never),
		UIDOffset: 3, ReadCtrOffset: 5, MACInputOffset: 0xFFFFFF, ENCOffset: 2, ENCLength: 0xFFFFFF, MACOffset: 0xFFFFFF}
	for _, content := range []string{"", "\x00", "\x00\x05", "\xFF\xFFabc", "\x00\x09\xD1\x01\x05U\x04abcd", "0123456789012345678901234567890", "\x00\x08\xD1\x01\x04U\x04abc"} {
		got := sdm.Mark([]byte(content), s, false)
		if len(got.Outside) == 0 {
			t.Errorf("%q: %+v", content, got)
		}
	}
}

func FuzzMark(f *testing.F) {
	f.Add([]byte("\x00\x09\xD1\x01\x05U\x04abcd"), uint32(7), uint32(9), uint32(3))
	f.Fuzz(func(t *testing.T, content []byte, picc, mac, enc uint32) {
		s := &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr | wire.SDMEncFile, Access: wire.NewSDMAccess(2, 1, wire.Never), PICCDataOffset: picc, MACInputOffset: enc, MACOffset: mac, ENCOffset: enc, ENCLength: mac}
		for _, useLRP := range []bool{false, true} {
			m := sdm.Mark(content, s, useLRP)
			shown := ""
			for _, p := range m.Parts {
				if shown += p.Text; p.Text == "" {
					t.Fatalf("%+v", m.Parts)
				}
			}
			if !m.NDEF && shown != strings.TrimRight(string(content), "\x00") {
				t.Fatalf("%q of %q", shown, content)
			}
			if m.Template == "" || len(m.Outside) > 0 || mac == 0 || mac%32 != 0 || mac > 1024 || enc > mac { // no card has such settings
				continue
			}
			// A template that is found says where the card writes.
			tp, err := sdm.ParseTemplate(m.Template, useLRP)
			if err != nil {
				if strings.ContainsAny(string(content), "{}") {
					continue
				}
				t.Fatalf("%q: %v", m.Template, err)
			}
			if again, err := sdm.ParseTemplate(tp.String(), useLRP); err != nil || again.String() != tp.String() {
				t.Fatalf("%q: %q, %v", m.Template, tp, err)
			}
		}
	})
}
