//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// BenchmarkKey is what a key in SoftHSM costs: docs/keys.md has the figures.
func BenchmarkKey(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := oneKey(b, "speed", &Config{PIN: new(pin).give})
	u := &URI{Token: "speed", Object: "k"}
	k, err := m.Key(ctx, u)
	if err != nil {
		b.Fatal(err)
	}
	memory, err := key.NewAES(testBytes(16, 1), 0)
	if err != nil {
		b.Fatal(err)
	}
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		b.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		b.Fatal(err)
	}
	const app = 0xF48121
	zero := key.Zero(key.TypeAES)
	for _, do := range []func() error{
		func() error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
		},
		func() error { return card.SelectApplication(ctx, app) },
		func() error { return card.Authenticate(ctx, 0, zero) },
		func() error { return card.ChangeKey(ctx, 1, memory, zero) },
	} {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	block, long := make([]byte, 64), make([]byte, 32)
	for _, bench := range []struct {
		name string
		do   func() error
	}{
		{"CBC of 64 bytes", func() error { return k.EncryptCBC(ctx, nil, block, block) }},
		{"CMAC of 32 bytes", func() error { _, err := k.CMAC(ctx, long); return err }},
		{"derived key", func() error { _, err := an10922.Key(ctx, k, long[:24]); return err }},
		{"derived key of a short input", func() error { _, err := an10922.Key(ctx, k, long[:10]); return err }},
		{"EV1 AES", func() error { return card.AuthenticateWith(ctx, key.MethodAES, 1, k) }},
		{"EV2", func() error { return card.AuthenticateWith(ctx, key.MethodEV2First, 1, k) }},
		{"EV2 in memory", func() error { return card.AuthenticateWith(ctx, key.MethodEV2First, 1, memory) }},
		{"find the key", func() error { _, err := m.Key(ctx, u); return err }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
