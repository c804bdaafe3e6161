package unlock_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// All that the keys of a store open is read, file by file with the key that may.
func TestOnCardInspects(t *testing.T) {
	ctx := context.Background()
	card, _, ring := made(t, wire.EV2, wire.SettDefault)
	var entered []wire.Place
	c, err := (&unlock.Opener{Store: ring(0, 3)}).On(card, nil).Inspect(ctx, &inspect.Config{
		Ask:   inspect.Everything,
		Enter: func(_ context.Context, _ *desfire.Card, p wire.Place) error { entered = append(entered, p); return nil },
	})
	must(t, err)
	files := c.Applications[0].Files
	if len(files) != 5 || files[0].Data == nil || files[4].Value == nil || files[3].Data != nil || len(entered) < 2 {
		t.Errorf("%+v, entered %v", files, entered)
	}
	// A key that the card does not have is not tried, and said.
	card, a, _ := made(t, wire.EV2, wire.SettDefault)
	wrong := keystore.Map{{Place: place, Key: keystore.Number(1)}: {Key: secret(t, key.TypeAES, 1).WithVersion(9)}}
	c, err = (&unlock.Opener{Store: wrong}).On(card, nil).Inspect(ctx, &inspect.Config{Ask: inspect.Everything})
	must(t, err)
	if m := c.Applications[0].Files[0].MissingPart(inspect.PartContent); m == nil || !strings.HasPrefix(m.Reason, "key 1 of F48121 is AES version 0B on the card, and AES version 09") || a.attempts() > 0 {
		t.Errorf("%+v, %d attempts", m, a.attempts())
	}
}

// Where the identifier is random, a key that is the same on every card tells it, once.
func TestOnCardIdentifier(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	master := key.Zero(key.Type2K3DES)
	app := wire.CreateApplication{AID: place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}
	must(t, card.CreateApplication(ctx, &app), card.Authenticate(ctx, 0, master), card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}))
	picc.Lift()
	must(t, picc.Return())
	a := &air{Activation: picc.Present()}
	card, err = desfire.Connect(ctx, a, nil)
	must(t, err)
	same := keystore.Ref{Place: place, Key: keystore.Number(0)}
	store := keystore.Map{{UID: keystore.UID(uid)}: {Key: master}, same: {Key: key.Zero(key.TypeAES)}}
	on := (&unlock.Opener{Store: store}).On(card, []keystore.Ref{same})
	if on.UID() != "" {
		t.Errorf("known already: %X", on.UID())
	}
	must(t, on.Place(ctx, wire.Place{}, unlock.Master), on.Place(ctx, wire.Place{}, unlock.Master))
	if on.UID() != keystore.UID(uid) || a.count(wire.InsGetCardUID) != 1 {
		t.Errorf("%X, asked %d times", on.UID(), a.count(wire.InsGetCardUID))
	}
	k, err := on.Store().Key(ctx, keystore.Ref{}) // of who does not know the card
	if err != nil || k != key.Key(master) {
		t.Errorf("%v, %v", k, err)
	}
	// Without such a key it is looked at as anybody may, and that is said once.
	on = (&unlock.Opener{Store: store}).On(card, nil)
	if without, err := on.Look(ctx, wire.Place{}); err != nil || without == nil {
		t.Errorf("%v, %v", without, err)
	}
}

// The key that was chosen in a rotation is the one that a purse opens its session with.
func TestOnCardStore(t *testing.T) {
	ctx := context.Background()
	card, _, _ := made(t, wire.EV2, wire.SettDefault)
	old := secret(t, key.TypeAES, 1)
	ring := &rotating{keys: []key.Key{secret(t, key.TypeAES, 3).WithVersion(0x0C), old}}
	on := (&unlock.Opener{Store: ring}).On(card, nil)
	if _, err := on.File(ctx, place, 0, inspect.ActRead); err != nil {
		t.Fatal(err)
	}
	k, err := on.Store().Key(ctx, on.Chosen().Ref)
	if err != nil || k != key.Key(old) {
		t.Errorf("%v, %v", k, err)
	}
}

// An application is deleted with the key of the card, or else with its own.
func TestOnCardToDelete(t *testing.T) {
	ctx := context.Background()
	card, _, ring := made(t, wire.EV2, wire.SettDefault)
	both := ring(0)
	both[keystore.Ref{}] = keystore.Given{Key: key.Zero(key.Type2K3DES)}
	for _, tc := range []struct {
		store keystore.Map
		at    wire.AID
		err   bool
	}{{both, wire.PICC, false}, {ring(0), place.AID, false}, {ring(1), 0, true}} {
		err := (&unlock.Opener{Store: tc.store}).On(card, nil).ToDelete(ctx, place)
		s, ok := card.Session()
		if (err != nil) != tc.err || err == nil && (!ok || s.KeyNo != 0 || card.Application() != tc.at) {
			t.Errorf("%v, at %v, %+v", err, card.Application(), s)
		}
		if tc.err && !as[*unlock.NoKeyError](err) {
			t.Errorf("%T %v", err, err)
		}
	}
	must(t, (&unlock.Opener{Store: ring(0)}).On(card, nil).ToDelete(ctx, place), card.DeleteApplication(ctx, place.AID))
	must(t, card.Select(ctx, wire.Place{}))
	if list, err := card.Applications(ctx); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}
