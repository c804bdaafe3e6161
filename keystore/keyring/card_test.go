package keyring_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// Two cards of one system, one with the key of before and one with the new one:
// the ring has the key of each, and no attempt fails.
func TestCardsInRotation(t *testing.T) {
	ctx := context.Background()
	name := filepath.Join(files(t, map[string]string{"k": `
desfire: keys/v1
masters: {new: aes:` + digits + `, old: aes:` + old + `}
keys:
  F48121:
    0: aes:00000000000000000000000000000000
    1:
      - {from: new, version: 2, diversify: {an10922: {uid: true, aid: true, system: demo}}}
      - {from: old, version: 1, diversify: {an10922: {uid: true, aid: true, system: demo}}}
`}), "k")
	ring, err := keyring.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	place := wire.Place{AID: 0xF48121}
	for slot, version := range []byte{2, 1} {
		uid := []byte{4, 1, 2, 3, 4, 5, byte(slot)}
		picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
		if err != nil {
			t.Fatal(err)
		}
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slots, err := ring.Slots(ctx, ref(t, fmt.Sprintf("%X/F48121/1", uid)))
		if err != nil {
			t.Fatal(err)
		}
		k, err := slots[slot].Key(ctx)
		if err != nil {
			t.Fatal(err)
		}
		zero := key.Zero(key.TypeAES)
		for i, err := range []error{
			card.CreateApplication(ctx, &wire.CreateApplication{AID: place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}),
			card.Select(ctx, place),
			card.Authenticate(ctx, 0, zero),
			card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1100), Size: 8}),
			card.ChangeKey(ctx, 1, k, zero),
			card.Close(),
		} {
			if err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		picc.Lift()
		if err := picc.Return(); err != nil {
			t.Fatal(err)
		}
		if card, err = desfire.Connect(ctx, picc.Present(), nil); err != nil {
			t.Fatal(err)
		}
		var chosen unlock.Choice
		opener := &unlock.Opener{Store: ring, OnChoice: func(c unlock.Choice) { chosen = c }}
		if _, err := opener.File(ctx, card, place, 1, inspect.ActRead); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if chosen.Facts.Version != version || !chosen.VersionKnown || chosen.Facts.Check != k.CheckValue() {
			t.Errorf("chose %v, want version %02X", chosen.Facts, version)
		}
		if _, err := card.ReadData(ctx, 1, 0, 8); err != nil {
			t.Error(err)
		}
		card.Close()
	}
}
