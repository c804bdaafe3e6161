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
