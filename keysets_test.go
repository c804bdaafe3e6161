package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// All keys of an application are replaced at once, by keys of the same type or
// a stronger one.
func TestKeySets(t *testing.T) {
	for _, g := range []desfire.Generation{wire.EV2, wire.EV3} {
		for _, types := range [][2]key.Type{
			{key.TypeAES, key.TypeAES}, {key.Type2K3DES, key.Type3K3DES}, {key.Type2K3DES, key.TypeAES}, {key.Type3K3DES, key.TypeAES},
		} {
			t.Run(fmt.Sprintf("%v %v to %v", g, types[0], types[1]), func(t *testing.T) {
				ctx := context.Background()
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				picc, err := sim.New(&sim.Config{Generation: g})
				must(err)
				card := connect(t, picc)
				must(card.CreateApplication(ctx, &wire.CreateApplication{
					AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(types[0].Wire(), 3), KS3: wire.SettKeySets,
					KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 24, AppKeySetSett: 2},
				}))
				must(card.SelectApplication(ctx, testApp))
				zero := key.Zero(types[0])
				set := &desfire.KeySet{Set: 2, Version: 5, Type: types[1], Keys: []key.Key{
					newKey(t, types[1], 0x11), nil, newKey(t, types[1], 0x33),
				}}
				if err := card.LoadKeySet(ctx, set); !errors.As(err, new(*desfire.ArgumentError)) {
					t.Errorf("without a session: %v", err)
				}
				must(card.Authenticate(ctx, 0, zero))
				must(card.LoadKeySet(ctx, set))
				versions, err := card.KeySetVersions(ctx)
				must(err)
				if !slices.Equal(versions, []wire.KeyVersion{1, 0, 5}) {
					t.Errorf("versions %X", versions)
				}
				if err := card.RollKeySet(ctx, 2); !errors.Is(err, wire.StatusAuthenticationError) {
					t.Errorf("without the roll key: %v", err)
				}
				must(card.Authenticate(ctx, 2, zero))
				must(card.RollKeySet(ctx, 2))
				if _, ok := card.Session(); ok {
					t.Error("the session survives")
				}
				if err := card.Authenticate(ctx, 0, zero); err == nil {
					t.Error("the old key still authenticates")
				}
				must(card.Authenticate(ctx, 0, set.Keys[0]))
				must(card.Authenticate(ctx, 1, key.Zero(types[1]))) // was left alone
				must(card.Authenticate(ctx, 2, set.Keys[2]))
				versions, err = card.KeySetVersions(ctx)
				must(err)
				if versions[0] != 5 {
					t.Errorf("versions after rolling %X", versions)
				}
				if err := card.RollKeySet(ctx, 1); !errors.Is(err, wire.StatusPermissionDenied) {
					t.Errorf("a set that is not finalised: %v", err)
				}
			})
		}
	}
}

// What the set holds before it is filled must be known.
func TestKeySetInitialKeys(t *testing.T) {
	ctx := context.Background()
	quirks := sim.QuirksOf(wire.EV3)
	quirks.KeySetCopiesActive = true
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, Quirks: &quirks})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(card.CreateApplication(ctx, &wire.CreateApplication{
		AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2), KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 2, MaxKeySize: 16},
	}))
	must(card.SelectApplication(ctx, testApp))
	k := newKey(t, key.TypeAES, 1)
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(card.ChangeKey(ctx, 0, k, nil))
	must(card.Authenticate(ctx, 0, k))
	set := &desfire.KeySet{Set: 1, Version: 2, Type: key.TypeAES, Keys: []key.Key{newKey(t, key.TypeAES, 2)}}
	if err := card.LoadKeySet(ctx, set); !errors.Is(err, wire.StatusIntegrityError) {
		t.Errorf("from the wrong key: %v", err)
	}
	must(card.Authenticate(ctx, 0, k))
	set.Initial = []key.Key{k}
	must(card.LoadKeySet(ctx, set))
}

func TestKeySetArguments(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
		t.Fatal(err)
	}
	before := picc.Exchanges()
	for _, s := range []*desfire.KeySet{
		{Version: 1}, {Set: 0x81, Version: 1}, {Set: 1}, {Set: 1, Version: 1, Keys: make([]key.Key, 15)},
		{Set: 1, Version: 1, Type: key.TypeAES, Keys: []key.Key{key.Zero(key.TypeDES)}},
	} {
		if err := card.LoadKeySet(ctx, s); !errors.As(err, new(*desfire.ArgumentError)) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if picc.Exchanges() != before {
		t.Error("something was sent")
	}
	ev1, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	card = connect(t, ev1)
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
		t.Fatal(err)
	}
	if err := card.LoadKeySet(ctx, &desfire.KeySet{Set: 1, Version: 1}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1: %v", err)
	}
}
