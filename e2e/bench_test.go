package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/wire"
)

// BenchmarkExchange is one GetValue through pcscd, vpcd and back. Without the
// quick acknowledgement of package link it takes 44 ms, with it some 100 us;
// "over20ms" counts the exchanges that met the trap all the same.
func BenchmarkExchange(b *testing.B) {
	stack := pcsctest.Start(b)
	h := put(b, stack, 0, transitCard(b, wire.EV1, 1, 10))
	c := connect(b, h.reader)
	ctx := context.Background()
	transmit := func(command ...byte) {
		if _, err := c.Transmit(ctx, command); err != nil {
			b.Fatal(err)
		}
	}
	transmit(0x90, 0x5A, 0, 0, 3, 0x14, 0x13, 0x12, 0)
	times := make([]time.Duration, 0, 1<<16)
	slow := 0
	for b.Loop() {
		begin := time.Now()
		transmit(0x90, 0x6C, 0, 0, 1, byte(valueFile), 0)
		d := time.Since(begin)
		if d > 20*time.Millisecond {
			slow++
		}
		if len(times) < cap(times) {
			times = append(times, d)
		}
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "median-ns")
	b.ReportMetric(float64(slow), "over20ms")
}
