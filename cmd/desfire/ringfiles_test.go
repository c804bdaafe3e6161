package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// ringed is the tool with a keyring, and a card in front of it.
func ringed(t *testing.T, keys keystore.Map) (*app, *desfire.Card, *bytes.Buffer) {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := newApp(strings.NewReader(""), &out, io.Discard)
	a.ring, a.yes = &ring{keys}, true
	a.saw(card)
	return a, card, &out
}

// With a keyring verbs take the key that may do it: the master key of the card
// or of the application, for whichever is there.
func TestFilesWithKeyring(t *testing.T) {
	const aid = wire.AID(0xF48121)
	place := wire.Place{AID: aid}
	aes := key.Zero(key.TypeAES)
	appKey := keystore.Ref{Place: place, Key: keystore.Number(0)}
	cardKey := keystore.Ref{Key: keystore.Number(0)}
	for name, tc := range map[string]struct {
		keys    keystore.Map
		deletes bool
	}{
		"of the card":        {keystore.Map{cardKey: {Key: key.Zero(key.TypeDES)}, appKey: {Key: aes}}, true},
		"of the application": {keystore.Map{appKey: {Key: aes}}, true},
		"of another":         {keystore.Map{{Place: wire.Place{AID: 1}, Key: keystore.Number(0)}: {Key: aes}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, card, out := ringed(t, tc.keys)
			ctx, cmd := t.Context(), &cobra.Command{}
			if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: aid, KS1: 0x0B, KS2: wire.NewKeySett2(wire.KeyAES, 2)}); err != nil {
				t.Fatal(err)
			}
			n := &newFile{settings: wire.FileSettings{Type: wire.FileStandard, Size: 4, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: 1, ReadWrite: wire.Never}}}
			err := a.createFile(ctx, card, target{place, 1}, n)
			if (err == nil) != tc.deletes {
				t.Errorf("a file is made: %v", err)
			}
			if tc.deletes {
				c := &fileChange{said: inspect.WrittenAccess{inspect.RightWrite: 0}}
				if err := c.run(ctx, a, cmd, card, target{place, 1}); err != nil {
					t.Error(err)
				}
			}
			err = a.deleteApp(ctx, cmd, card, aid, false)
			if (err == nil) != tc.deletes {
				t.Errorf("deleted: %v", err)
			}
			if err != nil && (!errors.As(err, new(*unlock.NoKeyError)) || exitCode(context.Background(), err) != exitRight) {
				t.Errorf("%v: code %d", err, exitCode(context.Background(), err))
			}
			if tc.deletes != strings.Contains(out.String(), "Deleted application F48121") {
				t.Errorf("%s", out)
			}
		})
	}
}

// The DAM authentication key is key 0x10 of the card in a keyring.
func TestDelegatedWithKeyring(t *testing.T) {
	aes := func(fill byte) *key.Secret {
		k, err := key.NewAES(bytes.Repeat([]byte{fill}, 16), 1)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	auth, mac, enc := aes(1), aes(2), aes(3)
	ref := keystore.Ref{Key: keystore.Number(desfire.KeyDAMAuth)}
	for name, tc := range map[string]struct {
		keys keystore.Map
		code int
	}{
		"there":      {keystore.Map{ref: {Key: auth}}, exitDone},
		"another":    {keystore.Map{ref: {Key: mac}}, exitAuth},
		"of another": {keystore.Map{{Key: keystore.Number(0)}: {Key: auth}}, exitRight},
		"DES":        {keystore.Map{ref: {Key: key.Zero(key.TypeDES)}}, exitInput},
	} {
		t.Run(name, func(t *testing.T) {
			a, card, _ := ringed(t, tc.keys)
			ctx := t.Context()
			if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
				t.Fatal(err)
			}
			for no, k := range map[wire.KeyNo]*key.Secret{desfire.KeyDAMAuth: auth, desfire.KeyDAMMAC: mac, desfire.KeyDAMEnc: enc} {
				if err := card.ChangeKey(ctx, no, k, key.Zero(key.TypeAES)); err != nil {
					t.Fatal(err)
				}
			}
			m := &wire.CreateDelegatedApplication{AID: 0xF48121, Quota: 32, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 1)}
			if err := (&dam.Signer{MAC: mac, Enc: enc}).Sign(ctx, m, aes(7)); err != nil {
				t.Fatal(err)
			}
			err := a.createDelegated(ctx, &cobra.Command{}, card, m)
			if code := exitCode(context.Background(), err); code != tc.code {
				t.Errorf("code %d, want %d: %v", code, tc.code, err)
			}
		})
	}
}
