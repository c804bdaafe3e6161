package cmac_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/cmac"
)

// BenchmarkAES64 compares the CMAC of 64 bytes with the four block operations
// that it needs, in interleaved pairs, and reports the median of the ratios.
func BenchmarkAES64(b *testing.B) {
	blk := block(b, "aes", make([]byte, 16))
	m, msg, out := cmac.New(blk), make([]byte, 64), make([]byte, 16)
	const rounds = 2000
	var ratios []float64
	var mac time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		for range rounds {
			blk.Encrypt(out, msg[:16])
			blk.Encrypt(out, out)
			blk.Encrypt(out, out)
			blk.Encrypt(out, out)
		}
		middle := time.Now()
		for range rounds {
			m.Reset(nil)
			m.Write(msg)
			m.Sum()
		}
		end := time.Now()
		ratios = append(ratios, float64(end.Sub(middle))/float64(middle.Sub(start)))
		mac += end.Sub(middle)
		n += rounds
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "times-bare-blocks")
	b.ReportMetric(float64(mac.Nanoseconds())/float64(n), "ns/cmac")
}
