// Package originality checks the signature that NXP puts on its chips: ECDSA
// over the UID, read with Read_Sig. It tells that NXP made a chip with this UID,
// not that the card at hand is this chip: a copy can answer the same.
package originality

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"
)

// SignatureSize is the length of a signature: r and s, 28 bytes each.
const SignatureSize = 56

// PublicKey is one of NXP's public keys, on the curve secp224r1.
type PublicKey struct {
	Products string
	Point    [57]byte // uncompressed
}

// Keys are the keys that NXP has published or that are known from its software.
func Keys() []PublicKey { return known() }

// ErrNotSigned says that no known key signed the UID.
var ErrNotSigned = errors.New("the signature is by none of NXP's known keys: not an NXP chip with this UID, or one of a later key")

// Check finds the key that signed a UID. uid is the real one of 7 bytes: a card
// with random identifiers tells it with GetCardUID.
func Check(uid, signature []byte) (PublicKey, error) {
	for _, k := range known() {
		switch ok, err := k.Verify(uid, signature); {
		case err != nil:
			return PublicKey{}, err
		case ok:
			return k, nil
		}
	}
	return PublicKey{}, ErrNotSigned
}

// Verify reports whether the key signed the UID. The UID itself, not a hash of
// it, is what is signed.
func (k PublicKey) Verify(uid, signature []byte) (bool, error) {
	if len(uid) != 7 {
		return false, fmt.Errorf("originality: UID of %d bytes, want 7", len(uid))
	}
	if len(signature) != SignatureSize {
		return false, fmt.Errorf("originality: signature of %d bytes, want %d", len(signature), SignatureSize)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P224(), k.Point[:])
	if err != nil {
		return false, fmt.Errorf("originality: %w", err)
	}
	r, t := new(big.Int).SetBytes(signature[:28]), new(big.Int).SetBytes(signature[28:])
	return ecdsa.Verify(pub, uid, r, t), nil
}
