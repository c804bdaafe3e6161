package rekey_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const testApp wire.AID = 0xF21190

func run(ctx context.Context, card *desfire.Card, ch *rekey.Change) error {
	_, err := rekey.Run(ctx, card, ch)
	return err
}

func find(ctx context.Context, card *desfire.Card, ch *rekey.Change) (key.Key, error) {
	found, err := rekey.Find(ctx, card, ch)
	if err != nil {
		return nil, err
	}
	return found.Key, nil
}

func connect(t testing.TB, picc *sim.Card) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// personalise makes an application with two keys of zeros.
func personalise(t *testing.T, picc *sim.Card, typ key.Type) *desfire.Card {
	t.Helper()
	card := connect(t, picc)
	if err := card.CreateApplication(context.Background(), &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 2)}); err != nil {
		t.Fatal(err)
	}
	return card
}

func newKey(t *testing.T, typ key.Type, version byte) *key.Secret {
	b := make([]byte, typ.Size())
	for i := range b {
		b[i] = 0xA0 + byte(i)&0xFE
	}
	if typ == key.TypeDES {
		copy(b[8:], b[:8])
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithVersion(version)
}

func newPICC(t *testing.T, g desfire.Generation) *sim.Card {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}
