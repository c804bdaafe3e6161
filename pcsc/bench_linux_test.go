package pcsc

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/pcsctest"
)

// BenchmarkExchange compares an exchange through Transmit with a bare
// SCardTransmit on the same handle, in turns. The metric "ratio" is the median
// of the pairs' ratios.
func BenchmarkExchange(b *testing.B) {
	stack := pcsctest.Start(b)
	insert(b, stack.Slot(0), desfireATR, version)
	r := liveOpen(b, nil)
	var c *Conn
	for range 100 {
		var err error
		if c, err = r.Connect(context.Background(), stack.Reader(0)); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if c == nil {
		b.Fatal("the card was not seen")
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	command, response := []byte{0x90, 0x6C, 0, 0, 1, 2, 0}, make([]byte, maxBuffer)
	bare := func() time.Duration {
		start := time.Now()
		if _, code := c.session.api.transmit(c.session.card, c.session.protocol, command, response); code != codeOK {
			b.Fatal(code)
		}
		return time.Since(start)
	}
	ours := func() time.Duration {
		start := time.Now()
		if _, err := c.Transmit(ctx, command); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var ratios, theirs, mine []float64
	b.ReportAllocs()
	for b.Loop() {
		x, y := bare(), ours()
		ratios = append(ratios, float64(y)/float64(x))
		theirs, mine = append(theirs, float64(x)), append(mine, float64(y))
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(theirs)/1e3, "bare-us")
	b.ReportMetric(median(mine)/1e3, "ours-us")
}
