package wire_test

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestParsePlace(t *testing.T) {
	for _, tc := range []struct {
		text  string
		place wire.Place
		words string
	}{
		{"card", wire.Place{}, "the card"},
		{"app", wire.Place{Fixed: true}, "the application"},
		{"F21190", wire.Place{AID: 0xF21190}, "application F21190"},
		{"df:D2760000850101", wire.Place{Name: string(wire.NDEFName[:])}, "application D2760000850101"},
		{"df:010203", wire.Place{Name: "\x01\x02\x03"}, "application 010203"},
	} {
		p, err := wire.ParsePlace(tc.text)
		if err != nil || p != tc.place || p.String() != tc.text || p.Words() != tc.words || p.IsCard() != (tc.text == "card") {
			t.Errorf("%s: %+v %q %q, %v", tc.text, p, p, p.Words(), err)
		}
		text, err := p.MarshalText()
		var back wire.Place
		if err != nil || back.UnmarshalText(text) != nil || back != p {
			t.Errorf("%s: %s becomes %+v, %v", tc.text, text, back, err)
		}
	}
	for text, want := range map[string]wire.Place{"PICC": {}, "Card": {}, "APP": {Fixed: true}, "000000": {}, "DF:0a": {Name: "\n"}, "0xf21190": {AID: 0xF21190}} {
		if p, err := wire.ParsePlace(text); err != nil || p != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for _, bad := range []string{"", "12", "df:", "df:1", "df:XX", "df:0102030405060708090A0B0C0D0E0F1011", "D2760000850101", "application"} {
		if p, err := wire.ParsePlace(bad); err == nil {
			t.Errorf("%q becomes %+v", bad, p)
		}
	}
}

func TestPlaceOn(t *testing.T) {
	for _, tc := range []struct {
		place string
		gen   wire.Generation
		want  string // empty: an error
	}{
		{"app", wire.Light, "df:A00000039656434103F015400000000B"},
		{"app", wire.NTAG424, "df:D2760000850101"},
		{"app", wire.EV3, ""},
		{"app", wire.UnknownGeneration, ""},
		{"121314", wire.EV1, "121314"},
		{"121314", wire.Light, ""},
		{"df:0102", wire.Light, "df:0102"},
		{"df:0102", wire.EV2, "df:0102"},
		{"card", wire.D40, "card"},
		{"card", wire.NTAG424, "card"},
	} {
		p, err := wire.ParsePlace(tc.place)
		if err != nil {
			t.Fatal(err)
		}
		switch got, err := p.On(tc.gen); {
		case (err != nil) != (tc.want == ""):
			t.Errorf("%s on %v: %v, %v", tc.place, tc.gen, got, err)
		case err == nil && got.String() != tc.want:
			t.Errorf("%s on %v: %v, want %s", tc.place, tc.gen, got, tc.want)
		}
	}
}
