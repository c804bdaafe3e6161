package dam_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// FuzzOrder signs delegated applications. What is signed is read back as it was,
// gives its key back, and has no MAC in common with what differs; a simulated
// card takes the one and not the other. Whatever else is read as an order is
// written as it came.
func FuzzOrder(f *testing.F) {
	honest := &wire.CreateDelegatedApplication{AID: 0xF48121, Slot: 1, Quota: 64, KS1: 0x0F, KS2: 0x83}
	aes, issuer, image := key.Zero(key.TypeAES), issuerKey(f), issued(f)
	if err := (&dam.Signer{MAC: issuer, Enc: issuer}).Sign(context.Background(), honest, aes); err != nil || !taken(f, image, honest) {
		f.Fatal("the card does not take what is signed", err)
	}
	f.Add([]byte("{}"), uint32(0xF48121), uint16(1), uint16(64), byte(0x0F), byte(0x83), []byte("campus"), byte(0))
	f.Add([]byte("x"), uint32(0x010203), uint16(9), uint16(2), byte(0x0F), byte(0x43), []byte{}, byte(3))
	f.Add([]byte(""), uint32(1), uint16(0), uint16(8), byte(0x0B), byte(0x01), []byte("longer than sixteen bytes"), byte(200))
	f.Fuzz(func(t *testing.T, text []byte, aid uint32, slot, quota uint16, ks1, ks2 byte, name []byte, spoil byte) {
		ctx := context.Background()
		if m, err := dam.Decode(text); err == nil {
			back, err := dam.Encode(m)
			if err != nil {
				t.Fatalf("what was read is not written: %v", err)
			}
			again, err := dam.Decode(back)
			if err != nil || again.AID != m.AID || again.DAMMAC != m.DAMMAC || !again.EncK.Equal(m.EncK) {
				t.Fatalf("it reads otherwise: %v", err)
			}
		}
		m := &wire.CreateDelegatedApplication{AID: wire.AID(aid & 0xFFFFFF), Slot: slot, Quota: quota, KS1: wire.KeySett1(ks1), KS2: wire.KeySett2(ks2)}
		if len(name) > 0 {
			m.FID, m.DFName = 0xDF01, name
		}
		app := key.Zero(map[wire.KeyType]key.Type{wire.KeyDES: key.Type2K3DES, wire.Key3K3DES: key.Type3K3DES}[m.KS2.KeyType()])
		if m.KS2.KeyType() == wire.KeyAES {
			app = aes
		}
		s := &dam.Signer{MAC: issuer, Enc: issuer, Rand: bytes.NewReader([]byte("1234567"))}
		if err := s.Sign(ctx, m, app); err != nil {
			return
		}
		k, err := dam.DecipherEncK(ctx, issuer, m.EncK, app.Type())
		if err != nil || !bytes.Equal(k.Export(), app.Export()) {
			t.Fatalf("the key does not come back: %v", err)
		}
		if coded, err := dam.Encode(m); err == nil {
			back, err := dam.Decode(coded)
			if err != nil || back.AID != m.AID || back.Slot != m.Slot || back.Quota != m.Quota || !bytes.Equal(back.DFName, m.DFName) || back.DAMMAC != m.DAMMAC || !back.EncK.Equal(m.EncK) {
				t.Fatalf("%+v reads as %+v, %v", m, back, err)
			}
		}
		forged := *m
		switch spoil % 4 {
		case 0:
			forged.AID ^= 1
		case 1:
			forged.Quota ^= 2
		case 2:
			forged.Slot ^= 1
		default:
			forged.KS1 ^= 1
		}
		if mac, err := dam.CreateMAC(ctx, issuer, &forged); err == nil && mac == m.DAMMAC {
			t.Fatalf("%+v has the MAC of %+v", forged, m)
		}
		d1, e1 := dam.DeleteMAC(ctx, aes, m.AID)
		d2, e2 := dam.DeleteMAC(ctx, aes, m.AID^1)
		if e1 != nil || e2 != nil || d1 == d2 {
			t.Fatal("two applications are deleted by one MAC", e1, e2)
		}
		if _, err := dam.NameMAC(ctx, aes, []byte("old"), name); (err == nil) != (len(name) <= 16) {
			t.Fatalf("a name of %d bytes: %v", len(name), err)
		}
		_, _ = dam.LicenseMAC(ctx, aes, text)
		if taken(t, image, &forged) {
			t.Fatalf("a card takes %+v, which has the MAC of %+v", forged, m)
		}
	})
}

// issuerKey is all delegation keys of the card.
func issuerKey(t testing.TB) *key.Secret {
	k, err := key.NewAES([]byte("issuer's own key"), 1)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issued is the image of a card whose issuer has set the delegation keys.
func issued(t testing.TB) []byte {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err == nil {
		err = card.Authenticate(ctx, 0, key.Zero(key.TypeDES))
	}
	for _, no := range []desfire.KeyNo{desfire.KeyDAMAuth, desfire.KeyDAMMAC, desfire.KeyDAMEnc} {
		if err == nil {
			err = card.ChangeKey(ctx, no, issuerKey(t), key.Zero(key.TypeAES))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return picc.Image().Encode()
}

// taken gives the command to such a card.
func taken(t testing.TB, image []byte, m *wire.CreateDelegatedApplication) bool {
	t.Helper()
	ctx := context.Background()
	store := sim.Memory()
	if err := store.Save(image); err != nil {
		t.Fatal(err)
	}
	picc, err := sim.New(&sim.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := len(picc.Image().Applications)
	err = card.CreateDelegatedApplication(ctx, issuerKey(t), m)
	if grown := len(picc.Image().Applications) > n; grown != (err == nil) {
		t.Fatalf("created %v, but %v", grown, err)
	}
	return err == nil
}
