package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// hostileText is what a terminal would obey: ESC and CSI of both kinds, an OSC that
// sets the title, a carriage return, a backspace, text turned around, a character
// without width, a tag of the supplementary planes, and what is no UTF-8.
const hostileText = "a\x1B[2Jb\u009B31mc\x1B]0;t\x07d\re\bf\u202Eg\u2066h\u200Bi\U000E0041j\x9Bk\xFF\x7F\u2028l"

// hostileCards are images of cards full of it.
func hostileCards(t *testing.T) (ev3, ntag string) {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	create := func(name string, g wire.Generation) (*desfire.Card, *sim.Card, string) {
		path := filepath.Join(dir, name)
		picc, err := sim.New(&sim.Config{Generation: g, Store: sim.File(path)})
		must(err)
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		must(err)
		return card, picc, path
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	card, picc, ev3 := create("ev3.json", wire.EV3)
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xF0F0F0, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1) | wire.SettISOFiles, FID: 0x1B1B, DFName: []byte(hostileText)[:16]}))
	must(card.SelectApplication(ctx, 0xF0F0F0))
	must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, FID: 0x1B5B, Access: free, Size: 128}))
	must(card.WriteData(ctx, 0, 0, []byte(hostileText)))
	must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, FID: 0x1B5C, Access: free, Size: 80}))
	must(card.WriteData(ctx, 1, 0, append([]byte{0x5F, 0x20, byte(len(hostileText))}, hostileText...)))
	must(card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, FID: 0x1B5D, Access: free, RecordSize: 80, MaxRecords: 3}))
	_, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, 2, 0, []byte(hostileText)) })
	must(err)
	must(card.SelectApplication(ctx, wire.PICC))
	title := ndef.Phrase{Language: "e\x1B", Text: strings.ToValidUTF8(hostileText, "")}
	poster, err := ndef.SmartPoster(ndef.Poster{URI: "x:" + hostileText, Titles: []ndef.Phrase{title}, Action: ndef.ActionNone})
	must(err)
	layout := &ndef.Layout{Size: 1024, Message: ndef.Message{
		ndef.URI("https://a.example/" + strings.ToValidUTF8(hostileText, "")), ndef.Text("e\x1Bn", hostileText), poster,
		ndef.MIME("text/"+hostileText, []byte(hostileText)), ndef.External(hostileText, nil),
		{TNF: ndef.TNFWellKnown, Type: hostileText, ID: hostileText, Payload: []byte(hostileText)},
	}}
	commands, err := layout.Commands()
	must(err)
	for _, c := range commands {
		_, err := desfire.Do(ctx, card, c)
		must(err)
	}
	must(card.Close())
	must(picc.Close())

	card, picc, ntag = create("ntag.json", wire.NTAG424)
	must(card.Select(ctx, wire.Place{Fixed: true}))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	_, err = card.FileSettings(ctx, 2)
	must(err)
	tpl, err := sdm.ParseTemplate("https://a.example/"+strings.ToValidUTF8(hostileText, "")+"?p={picc}&m={mac}", false)
	must(err)
	content, settings, err := tpl.NDEFFile(256, 2, 1, wire.Never)
	must(err)
	must(card.ProvisionSDM(ctx, &desfire.SDMFile{File: 2, Content: content, SDM: settings}))
	must(card.Close())
	must(picc.Close())
	return ev3, ntag
}

// obeyed is the first thing in an output that a terminal could obey.
func obeyed(s string) (string, bool) {
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && n == 1 || r != '\n' && !unicode.IsPrint(r) {
			return s[max(0, at-20):min(len(s), at+20)], true
		}
		at += n
	}
	return "", false
}

// Whatever a card holds, every verb about data prints it so that a terminal obeys
// nothing, for people and as JSON.
func TestHostileCard(t *testing.T) {
	ev3, ntag := hostileCards(t)
	for _, x := range []struct {
		card string
		args []string
		code int
	}{
		{ev3, []string{"ls"}, 0},
		{ev3, []string{"read", "F0F0F0/0"}, 0},
		{ev3, []string{"read", "F0F0F0/0", "--trace"}, 0},
		{ev3, []string{"read", "F0F0F0/0", "--as", "utf8"}, 0},
		{ev3, []string{"read", "F0F0F0/0", "--as", "tlv"}, 9},
		{ev3, []string{"read", "F0F0F0/0", "--as", "int"}, 9},
		{ev3, []string{"read", "F0F0F0/1", "--as", "tlv"}, 0},
		{ev3, []string{"read", "F0F0F0/2"}, 0},
		{ev3, []string{"record", "read", "F0F0F0/2"}, 0},
		{ev3, []string{"record", "read", "F0F0F0/2", "--as", "utf8"}, 0},
		{ev3, []string{"record", "update", "F0F0F0/2", "0", "--text", "x", "--dry-run"}, 0},
		{ev3, []string{"record", "append", "F0F0F0/2", "--text", "x"}, 0},
		{ev3, []string{"write", "F0F0F0/0", "--text", "a", "--trace"}, 0},
		{ev3, []string{"value", "get", "F0F0F0/0"}, 1},
		{ev3, []string{"sdm", "show", "F0F0F0/0"}, 0},
		{ev3, []string{"ndef", "read"}, 0},
		{ev3, []string{"ndef", "read", "--trace"}, 0},
		{ev3, []string{"ndef", "write", "--text", "en:" + strings.ToValidUTF8(hostileText, "")}, 0},
		{ev3, []string{"ndef", "erase", "--dry-run"}, 0},
		{ntag, []string{"ndef", "read"}, 0},
		{ntag, []string{"sdm", "show", "app/2"}, 0},
		{ntag, []string{"sdm", "off", "app/2", "--key", "aes:00000000000000000000000000000000", "--dry-run"}, 0},
		{ntag, []string{"read", "app/2", "--as", "utf8"}, 0},
	} {
		for _, asJSON := range []bool{false, true} {
			args := append(x.args[:len(x.args):len(x.args)], "--reader", "sim:"+x.card)
			want := x.code
			if asJSON {
				args = append(args, "--json")
				if strings.Contains(strings.Join(x.args, " "), "utf8") { // which the content is not
					want = exitInput
				}
			}
			code, out, errs := tool(args...)
			if code != want {
				t.Errorf("%q: code %d, want %d: %s%s", args, code, want, out, errs)
			}
			if asJSON {
				for line := range bytes.Lines([]byte(out)) {
					if !json.Valid(line) {
						t.Errorf("%q: no JSON: %q", args, line)
					}
				}
			}
			for _, s := range []string{out, errs} {
				if what, bad := obeyed(s); bad {
					t.Errorf("%q: a terminal would obey %q", args, what)
				}
			}
		}
	}
}

// The test above can fail.
func TestObeyed(t *testing.T) {
	for _, s := range []string{"\x1B", "\u009B", "\u202E", "\x9B", "\r", "\t", "\u200B"} {
		if _, bad := obeyed("abc" + s + "d\n"); !bad {
			t.Errorf("%q is missed", s)
		}
	}
	if _, bad := obeyed("Zürich €\n"); bad {
		t.Error("plain text is taken for an attack")
	}
}
