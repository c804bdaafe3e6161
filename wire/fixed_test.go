package wire

import "testing"

func TestFixedNamesAreTheCallers(t *testing.T) {
	for _, g := range []Generation{Light, NTAG424} {
		want := string(g.FixedName())
		clear(g.FixedName())
		clear(g.FixedFiles())
		if got := string(g.FixedName()); got != want {
			t.Errorf("%v: the name is %X now, was %X", g, got, want)
		}
		if g.FixedFiles()[0] == (FixedFile{}) {
			t.Errorf("%v: the files are gone", g)
		}
	}
}
