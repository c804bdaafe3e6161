package sdm

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
)

// Boltcard diversifies as the Bolt Card's deterministic keys do: AES-CMAC over
// constants, under the issuer's key or a key of the card, which follows from UID
// and version.
//
//	card key = CMAC(issuer key; 2D003F75 UID version)
//	key 1    = CMAC(issuer key; 2D003F77)   deciphers PICC data
//	key 2    = CMAC(card key; 2D003F78)     makes the MAC
type Boltcard struct {
	Issuer  key.Key
	Version uint32 // counts how often a card was set up; the first is 1 as a rule, 0 with some issuers
}

// Constants of the scheme; the last byte tells what is derived.
func boltLabel(what byte) []byte { return []byte{0x2D, 0x00, 0x3F, what} }

const (
	boltCard = 0x75
	boltMeta = 0x77
	boltFile = 0x78
)

// MetaRead implements Diversifier: key 1 of every card.
func (b *Boltcard) MetaRead(ctx context.Context) (key.Key, error) {
	if err := aesKey("issuer", b.Issuer); err != nil {
		return nil, err
	}
	return prf(ctx, b.Issuer, boltLabel(boltMeta))
}

// FileRead implements Diversifier: key 2 of the card.
func (b *Boltcard) FileRead(ctx context.Context, uid []byte) (key.Key, error) {
	if err := diversifies(uid, b.Issuer); err != nil {
		return nil, err
	}
	v := b.Version
	input := append(append(boltLabel(boltCard), uid...), byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	card, err := prf(ctx, b.Issuer, input)
	if err != nil {
		return nil, err
	}
	return prf(ctx, card, boltLabel(boltFile))
}

// prf is a key made by AES-CMAC.
func prf(ctx context.Context, k key.Key, input []byte) (key.Key, error) {
	h, err := cmac.NewHandle(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("diversify: %w", err)
	}
	b, err := h.Sum(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("diversify: %w", err)
	}
	s, err := key.NewAES(slices.Clone(b), 0)
	if err != nil {
		return nil, err
	}
	return s, nil
}
