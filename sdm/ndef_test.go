package sdm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/wire"
)

// The NDEF file that AN12196 (5.4) writes to the tag: the same bytes, and in 6.9
// its settings.
func TestNDEFFileAN12196(t *testing.T) {
	tp, err := ParseTemplate("https://choose.url.com/ntag424?e={picc}&c={mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	file, s, err := tp.NDEFFile(256, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var c wire.Coder
	e, err := c.Encode(nil, &s)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%X", e.Bytes); got != "C1F121200000430000430000" {
		t.Errorf("SDM settings %s, published C1F121200000430000430000", got)
	}
	compared := false
	for _, v := range vector.Load(t, "ev2-sm") {
		if v.ID == "ev2-writedata-full-an12196-5.4" {
			compared = true
			if want := v.Hex("data"); !strings.HasPrefix(string(want), string(file)) {
				t.Errorf("file      %q\npublished %q", file, want)
			}
		}
	}
	if !compared {
		t.Error("the vector is gone")
	}
}

func TestNDEFFile(t *testing.T) {
	for text, head := range map[string]string{
		"https://www.a.b/{picc}{mac}":              "\x00\x39\xD1\x01\x35U\x02a.b/0",
		"http://a.b/{picc}{mac}":                   "\x00\x39\xD1\x01\x35U\x03a.b/0",
		"http://www.a.b/{picc}{mac}":               "\x00\x39\xD1\x01\x35U\x01a.b/0",
		"tel:{uid}{ctr}{mac}":                      "\x00\x2D\xD1\x01\x29U\x00tel:0",
		"{from}https://a.b/{picc}{mac}":            "\x00\x41\xD1\x01\x3DU\x00https://a.b/0",
		"https://a.b/{picc}{from}{enc:112}x={mac}": "\x01\x1E\xC1\x01\x00\x00\x01\x17U\x04a.b/0",
	} {
		tp, err := ParseTemplate(text, false)
		if err != nil {
			t.Fatal(err)
		}
		file, s, err := tp.NDEFFile(1000, 1, 2, wire.Never)
		if err != nil || !strings.HasPrefix(string(file), head) {
			t.Errorf("%s: %q, %v", text, file[:min(len(file), 20)], err)
			continue
		}
		if int(file[0])<<8|int(file[1]) != len(file)-2 {
			t.Errorf("%s: length %X of %d", text, file[:2], len(file))
		}
		if got := string(file[s.MACOffset:]); got != strings.Repeat("0", 16) {
			t.Errorf("%s: at MACOffset %q", text, got)
		}
		if int(s.MACInputOffset) < 7 || s.MACInputOffset > s.MACOffset {
			t.Errorf("%s: MACInputOffset %d", text, s.MACInputOffset)
		}
	}
	tp, err := ParseTemplate("https://a.b/{picc}{mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tp.NDEFFile(50, 1, 2, wire.Never); err == nil || !strings.Contains(err.Error(), "a file of 59 bytes, this one has 50") {
		t.Error(err)
	}
}
