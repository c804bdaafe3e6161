package sdm_test

import (
	"slices"
	"testing"

	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

func TestMirrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    wire.SDM
		lrp  bool
		want []sdm.Mirror
	}{
		{"enciphered", wire.SDM{Options: wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(2, 1, wire.Never), PICCDataOffset: 30, MACInputOffset: 67, MACOffset: 67},
			false, []sdm.Mirror{{"PICCData", 30, 32}, {"SDMMACInput", 67, 0}, {"SDMMAC", 67, 16}}},
		{"enciphered under LRP", wire.SDM{Options: wire.SDMUID, Access: wire.NewSDMAccess(2, 1, wire.Never), PICCDataOffset: 30, MACInputOffset: 20, MACOffset: 90},
			true, []sdm.Mirror{{"PICCData", 30, 48}, {"SDMMACInput", 20, 70}, {"SDMMAC", 90, 16}}},
		{"plain with file data", wire.SDM{Options: wire.SDMUID | wire.SDMReadCtr | wire.SDMEncFile, Access: wire.NewSDMAccess(wire.Free, 3, wire.Free), UIDOffset: 10, ReadCtrOffset: 25, MACInputOffset: 32, ENCOffset: 34, ENCLength: 32, MACOffset: 70},
			false, []sdm.Mirror{{"UID", 10, 14}, {"SDMReadCtr", 25, 6}, {"SDMMACInput", 32, 38}, {"SDMENC", 34, 32}, {"SDMMAC", 70, 16}}},
		{"no MAC, a counter that is not shown", wire.SDM{Options: wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(wire.Free, wire.Never, wire.Never), UIDOffset: 10, ReadCtrOffset: wire.SDMNoMirror},
			false, []sdm.Mirror{{"UID", 10, 14}}},
		{"nothing", wire.SDM{Options: wire.SDMUID, Access: wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)}, false, nil},
	} {
		if got := sdm.Mirrors(&tc.s, tc.lrp); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// What a write would not show is told, what only a MAC covers or is there to be
// enciphered is not.
func TestTouched(t *testing.T) {
	tpl, err := sdm.ParseTemplate("0123456789{picc}{from}e={enc:32}&m={mac}rest", false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tpl.Settings(0, 2, 1, wire.Never)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		offset, n uint32
		want      string
	}{
		{0, 10, ""}, {0, 11, "PICCData"}, {41, 1, "PICCData"}, {42, 2, ""}, {44, 32, ""}, {60, 16, ""},
		{60, 17, "SDMENC"}, {76, 1, "SDMENC"}, {43, 2, "SDMENC"}, {108, 3, ""}, {108, 4, "SDMMAC"}, {126, 1, "SDMMAC"}, {127, 4, ""}, {0, 131, "PICCData"},
	} {
		got := ""
		if m := sdm.Touched(&s, false, tc.offset, tc.n); m != nil {
			got = m.Name
		}
		if got != tc.want {
			t.Errorf("%d bytes from %d on: %q, want %q", tc.n, tc.offset, got, tc.want)
		}
	}
}
