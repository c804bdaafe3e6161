package securemsg

import (
	"context"
	"crypto/subtle"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
)

// Authenticate (0A). IV zero for each cryptogram; the reader only decrypts.
//
//	challenge  E(RndB)
//	token      t1 = D(RndA), t2 = D(RndB' ^ t1)        X' = X rotated left a byte
//	proof      E(RndA')
type d40Card struct{ *attempt }

func (h *d40Card) challenge(ctx context.Context) ([]byte, error) {
	c := make([]byte, 8)
	if err := h.Key.EncryptCBC(ctx, nil, c, h.rndB); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	return c, nil
}

func (h *d40Card) prove(ctx context.Context, token []byte) ([]byte, Session, error) {
	if len(token) != 16 {
		return nil, Session{}, h.fail("token", ErrLength, "%d bytes, want 16", len(token))
	}
	rndA, rotB, err := d40Randoms(ctx, h.Key, token)
	if err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	if !handshake.IsRotated(rotB, h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = rndA
	p := make([]byte, 8)
	rotA := handshake.Rotated(rndA)
	defer clear(rotA)
	if err := h.Key.EncryptCBC(ctx, nil, p, rotA); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: handshake.Classic(h.rndA, h.rndB, h.Key.Type().SessionSize())}, nil
}

// d40Randoms deciphers a token as the card does, by encrypting.
func d40Randoms(ctx context.Context, k key.Key, token []byte) (rndA, rotB []byte, err error) {
	rndA, rotB = make([]byte, 8), make([]byte, 8)
	if err := k.EncryptCBC(ctx, nil, rndA, token[:8]); err != nil {
		return nil, nil, err
	}
	if err := k.EncryptCBC(ctx, nil, rotB, token[8:]); err != nil {
		return nil, nil, err
	}
	subtle.XORBytes(rotB, rotB, token[:8])
	return rndA, rotB, nil
}
