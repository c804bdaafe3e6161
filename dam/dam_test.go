package dam_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func aesKey(t *testing.T, b []byte) *key.Secret {
	t.Helper()
	k, err := key.NewAES(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVectors(t *testing.T) {
	ctx := context.Background()
	vector.Each(t, "dam", func(t *testing.T, v *vector.Vector) {
		v.Ignore("fields", "note_fields")
		if v.Has("enc_k") {
			app, err := key.NewAES(v.Hex("app_key"), v.Hex("key_version")[0])
			if err != nil {
				t.Fatal(err)
			}
			k := aesKey(t, v.Hex("dam_enc_key"))
			got, err := dam.EncK(ctx, k, [7]byte(v.Hex("rnd7")), app)
			if err != nil || !bytes.Equal(got.Bytes(), v.Hex("enc_k")) {
				t.Errorf("%X, %v", got.Bytes(), err)
			}
			back, err := dam.DecipherEncK(ctx, k, got, key.TypeAES)
			if err != nil || !bytes.Equal(back.Export(), app.Export()) {
				t.Errorf("%v, %v", back, err)
			}
			if !bytes.HasPrefix(v.Hex("plain"), v.Hex("rnd7")) {
				t.Error("the plain text does not begin with the random")
			}
			return
		}
		name := "dam_mac_key"
		if v.Has("key") {
			name = "key"
		}
		k := aesKey(t, v.Hex(name))
		var in, want []byte
		if v.Has("mac_input") {
			in = v.Hex("mac_input")
		}
		var got [8]byte
		var err error
		switch {
		case v.ID == "mfc-license-mac-1":
			want = v.Hex("mac")
			got, err = dam.LicenseMAC(ctx, k, in)
		case v.Has("old_df_name"):
			want = v.Hex("mac")
			got, err = dam.NameMAC(ctx, k, v.Hex("old_df_name"), v.Hex("new_df_name"))
		case v.Has("mac"):
			want = v.Hex("mac")
			got, err = dam.NameMAC(ctx, k, in[1:1+in[0]], in[18:18+in[17]])
		case in[0] == 0xDA:
			want = v.Hex("dam_mac")
			got, err = dam.DeleteMAC(ctx, k, wire.AID(in[1])|wire.AID(in[2])<<8|wire.AID(in[3])<<16)
		default:
			want = v.Hex("dam_mac")
			var m wire.CreateDelegatedApplication
			var c wire.Coder
			if err := c.Decode(append(in[1:], make([]byte, 8)...), nil, &m); err != nil {
				t.Fatal(err)
			}
			m.DAMMAC = [8]byte{1, 2, 3} // not part of the input
			got, err = dam.CreateMAC(ctx, k, &m)
		}
		if err != nil || !bytes.Equal(got[:], want) {
			t.Errorf("%X, %v; want %X", got, err, want)
		}
	})
}

// Keys of every type come back out of EncK, with their version.
func TestEncK(t *testing.T) {
	ctx := context.Background()
	k := aesKey(t, bytes.Repeat([]byte{7}, 16))
	for _, kt := range []key.Type{key.Type2K3DES, key.Type3K3DES, key.TypeAES} {
		app, err := key.New(kt, bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2)[:kt.Size()], 0)
		if err != nil {
			t.Fatal(err)
		}
		app = app.WithVersion(0x5A)
		e, err := dam.EncK(ctx, k, [7]byte{9}, app)
		if err != nil {
			t.Fatal(err)
		}
		back, err := dam.DecipherEncK(ctx, k, e, kt)
		if err != nil || !bytes.Equal(back.Export(), app.Export()) || back.Version() != 0x5A || back.Type() != kt {
			t.Errorf("%v comes back as %v, %v", app, back, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	ctx := context.Background()
	des := key.Zero(key.TypeDES)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := dam.EncK(ctx, des, [7]byte{}, des); err == nil {
		t.Error("a DES encryption key was taken")
	}
	if _, err := dam.DeleteMAC(ctx, nil, 1); err == nil {
		t.Error("no key was taken")
	}
	if _, err := dam.DeleteMAC(ended, key.Zero(key.TypeAES), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if _, err := dam.NameMAC(ctx, key.Zero(key.TypeAES), make([]byte, 17), nil); err == nil {
		t.Error("a name of 17 bytes was taken")
	}
}

// The issuer of a card allows somebody an application of 2 KB on it.
func Example() {
	ctx := context.Background()
	damEnc, damMAC := key.Zero(key.TypeAES), key.Zero(key.TypeAES) // the card's DAM keys
	create := &wire.CreateDelegatedApplication{AID: 0xF51234, Slot: 1, Quota: 64, KS1: 0x0F, KS2: 0x82}
	var err error
	if create.EncK, err = dam.EncK(ctx, damEnc, [7]byte{1, 2, 3, 4, 5, 6, 7}, key.Zero(key.TypeAES)); err != nil {
		fmt.Println(err)
		return
	}
	create.DAMMAC, err = dam.CreateMAC(ctx, damMAC, create)
	fmt.Println(create.AID, err) // to be sent by whoever was allowed it
	// Output: F51234 <nil>
}
