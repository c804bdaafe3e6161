package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// delegating is a card whose DAM keys the issuer has set.
func delegating(t *testing.T, g desfire.Generation, auth, mac, enc *key.Secret) (*desfire.Card, *sim.Card) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
		t.Fatal(err)
	}
	zero := key.Zero(key.TypeAES)
	for no, k := range map[desfire.KeyNo]*key.Secret{desfire.KeyDAMAuth: auth, desfire.KeyDAMMAC: mac, desfire.KeyDAMEnc: enc} {
		if err := card.ChangeKey(ctx, no, k, zero); err != nil {
			t.Fatal(err)
		}
	}
	return card, picc
}

func TestDelegatedApplication(t *testing.T) {
	for _, g := range []desfire.Generation{wire.EV2, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			ctx := context.Background()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			aes := func(fill byte) *key.Secret { return keyOf(t, key.TypeAES, fill).(*key.Secret) }
			auth, mac, enc := aes(1), aes(2), aes(3)
			card, _ := delegating(t, g, auth, mac, enc)
			signer := &dam.Signer{MAC: mac, Enc: enc}
			for i, typ := range []key.Type{key.TypeAES, key.Type3K3DES, key.Type2K3DES} {
				aid, slot := desfire.AID(0x100+i), uint16(i)
				cmd := &wire.CreateDelegatedApplication{
					AID: aid, Slot: slot, SlotVersion: 2, Quota: 30, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 2),
				}
				if i == 1 { // with ISO names, for which no numbers are public
					cmd.FID, cmd.DFName = 0xDF33, []byte("delegate")
				}
				first := keyOf(t, typ, 0x40).(*key.Secret)
				var arg *desfire.ArgumentError
				if err := card.CreateDelegatedApplication(ctx, auth, cmd); !errors.As(err, &arg) {
					t.Errorf("not signed: %v", err)
				}
				must(signer.Sign(ctx, cmd, first))
				if err := card.CreateDelegatedApplication(ctx, key.Zero(key.TypeDES), cmd); !errors.As(err, &arg) {
					t.Errorf("with a DES key: %v", err)
				}
				altered := *cmd
				altered.Quota++
				if err := card.CreateDelegatedApplication(ctx, auth, &altered); !errors.Is(err, wire.StatusIntegrityError) {
					t.Errorf("with another quota: %v", err)
				}
				must(card.CreateDelegatedApplication(ctx, auth, cmd))
				info, err := card.DelegatedInfo(ctx, slot)
				must(err)
				if info.AID != aid || info.Quota != 30 || info.SlotVersion != 2 || info.Free == 0 {
					t.Errorf("%+v", info)
				}
				must(card.SelectApplication(ctx, aid))
				must(card.Authenticate(ctx, 1, first))

				del, err := dam.DeleteMAC(ctx, mac, aid)
				must(err)
				if err := card.DeleteDelegatedApplication(ctx, auth, aid, [8]byte{1}); err == nil {
					t.Error("deleted with a wrong MAC")
				}
				must(card.DeleteDelegatedApplication(ctx, auth, aid, del))
				if err := card.SelectApplication(ctx, aid); !errors.Is(err, wire.StatusApplicationNotFound) {
					t.Errorf("deleted: %v", err)
				}
			}
		})
	}
	card := connect(t, transitCard(t, wire.EV1, 1))
	cmd := &wire.CreateDelegatedApplication{EncK: wire.NewSecret(make([]byte, 32)), DAMMAC: [8]byte{1}}
	if err := card.CreateDelegatedApplication(context.Background(), key.Zero(key.TypeAES), cmd); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1: %v", err)
	}
}

// A card with the published DAM keys takes the published command.
func TestPublishedDelegatedApplication(t *testing.T) {
	ctx := context.Background()
	var enc, mac, del *vector.Vector
	for _, v := range vector.Load(t, "dam") {
		switch v.ID {
		case "dam-enck-1":
			enc = v
		case "dam-mac-create-1":
			mac = v
		case "dam-mac-delete-1":
			del = v
		}
	}
	if enc == nil || mac == nil || del == nil {
		t.Fatal("the vectors are gone")
	}
	aes := func(b []byte) *key.Secret {
		k, err := key.NewAES(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	auth := newKey(t, key.TypeAES, 1)
	card, _ := delegating(t, wire.EV3, auth, aes(mac.Hex("dam_mac_key")), aes(enc.Hex("dam_enc_key")))
	cmd := &wire.CreateDelegatedApplication{
		AID: 0x563412, Quota: 64, KS1: 0xEF, KS2: 0x81, EncK: wire.NewSecret(enc.Hex("enc_k")), DAMMAC: [8]byte(mac.Hex("dam_mac")),
	}
	if err := card.CreateDelegatedApplication(ctx, auth, cmd); err != nil {
		t.Fatal(err)
	}
	if err := card.SelectApplication(ctx, cmd.AID); err != nil {
		t.Fatal(err)
	}
	if err := card.Authenticate(ctx, 0, aes(enc.Hex("app_key"))); err != nil {
		t.Error(err)
	}
	if err := card.DeleteDelegatedApplication(ctx, auth, cmd.AID, [8]byte(del.Hex("dam_mac"))); err != nil {
		t.Error(err)
	}
}
