package sim

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func BenchmarkGetValue(b *testing.B) {
	c := newCard(b, wire.EV2)
	a := c.Present()
	script(b, a, free)
	cmd := []byte{0x6C, 0x03}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if rsp, err := a.Transmit(ctx, cmd); err != nil || len(rsp) != 5 {
			b.Fatal(rsp, err)
		}
	}
}

func BenchmarkDebitCommit(b *testing.B) {
	c := newCard(b, wire.EV2)
	a := c.Present()
	script(b, a, free)
	debit, credit, commit := unhex(b, "dc0301000000"), unhex(b, "0c0301000000"), []byte{0xC7}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		for _, cmd := range [...][]byte{debit, credit, commit} {
			if rsp, err := a.Transmit(ctx, cmd); err != nil || rsp[0] != 0 {
				b.Fatal(rsp, err)
			}
		}
	}
}
