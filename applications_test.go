package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What can never be undone is asked for by name.
func TestCreateApplicationAsksForFrozenOnesByName(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	before := picc.Exchanges()
	for _, app := range []*wire.CreateApplication{
		{AID: testApp},
		{AID: testApp, KS1: wire.SettDefault},
		{AID: testApp, KS2: wire.NewKeySett2(wire.KeyAES, 3)},
		{AID: testApp, KS1: wire.SettFreeDirectory | wire.SettFreeCreate, KS2: wire.NewKeySett2(wire.KeyAES, 3)},
	} {
		if err := card.CreateApplication(ctx, app); !errors.As(err, new(*desfire.ArgumentError)) || picc.Exchanges() != before {
			t.Errorf("%+v: %v", app, err)
		}
	}
	if err := card.CreateFrozenApplication(ctx, &wire.CreateApplication{AID: testApp, KS2: wire.NewKeySett2(wire.KeyAES, 3)}); err != nil {
		t.Error(err)
	}
	if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: 0x010203, KS1: wire.SettMasterChangeable, KS2: wire.NewKeySett2(wire.KeyAES, 3)}); err != nil {
		t.Error(err)
	}
}
