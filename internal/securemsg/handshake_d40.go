package securemsg

import (
	"context"
	"crypto/subtle"

	"github.com/go-desfire/desfire/key"
)

// Authenticate (0A). IV zero for each cryptogram; the reader only decrypts.
//
//	challenge  E(RndB)
//	token      t1 = D(RndA), t2 = D(RndB' ^ t1)        X' = X rotated left a byte
//	proof      E(RndA')
type d40Reader struct{ *attempt }

func (h *d40Reader) token(ctx context.Context, challenge []byte) ([]byte, error) {
	if len(challenge) != 8 {
		return nil, h.fail("challenge", ErrLength, "%d bytes, want 8", len(challenge))
	}
	if t, ok, err := h.handshaker(ctx, challenge); ok {
		return t, err
	}
	var err error
	if h.rndA, err = h.random(8); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	h.rndB = make([]byte, 8)
	if err := h.Key.DecryptCBC(ctx, nil, h.rndB, challenge); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	t := make([]byte, 16)
	if err := h.Key.DecryptCBC(ctx, nil, t[:8], h.rndA); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	rotB := rotl(h.rndB)
	subtle.XORBytes(t[8:], rotB, t[:8])
	clear(rotB)
	if err := h.Key.DecryptCBC(ctx, nil, t[8:], t[8:]); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	return t, nil
}

func (h *d40Reader) check(ctx context.Context, proof []byte) (Session, error) {
	if len(proof) != 8 {
		return Session{}, h.fail("proof", ErrLength, "%d bytes, want 8", len(proof))
	}
	if h.made.Token != nil {
		return h.checkMade(proof)
	}
	p := make([]byte, 8)
	defer clear(p)
	if err := h.Key.DecryptCBC(ctx, nil, p, proof); err != nil {
		return Session{}, h.keyFailed("proof", err)
	}
	if !sameRotated(p, h.rndA) {
		return Session{}, h.fail("proof", ErrProof, "the card does not hold this key")
	}
	return Session{Key: classicKey(h.Key.Type(), h.rndA, h.rndB)}, nil
}

// checkMade checks the proof against the one that a Handshaker announced.
func (a *attempt) checkMade(proof []byte) (Session, error) {
	if len(a.made.Answer) != len(proof) || !same(a.made.Answer, proof) {
		return Session{}, a.fail("proof", ErrProof, "the card does not hold this key")
	}
	return Session{Key: a.made.Session, MAC: a.made.SessionMAC, TI: a.ti, Counter: a.counter}, nil
}

// classicKey is the session key of D40 and EV1.
func classicKey(t key.Type, a, b []byte) []byte {
	switch t {
	case key.TypeDES:
		return join(a[:4], b[:4])
	case key.Type2K3DES:
		return join(a[:4], b[:4], a[4:8], b[4:8])
	case key.Type3K3DES:
		return join(a[:4], b[:4], a[6:10], b[6:10], a[12:16], b[12:16])
	}
	return join(a[:4], b[:4], a[12:16], b[12:16])
}

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
	if !sameRotated(rotB, h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = rndA
	p := make([]byte, 8)
	rotA := rotl(rndA)
	defer clear(rotA)
	if err := h.Key.EncryptCBC(ctx, nil, p, rotA); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: classicKey(h.Key.Type(), h.rndA, h.rndB)}, nil
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
