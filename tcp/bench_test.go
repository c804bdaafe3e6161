package tcp

import (
	"context"
	"testing"
)

func BenchmarkTransmit(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, err := Listen(ctx, ":0")
	if err != nil {
		b.Fatal(err)
	}
	go Serve(ctx, l, (&deck{}).present)
	t, err := Dial(ctx, l.Addr().String(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	command := []byte{0x90, 0x6C, 0, 0, 1, 1, 0}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Transmit(ctx, command); err != nil {
			b.Fatal(err)
		}
	}
}
