package securemsg

import (
	"context"
)

// AuthenticateISO (1A) and AuthenticateAES (AA): one CBC stream with its own
// IV, from zero, through all three cryptograms. Randoms have 8 bytes for DES
// and 2K3DES, 16 for 3K3DES and AES.
//
//	challenge  E(RndB)                  IV zero
//	token      E(RndA RndB')            IV last block of the challenge
//	proof      E(RndA')                 IV last block of the token
type ev1Reader struct {
	*attempt
	iv []byte
}

// tail is the last block of a cryptogram.
func (a *attempt) tail(c []byte) []byte { return c[len(c)-a.Key.Type().BlockSize():] }

func (h *ev1Reader) token(ctx context.Context, challenge []byte) ([]byte, error) {
	n := h.Key.Type().NonceSize()
	if len(challenge) != n {
		return nil, h.fail("challenge", ErrLength, "%d bytes, want %d", len(challenge), n)
	}
	if t, ok, err := h.handshaker(ctx, challenge); ok {
		return t, err
	}
	var err error
	if h.rndA, err = h.random(n); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	h.rndB = make([]byte, n)
	if err := h.Key.DecryptCBC(ctx, nil, h.rndB, challenge); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	t := join(h.rndA, rotl(h.rndB))
	if err := h.Key.EncryptCBC(ctx, h.tail(challenge), t, t); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	h.iv = append([]byte(nil), h.tail(t)...)
	return t, nil
}

func (h *ev1Reader) check(ctx context.Context, proof []byte) (Session, error) {
	n := h.Key.Type().NonceSize()
	if len(proof) != n {
		return Session{}, h.fail("proof", ErrLength, "%d bytes, want %d", len(proof), n)
	}
	if h.made.Token != nil {
		return h.checkMade(proof)
	}
	p := make([]byte, n)
	defer clear(p)
	if err := h.Key.DecryptCBC(ctx, h.iv, p, proof); err != nil {
		return Session{}, h.keyFailed("proof", err)
	}
	if !sameRotated(p, h.rndA) {
		return Session{}, h.fail("proof", ErrProof, "the card does not hold this key")
	}
	return Session{Key: classicKey(h.Key.Type(), h.rndA, h.rndB)}, nil
}

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
	if !sameRotated(t[n:], h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = t[:n]
	p := rotl(h.rndA)
	if err := h.Key.EncryptCBC(ctx, h.tail(token), p, p); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: classicKey(h.Key.Type(), h.rndA, h.rndB)}, nil
}
