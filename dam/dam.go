// Package dam is the offline side of delegated applications (EV2, EV3): what the
// holder of a card's delegation keys (DAM) computes for whoever is to create an
// application on it. No card is needed.
//
// The layout reproduces published numbers, which come from other software and
// not from a recorded card. For applications with key setting 3, ISO names or
// key sets no numbers are public.
package dam

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// EncK enciphers the default key of the new application under the DAM
// encryption key: seven random bytes, the key filled up to 24 bytes, its
// version.
func EncK(ctx context.Context, damEnc key.Key, random [7]byte, app key.Exporter) (wire.Secret, error) {
	if err := aesKey("encryption", damEnc); err != nil {
		return wire.Secret{}, err
	}
	var p [32]byte
	copy(p[:], random[:])
	copy(p[7:31], app.Export())
	p[31] = app.Version()
	if err := damEnc.EncryptCBC(ctx, nil, p[:], p[:]); err != nil {
		return wire.Secret{}, err
	}
	return wire.NewSecret(p[:]), nil
}

// DecipherEncK is the card's side of EncK. t is the type of the application's
// keys. The key is the caller's to wipe.
func DecipherEncK(ctx context.Context, damEnc key.Key, encK wire.Secret, t key.Type) (*key.Secret, error) {
	if err := aesKey("encryption", damEnc); err != nil {
		return nil, err
	}
	if encK.Len() != 32 {
		return nil, fmt.Errorf("DAM: EncK has %d bytes, want 32", encK.Len())
	}
	plain := make([]byte, encK.Len())
	if err := damEnc.DecryptCBC(ctx, nil, plain, encK.Bytes()); err != nil {
		return nil, err
	}
	if t == key.TypeDES {
		t = key.Type2K3DES
	}
	return key.New(t, plain[7:7+t.Size()], plain[31])
}

// CreateMAC is the DAMMAC of CreateDelegatedApplication, over all of it up to
// EncK.
func CreateMAC(ctx context.Context, damMAC key.Key, m *wire.CreateDelegatedApplication) ([8]byte, error) {
	var c wire.Coder
	e, err := c.Encode(nil, m)
	if err != nil {
		return [8]byte{}, err
	}
	return mac(ctx, damMAC, []byte{m.Spec().INS}, e.Bytes[:len(e.Bytes)-len(m.DAMMAC)])
}

// DeleteMAC is the DAMMAC with which a delegated application is deleted.
func DeleteMAC(ctx context.Context, damMAC key.Key, aid wire.AID) ([8]byte, error) {
	a := aid.Wire()
	return mac(ctx, damMAC, []byte{(&wire.DeleteApplication{}).Spec().INS}, a[:])
}

// NameMAC is the DAMMAC with which SetConfiguration gives a delegated
// application another DF name. Names have at most 16 bytes and may be empty.
func NameMAC(ctx context.Context, damMAC key.Key, old, name []byte) ([8]byte, error) {
	var b [34]byte
	for i, n := range [][]byte{old, name} {
		if len(n) > 16 {
			return [8]byte{}, fmt.Errorf("DAM: DF name of %d bytes, want at most 16", len(n))
		}
		b[17*i] = byte(len(n))
		copy(b[17*i+1:], n)
	}
	return mac(ctx, damMAC, b[:])
}

// LicenseMAC is the MAC under the MIFARE Classic license key of a license: 01,
// the list of blocks, and 32 bytes.
func LicenseMAC(ctx context.Context, licenseKey key.Key, license []byte) ([8]byte, error) {
	return mac(ctx, licenseKey, license)
}

func mac(ctx context.Context, k key.Key, parts ...[]byte) ([8]byte, error) {
	if err := aesKey("MAC", k); err != nil {
		return [8]byte{}, err
	}
	h, err := cmac.NewHandle(ctx, k)
	if err != nil {
		return [8]byte{}, err
	}
	full, err := h.Sum(ctx, parts...)
	if err != nil {
		return [8]byte{}, err
	}
	return cmac.Truncated(full), nil
}

func aesKey(role string, k key.Key) error {
	if k == nil {
		return errors.New("DAM: no " + role + " key")
	}
	if k.Type() != key.TypeAES {
		return fmt.Errorf("DAM: the %s key is a %v key: it must be AES", role, k.Type())
	}
	return nil
}
