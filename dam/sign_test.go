package dam_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The published numbers of AN12696, from the keys to the finished command.
func TestSign(t *testing.T) {
	ctx := context.Background()
	var enc, mac *vector.Vector
	for _, v := range vector.Load(t, "dam") {
		switch v.ID {
		case "dam-enck-1":
			enc = v
		case "dam-mac-create-1":
			mac = v
		}
	}
	if enc == nil || mac == nil {
		t.Fatal("the vectors are gone")
	}
	aes := func(b []byte) *key.Secret {
		k, err := key.NewAES(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	s := &dam.Signer{MAC: aes(mac.Hex("dam_mac_key")), Enc: aes(enc.Hex("dam_enc_key")), Rand: bytes.NewReader(enc.Hex("rnd7"))}
	m := &wire.CreateDelegatedApplication{AID: 0x563412, Quota: 64, KS1: 0xEF, KS2: 0x81}
	if err := s.Sign(ctx, m, aes(enc.Hex("app_key"))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.EncK.Bytes(), enc.Hex("enc_k")) || !bytes.Equal(m.DAMMAC[:], mac.Hex("dam_mac")) {
		t.Errorf("EncK %X, DAMMAC %X", m.EncK.Bytes(), m.DAMMAC)
	}

	before := *m
	for name, bad := range map[string]struct {
		s   dam.Signer
		app key.Exporter
	}{
		"no key":            {*s, nil},
		"another type":      {*s, key.Zero(key.TypeDES)},
		"no randomness":     {*s, key.Zero(key.TypeAES)}, // the reader is used up
		"no signer":         {dam.Signer{}, key.Zero(key.TypeAES)},
		"MAC key is DES":    {dam.Signer{MAC: key.Zero(key.TypeDES), Enc: s.Enc}, key.Zero(key.TypeAES)},
		"no MAC key":        {dam.Signer{Enc: s.Enc}, key.Zero(key.TypeAES)},
		"enc key is 3K3DES": {dam.Signer{MAC: s.MAC, Enc: key.Zero(key.Type3K3DES)}, key.Zero(key.TypeAES)},
	} {
		if err := bad.s.Sign(ctx, m, bad.app); err == nil || !m.EncK.Equal(before.EncK) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
