package ndef_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages that are printed in specifications.
var published = []struct {
	source, hex, says string
	message           ndef.Message
}{
	{"NFC Forum URI record type 1.0, A.1", "D1 01 08 55 01 6E66632E636F6D", `URI "http://www.nfc.com"`, ndef.Message{ndef.URI("http://www.nfc.com")}},
	{"NFC Forum URI record type 1.0, A.2", "D1 01 0D 55 05 2B3335383931323334353637", `URI "tel:+35891234567"`, ndef.Message{ndef.URI("tel:+35891234567")}},
	{"NFC Forum text record type 1.0, B", "D1 01 10 54 02 656E 48656C6C6F2C20776F726C6421", `text (en) "Hello, world!"`, ndef.Message{ndef.Text("en", "Hello, world!")}},
	{"NFC Forum smart poster 1.1, A.1", "D1 02 12 5370 D1 01 0E 55 01 6E66632D666F72756D2E6F7267", `smart poster "http://www.nfc-forum.org"`,
		ndef.Message{poster(ndef.Poster{URI: "http://www.nfc-forum.org", Action: ndef.ActionNone})}},
	{"NXP AN12196 5.4", "D1 01 4D 55 04 63686F6F73652E75726C2E636F6D2F6E7461673432343F653D303030303030303030303030303030303030303030303030303030303030303026633D30303030303030303030303030303030",
		`URI "https://choose.url.com/ntag424?e=00000000000000000000000000000000&c=0000000000000000"`,
		ndef.Message{ndef.URI("https://choose.url.com/ntag424?e=00000000000000000000000000000000&c=0000000000000000")}},
}

func poster(p ndef.Poster) ndef.Record {
	r, err := ndef.SmartPoster(p)
	if err != nil {
		panic(err)
	}
	return r
}

func TestPublished(t *testing.T) {
	for _, x := range published {
		want := unhex(t, x.hex)
		got, err := x.message.Encode()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %X, %v; want %X", x.source, got, err, want)
		}
		m, err := ndef.Parse(want)
		if err != nil || !reflect.DeepEqual(m, x.message) {
			t.Errorf("%s: %+v, %v", x.source, m, err)
			continue
		}
		if s := m[0].String(); s != x.says {
			t.Errorf("%s: %s; want %s", x.source, s, x.says)
		}
	}
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 400)
	for _, m := range []ndef.Message{
		{},
		{ndef.URI("https://example.com"), ndef.Text("de", "Grüezi"), ndef.MIME("text/plain", []byte("hello"))},
		{ndef.External("Example.com:Thing", []byte{1, 2, 3})},
		{{TNF: ndef.TNFMIME, Type: "a/b", ID: "id-1", Payload: []byte(long)}},
		{{TNF: ndef.TNFUnknown, Payload: []byte{1}}, {Payload: []byte{}}, {TNF: ndef.TNFURI, Type: "urn:x", Payload: []byte{}}},
		{poster(ndef.Poster{URI: "https://example.com/" + long, Titles: []ndef.Phrase{{"en", "Title"}, {"fr", "Titre"}}, Action: ndef.ActionSave, Type: "text/html", Size: 0x12345})},
	} {
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ndef.Parse(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%X: %+v, %v; want %+v", b, got, err, m)
		}
	}
}

func TestSmartPoster(t *testing.T) {
	want := ndef.Poster{URI: "sip:a@b", Titles: []ndef.Phrase{{"en", "One"}, {"rm", "Dus"}}, Action: ndef.ActionEdit, Type: "image/png", Size: 7}
	r := poster(want)
	got, err := r.SmartPoster()
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if s := r.String(); s != `smart poster "sip:a@b", "One" (en), "Dus" (rm)` {
		t.Error(s)
	}
	for _, bad := range []ndef.Record{
		ndef.URI("x"),
		{TNF: ndef.TNFWellKnown, Type: "Sp"},
		{TNF: ndef.TNFWellKnown, Type: "Sp", Payload: unhex(t, "D1 01 03 54 02 656E")},              // no URI
		{TNF: ndef.TNFWellKnown, Type: "Sp", Payload: unhex(t, "91 01 01 55 00 51 01 01 55 00")},    // two
		{TNF: ndef.TNFWellKnown, Type: "Sp", Payload: unhex(t, "91 01 01 55 00 51 01 02 54 05 65")}, // bad text
		{TNF: ndef.TNFWellKnown, Type: "Sp", Payload: unhex(t, "D1 01 00 55")},                      // bad URI
	} {
		if p, err := bad.SmartPoster(); err == nil {
			t.Errorf("%v is a smart poster: %+v", &bad, p)
		}
	}
}

