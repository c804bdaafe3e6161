package desfire_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// sessionReads opens sessions whose reads of 64 bytes are MACed or enciphered.
func sessionReads(t fataler, each func(name string, card *desfire.Card, cmd wire.Command, rsp wire.Message)) {
	ctx := context.Background()
	for _, m := range methods {
		if m.keyType != key.TypeAES || m.method == key.MethodISO7816 {
			continue
		}
		picc, err := sim.New(&sim.Config{Generation: m.g})
		if err != nil {
			t.Fatal(err)
		}
		card := personalise(t, picc, m.keyType)
		for i := range modes {
			if _, err := card.FileSettings(ctx, desfire.FileNo(i*5)); err != nil {
				t.Fatal(err)
			}
		}
		if err := card.AuthenticateWith(ctx, m.method, 1, key.Zero(m.keyType)); err != nil {
			t.Fatal(err)
		}
		for i, mode := range modes {
			each(fmt.Sprintf("%v/%v/%v", m.g, m.method, mode), card, &wire.ReadData{File: desfire.FileNo(i * 5), Length: 64}, new(wire.Data))
		}
	}
	lrpReads(t, each)
}

// lrpReads is sessionReads for LRP, which is there on Light and NTAG 424 DNA.
func lrpReads(t fataler, each func(name string, card *desfire.Card, cmd wire.Command, rsp wire.Message)) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	picc, err := sim.New(&sim.Config{Generation: wire.NTAG424})
	must(err)
	card := connect(t, picc)
	_, err = card.ISOSelectName(ctx, wire.NDEFName[:])
	must(err)
	zero := key.Zero(key.TypeAES)
	must(card.AuthenticateWith(ctx, key.MethodEV2First, 0, zero))
	must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
	must(card.AuthenticateWith(ctx, key.MethodLRPFirst, 0, zero))
	const file = 3
	for _, mode := range modes {
		_, err := desfire.Do(ctx, card, &wire.ChangeFileSettings{File: file, Option: wire.FileOption(mode)})
		must(err)
		_, err = card.FileSettings(ctx, file)
		must(err)
		each(fmt.Sprintf("%v/%v/%v", wire.NTAG424, key.MethodLRPFirst, mode), card, &wire.ReadDataISO{ReadData: wire.ReadData{File: file, Length: 64}}, new(wire.Data))
	}
}

func TestSessionsDoNotAllocate(t *testing.T) {
	ctx := context.Background()
	sessionReads(t, func(name string, card *desfire.Card, cmd wire.Command, rsp wire.Message) {
		if n := testing.AllocsPerRun(200, func() {
			if err := card.Run(ctx, cmd, rsp); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations in reader and card together", name, n)
		}
	})
}

func BenchmarkSessionRead(b *testing.B) {
	ctx := context.Background()
	sessionReads(b, func(name string, card *desfire.Card, cmd wire.Command, rsp wire.Message) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s, _ := card.Session(); s.Counter > 0xFFF0 { // a session has an end
					if err := card.AuthenticateWith(ctx, s.Method, s.KeyNo, key.Zero(key.TypeAES)); err != nil {
						b.Fatal(err)
					}
				}
				if err := card.Run(ctx, cmd, rsp); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
