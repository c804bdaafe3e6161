package tmac_test

import (
	"testing"

	"github.com/go-desfire/desfire/tmac"
)

// Under LRP the low half counts; what the high half holds makes no difference.
func TestReceiptCount(t *testing.T) {
	for _, x := range []struct {
		tmc         uint32
		lrp         bool
		count, next uint32
	}{
		{0, false, 0, 1},
		{0x0001_0005, false, 0x0001_0005, 0x0001_0006},
		{0x0000_FFFF, false, 0xFFFF, 0x1_0000},
		{0xFFFF_FFFF, false, 0xFFFF_FFFF, 0},
		{0, true, 0, 1},
		{0x0001_0005, true, 5, 6},
		{0x0007_0005, true, 5, 6},
		{0x0001_FFFF, true, 0xFFFF, 0},
		{0xFFFF_0000, true, 0, 1},
		{0x0003_8000, true, 0x8000, 0x8001},
	} {
		r := tmac.Receipt{TMC: x.tmc}
		if r.Count(x.lrp) != x.count || r.Next(x.lrp) != x.next {
			t.Errorf("%08X, LRP %v: count %X, next %X", x.tmc, x.lrp, r.Count(x.lrp), r.Next(x.lrp))
		}
		n := tmac.Receipt{TMC: x.next}
		before := r.Compare(n, x.lrp) < 0 && n.Compare(r, x.lrp) > 0
		if !before && (x.lrp || x.next != 0) || r.Compare(r, x.lrp) != 0 {
			t.Errorf("%08X, LRP %v: the next does not come after", x.tmc, x.lrp)
		}
	}
	// A first transaction under LRP is no jump of 65536, nor is an aborted one.
	fresh, first := tmac.Receipt{}, tmac.Receipt{TMC: 0x0001_0001}
	if fresh.Next(true) != first.Count(true) || first.Compare(tmac.Receipt{TMC: 0x0009_0001}, true) != 0 {
		t.Error("sesTMC counts")
	}
	if (tmac.Receipt{TMC: 0x10001}).Compare(tmac.Receipt{TMC: 1}, false) <= 0 {
		t.Error("without LRP all 32 bits count")
	}
}
