package wellknown

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// The bytes of AIDs as real cards send them, least significant first: of card
// samples and a recording that others published.
func TestByteOrder(t *testing.T) {
	for _, tc := range []struct{ air, name, function string }{
		{"9011F2", "Clipper", "multi-modal transit"}, // farebot Clipper.nfc
		{"3010F2", "ORCA", "multi-modal transit"},    // farebot ORCA.nfc
		{"422201", "Istanbulkart", ""},               // proxmark3 hf_istanbulkart.lua, SelectApplication
		{"1420EF", "HSL", ""},                        // farebot HSL.json
		{"10EEEE", "NDEF", ""},                       // NFC Forum Type 4, version 1 on DESFire
	} {
		b, err := hex.DecodeString(tc.air)
		if err != nil {
			t.Fatal(err)
		}
		aid := wire.AID(b[0]) | wire.AID(b[1])<<8 | wire.AID(b[2])<<16
		if w := aid.Wire(); !slices.Equal(w[:], b) {
			t.Errorf("%v is % X on the wire", aid, w)
		}
		if e, ok := Name(aid); !ok || e.Name != tc.name || e.AID != aid || e.Function != tc.function {
			t.Errorf("%s: %+v", tc.air, e)
		}
	}
	if e, ok := Name(0x9011F2); ok {
		t.Errorf("the bytes turned around are %v", e)
	}
}

func TestName(t *testing.T) {
	for _, tc := range []struct {
		aid  wire.AID
		text string
	}{
		{0xF21190, "Clipper (MTC, San Francisco)"},
		{0xF48121, "access control and security"},
		{0xF40771, "city card"},
		{0xFFFFFF, "issuer information"},
		{0x2081F4, "Gallagher"},
		{0x112233, ""},
		{0, ""},
	} {
		e, ok := Name(tc.aid)
		if e.String() != tc.text || ok != (tc.text != "") || e.AID != tc.aid {
			t.Errorf("%v: %q %v %+v", tc.aid, e, ok, e)
		}
	}
}

// MAD of AN10787: Fabcdn, cluster ab.
func TestFunction(t *testing.T) {
	for aid, want := range map[wire.AID]string{
		0xF206B0: "bus services", 0xF48121: "access control and security", 0xF88280: "electronic purse", 0xFFF120: "miscellaneous",
		0xFFFFFF: "", 0xF15000: "", 0xE48121: "", 0: "",
	} {
		if got, ok := Function(aid); got != want || ok != (want != "") {
			t.Errorf("%v: %q", aid, got)
		}
	}
}

func TestFind(t *testing.T) {
	for text, want := range map[string]string{
		"clipper": "F21190 F21191", "OPAL": "534531", "hop": "554000 F210E0", "at-hop": "554000", "istanbul": "012242 022242 062242",
		"mtc": "F21190 F21191", "tfl": "4F5931", "hop fast": "F210E0", "orc": "F21030", "rca": "", "": "", "/": "", "nobody": "",
		"breeze": "000001", "access": "",
	} {
		var got []string
		for _, e := range Find(text) {
			got = append(got, e.AID.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// The tables are what the package takes them for.
func TestTables(t *testing.T) {
	text := regexp.MustCompile(`^[A-Za-z0-9 ,.&'-]*$`)
	kinds := []Kind{Transit, Access, Campus, Payment, Leisure, CarSharing, NDEF, Directory}
	sources := map[string]bool{}
	for line := range strings.Lines(aids) {
		if f := strings.Fields(strings.TrimPrefix(line, "#")); strings.HasPrefix(line, "#\t") {
			sources[f[0]] = true
		}
	}
	last := -1
	for row := range rows(aids) {
		e, ok := Name(wire.AID(number(row[0])))
		switch {
		case len(row) != 6:
			t.Errorf("%q: %d columns", row, len(row))
		case !ok || e.Name == "" || !slices.Contains(kinds, e.Kind):
			t.Errorf("%q is %+v", row, e)
		case int(e.AID) <= last:
			t.Errorf("%v is not in order", e.AID)
		case !text.MatchString(e.Name + e.Operator + e.Place):
			t.Errorf("%q is not plain text", row)
		case fmt.Sprintf("%06X", number(row[0])) != row[0]:
			t.Errorf("%q is no AID", row[0])
		}
		for _, s := range strings.Fields(row[5]) {
			if !sources[s] {
				t.Errorf("%q names source %s, which nothing explains", row, s)
			}
		}
		if len(strings.Fields(row[5])) == 0 {
			t.Errorf("%q has no source", row)
		}
		last = int(e.AID)
	}
	if n := len(tables().entries); n < 100 {
		t.Errorf("%d entries", n)
	}
	for row := range rows(clusters) {
		if len(row) != 2 || row[1] == "" {
			t.Errorf("%q", row)
		}
	}
}
