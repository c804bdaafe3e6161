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
