package ndef_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/ndef"
)

func said(s ndef.Shown) string {
	b := fmt.Sprintf("%s: %s", s.Kind, s.Title)
	if s.Text != "" {
		b += fmt.Sprintf(" %q", s.Text)
	}
	for _, f := range s.Fields {
		b += fmt.Sprintf(", %s %q", f.Name, f.Value)
	}
	if s.Warning != "" {
		b += " ! " + s.Warning
	}
	return b
}

// wifi is the one-credential payload of ndeflib's tests, bluetooth one with the
// address and name of its examples.
const (
	wifi      = "100E0037 100300020001 100F00020001 10200006010203040506 1026000101 1027000A31323334353637383930 1045000A6162636465666768696A 1049000600372A000120"
	bluetooth = "1300 060504030201 0A09 4D7920446576696365"
)

func TestShown(t *testing.T) {
	for _, x := range []struct {
		record ndef.Record
		want   string
	}{
		{ndef.URI("https://www.example.com/a?b"), `link: Opens a web page "https://www.example.com/a?b", host "www.example.com"`},
		{ndef.URI("http://example.com"), `link: Opens a web page "http://example.com", host "example.com" ! The page travels without protection (http).`},
		{ndef.URI("https://bank.example@evil.example/x"), `link: Opens a web page "https://bank.example@evil.example/x", host "evil.example" ! What stands before @ is no host: the page is that of the host above.`},
		{ndef.URI("https://xn--bnk-5cd.example/"), `link: Opens a web page "https://xn--bnk-5cd.example/", host "xn--bnk-5cd.example" ! Its host has letters that can look like others.`},
		{ndef.URI("https://bаnk.example/"), `link: Opens a web page "https://bаnk.example/", host "bаnk.example" ! Its host has letters that can look like others.`},
		{ndef.URI("tel:+35891234567"), `link: Offers to call a number "tel:+35891234567"`},
		{ndef.URI("javascript:alert(1)"), `link: Gives an address to whatever app is there for it "javascript:alert(1)", scheme "javascript"`},
		{ndef.URI("no address"), `link: An address that phones may not understand "no address" ! It is no whole address.`},
		{ndef.URI("https:///path"), `link: Opens a web page "https:///path", host "" ! It names no host.`},
		{ndef.Text("de-CH", "Grüezi"), `text: A text "Grüezi", language "de-CH"`},
		{poster(ndef.Poster{URI: "https://x.example/", Titles: []ndef.Phrase{{"en", "Door"}, {"", "Tür"}}, Action: ndef.ActionSave, Size: 7, Type: "text/html"}),
			`poster: Opens a web page "https://x.example/", title (en) "Door", title "Tür", host "x.example", suggests "saves it for later", leads to "text/html", size there "7 bytes"`},
		{ndef.MIME("text/vcard", []byte("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Hopper;Grace;;;\r\nFN:Grace Hopper\r\nORG:Navy\\, US;Computing\r\nitem1.TEL;TYPE=work:+1 2\r\n 34\r\nX-A:b\r\nEND:VCARD\r\n")),
			`contact: Offers to save a contact, name "Grace Hopper", organisation "Navy, US, Computing", telephone "+1 234"`},
		{ndef.MIME("text/x-vCard", []byte("BEGIN:VCARD\nN:Hopper;Grace\nEND:VCARD")), `contact: Offers to save a contact, name "Hopper, Grace"`},
		{ndef.MIME("text/vcard", []byte("nothing")), `contact: Offers to save a contact ! It says nothing of anybody.`},
		{ndef.MIME("application/vnd.wfa.wsc", unhex(t, wifi)),
			`network: Offers to join a Wi-Fi network, network "abcdefghij", protection "none", password "10 bytes, in clear in the file" ! What is sent in this network is not enciphered.`},
		{ndef.MIME("application/vnd.wfa.wsc", unhex(t, wifi)[:40]), `data: Data for a program, type "application/vnd.wfa.wsc (MIME)", size "40 bytes" ! A phone cannot read it: it names no network, or is cut off.`},
		{ndef.MIME("application/vnd.bluetooth.ep.oob", unhex(t, bluetooth)), `bluetooth: Offers to connect a Bluetooth device, address "01:02:03:04:05:06", name "My Device"`},
		{ndef.MIME("application/vnd.bluetooth.ep.oob", []byte{9}), `data: Data for a program, type "application/vnd.bluetooth.ep.oob (MIME)", size "1 byte" ! A phone cannot read it: it is cut off.`},
		{ndef.MIME("text/plain; charset=utf-8", []byte("plain")), `text: A text "plain", type "text/plain"`},
		{ndef.MIME("image/png", []byte{1, 2}), `data: Data for a program, type "image/png (MIME)", size "2 bytes"`},
		{ndef.External("android.com:pkg", []byte("com.example.app")), `app: Opens an Android app, or the shop where it is "com.example.app"`},
		{ndef.External("example.com:x", []byte{1}), `data: Data for a program, type "example.com:x (external)", size "1 byte"`},
		{ndef.Record{}, `empty: An empty record`},
		{ndef.Record{TNF: ndef.TNFWellKnown, Type: "T"}, `data: Data for a program, type "T (well-known)", size "0 bytes" ! A phone cannot read it: the text record is empty.`},
		{ndef.Record{TNF: ndef.TNFWellKnown, Type: "U", Payload: []byte{4, 0xFF}}, `data: Data for a program, type "U (well-known)", size "2 bytes" ! A phone cannot read it: the URI is not UTF-8.`},
	} {
		if got := said(x.record.Shown()); got != x.want {
			t.Errorf("%v:\n got %s\nwant %s", &x.record, got, x.want)
		}
	}
}

// The password of a network is not repeated.
func TestShownNoPassword(t *testing.T) {
	r := ndef.MIME("application/vnd.wfa.wsc", unhex(t, wifi))
	if s := said(r.Shown()); strings.Contains(s, "1234567890") {
		t.Error(s)
	}
}

func FuzzShown(f *testing.F) {
	f.Add(byte(2), "application/vnd.wfa.wsc", unhex(f, wifi))
	f.Add(byte(2), "application/vnd.bluetooth.le.oob", unhex(f, bluetooth))
	f.Add(byte(2), "text/vcard", []byte("N:a\\;b;\nTEL:1"))
	f.Add(byte(1), "Sp", []byte("\xD1\x01\x01U\x00"))
	f.Fuzz(func(t *testing.T, tnf byte, typ string, payload []byte) {
		r := ndef.Record{TNF: ndef.TNF(tnf & 7), Type: typ, Payload: payload}
		if s := r.Shown(); s.Kind == "" || s.Title == "" || len(s.Fields) > 40 {
			t.Errorf("%+v", s)
		}
	})
}
