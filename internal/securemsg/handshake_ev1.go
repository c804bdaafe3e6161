package securemsg

import (
	"context"

	"github.com/go-desfire/desfire/internal/handshake"
)

// AuthenticateISO (1A) and AuthenticateAES (AA): one CBC stream with its own
// IV, from zero, through all three cryptograms. Randoms have 8 bytes for DES
// and 2K3DES, 16 for 3K3DES and AES.
//
//	challenge  E(RndB)                  IV zero
//	token      E(RndA RndB')            IV last block of the challenge
//	proof      E(RndA')                 IV last block of the token
//
// tail is the last block of a cryptogram.
func (a *attempt) tail(c []byte) []byte { return c[len(c)-a.Key.Type().BlockSize():] }

type ev1Card struct {
	*attempt
	iv []byte
}

func (h *ev1Card) challenge(ctx context.Context) ([]byte, error) {
	c := make([]byte, len(h.rndB))
	if err := h.Key.EncryptCBC(ctx, nil, c, h.rndB); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	h.iv = append([]byte(nil), h.tail(c)...)
	return c, nil
}

func (h *ev1Card) prove(ctx context.Context, token []byte) ([]byte, Session, error) {
	n := len(h.rndB)
	if len(token) != 2*n {
		return nil, Session{}, h.fail("token", ErrLength, "%d bytes, want %d", len(token), 2*n)
	}
	t := make([]byte, 2*n)
	defer clear(t[n:])
	if err := h.Key.DecryptCBC(ctx, h.iv, t, token); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	if !handshake.IsRotated(t[n:], h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = t[:n]
	p := handshake.Rotated(h.rndA)
	if err := h.Key.EncryptCBC(ctx, h.tail(token), p, p); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: handshake.Classic(h.rndA, h.rndB, h.Key.Type().SessionSize())}, nil
}