func TestText(t *testing.T) {
	for payload, want := range map[string]ndef.Phrase{
		"02 656E":                      {"en", ""},
		"00 41":                        {"", "A"},
		"82 656E 0048 0069":            {"en", "Hi"},
		"82 656E FEFF 0048 0069":       {"en", "Hi"},
		"82 656E FFFE 4800 6900":       {"en", "Hi"},
		"82 656E D83D DE00":            {"en", "😀"},
		"05 64652D4348 4772C3BC657A69": {"de-CH", "Grüezi"},
	} {
		r := ndef.Record{TNF: ndef.TNFWellKnown, Type: "T", Payload: unhex(t, payload)}
		if got, err := r.Text(); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", payload, got, err, want)
		}
	}
	for _, bad := range []string{"", "05 656E", "02 656E FF", "82 656E 00"} {
		r := ndef.Record{TNF: ndef.TNFWellKnown, Type: "T", Payload: unhex(t, bad)}
		if got, err := r.Text(); err == nil {
			t.Errorf("%s is a text: %+v", bad, got)
		}
	}
	r := ndef.Text(strings.Repeat("l", 100), "t")
	if p, err := r.Text(); err != nil || len(p.Language) != 63 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestURI(t *testing.T) {
	for uri, code := range map[string]byte{
		"": 0, "geo:1,2": 0, "http://x": 3, "http://www.x": 1, "https://www.": 2, "https://x": 4,
		"urn:x": 0x13, "urn:epc:x": 0x22, "urn:epc:id:x": 0x1E, "urn:nfc:x": 0x23, "ftp://ftp.x": 8, "mailto:a@b": 6,
	} {
		r := ndef.URI(uri)
		if r.Payload[0] != code {
			t.Errorf("%q is abbreviated with %02X, want %02X", uri, r.Payload[0], code)
		}
		if got, err := r.URI(); err != nil || got != uri {
			t.Errorf("%q, %v; want %q", got, err, uri)
		}
	}
	r := ndef.Record{TNF: ndef.TNFWellKnown, Type: "U", Payload: []byte{0x77, 'x'}}
	if got, err := r.URI(); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {0, 0xFF}} {
		r.Payload = bad
		if got, err := r.URI(); err == nil {
			t.Errorf("%X is %q", bad, got)
		}
	}
}

// Chunks make one record.
func TestChunks(t *testing.T) {
	m, err := ndef.Parse(unhex(t, "B1 01 02 55 0461 36 00 01 62 16 00 01 63 51 01 02 55 0078"))
	want := ndef.Message{ndef.URI("https://abc"), ndef.URI("x")}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
}

func TestBadMessages(t *testing.T) {
	for _, bad := range []string{
		"", "D1", "D1 01", "D1 01 02 55 00", // cut off
		"D1 01 01 55 00 00",             // left over
		"51 01 01 55 00",                // does not begin
		"91 01 01 55 00",                // does not end
		"91 01 01 55 00 D1 01 01 55 00", // begins twice
		"D6 00 00",                      // goes on from nothing
		"B1 01 01 55 00 51 01 01 55 00", // chunks that do not go on
		"B1 01 01 55 00 56 01 01 55 00", // a chunk with a type
		"F1 01 01 55 00",                // ends in the middle
		"D7 00 00", "D0 01 00 55", "D0 00 01 00", "D5 01 00 55",
		"C1 01 FFFFFFFF 55 00", // 4 GiB
		"D9 01 01 02 55 69 64", // with identifier, cut off
	} {
		m, err := ndef.Parse(unhex(t, bad))
		var format *ndef.FormatError
		if !errors.As(err, &format) {
			t.Errorf("%s is a message: %+v, %v", bad, m, err)
		}
	}
	for _, bad := range []ndef.Message{
		{{TNF: ndef.TNFMIME, Type: strings.Repeat("x", 256)}},
		{{TNF: 6}}, {{TNF: 7}}, {{Type: "x"}}, {{TNF: ndef.TNFUnknown, Type: "x"}},
	} {
		if b, err := bad.Encode(); err == nil {
			t.Errorf("%+v can be written: %X", bad, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, x := range published {
		f.Add(unhex(f, x.hex))
	}
	f.Add(unhex(f, "B1 01 02 55 0461 36 00 01 62 16 00 01 63 51 01 02 55 0078"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ndef.Parse(data)
		if err != nil {
			return
		}
		for i := range m {
			_ = m[i].String()
		}
		b, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", m, err)
		}
		if again, err := ndef.Parse(b); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v, %v; want %+v", again, err, m)
		}
	})
}

func TestLayoutCommandsAreTheCallers(t *testing.T) {
	want := wire.NDEFName
	commands, err := (&ndef.Layout{Size: 64}).Commands()
	if err != nil {
		t.Fatal(err)
	}
	clear(commands[0].(*wire.CreateApplication).DFName)
	if wire.NDEFName != want {
		t.Errorf("the name of all tags is %X now", wire.NDEFName)
		wire.NDEFName = want
	}
}
