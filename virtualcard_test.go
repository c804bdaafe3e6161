package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestVirtualCard(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	iid := append([]byte{0xA0, 0, 0, 3, 0x96}, "virtual"...)
	zero := key.Zero(key.TypeAES)
	config, mac, enc := keyOf(t, key.TypeAES, 1), keyOf(t, key.TypeAES, 2), keyOf(t, key.TypeAES, 3)
	for _, g := range []desfire.Generation{wire.EV2, wire.EV3} {
		picc, err := sim.New(&sim.Config{Generation: g})
		must(err)
		card := connect(t, picc)
		must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
		name := &wire.VCName{Length: uint8(len(iid))}
		copy(name.Name[:], iid)
		must(card.SetConfiguration(ctx, name))

		v, err := card.SelectVirtualCard(ctx, iid, nil, nil)
		must(err)
		if v.Data != nil || v.UID() != nil {
			t.Errorf("%v, without keys: %+v", g, v)
		}
		if _, ok := card.Session(); ok {
			t.Error("the session survives")
		}
		must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
		must(card.ChangeKey(ctx, desfire.KeyVCConfig, config, zero))
		must(card.Authenticate(ctx, desfire.KeyVCConfig, config))
		must(card.ChangeKey(ctx, desfire.KeyVCSelectMAC, mac, zero))
		must(card.ChangeKey(ctx, desfire.KeyVCSelectEnc, enc, zero))
		v, err = card.SelectVirtualCard(ctx, iid, mac, enc)
		must(err)
		if !bytes.Equal(v.UID(), picc.UID()) {
			t.Errorf("%v: %X, want UID %X", g, v.Data, picc.UID())
		}
		must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES))) // it is at PICC level
		must(card.ChangeKey(ctx, 0, newKey(t, key.TypeAES, 1), nil))
		must(card.Authenticate(ctx, 0, newKey(t, key.TypeAES, 1)))

		var arg *desfire.ArgumentError
		if _, err := card.SelectVirtualCard(ctx, iid, nil, nil); !errors.As(err, &arg) {
			t.Errorf("keys missing: %v", err)
		}
		if _, err := card.SelectVirtualCard(ctx, iid, mac, nil); !errors.As(err, &arg) {
			t.Errorf("one key: %v", err)
		}
		if _, err := card.SelectVirtualCard(ctx, iid, mac, key.Zero(key.TypeDES)); !errors.As(err, &arg) {
			t.Errorf("a DES key: %v", err)
		}
		if _, err := card.SelectVirtualCard(ctx, iid, enc, mac); !errors.Is(err, wire.StatusISOSecurityStatus) {
			t.Errorf("other keys: %v", err)
		}
		other := append([]byte{0xA0, 0, 0, 3, 0x96}, "another"...)
		want := wire.StatusISOFileNotFound
		if g == wire.EV2 {
			want = wire.StatusISOConditionsOfUse // it answers with random bytes
		}
		if _, err := card.SelectVirtualCard(ctx, other, mac, enc); !errors.Is(err, want) {
			t.Errorf("%v, another identifier: %v", g, err)
		}
	}
	if _, err := connect(t, transitCard(t, wire.EV1, 1)).SelectVirtualCard(ctx, iid, nil, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1: %v", err)
	}
}
