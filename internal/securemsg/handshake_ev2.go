package securemsg

import (
	"context"
	"crypto/subtle"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
)

// AuthenticateEV2First (71) and NonFirst (77). IV zero for each cryptogram.
//
//	challenge  E(RndB)
//	token      E(RndA RndB')
//	proof      First     E(TI RndA' PDcap2 PCDcap2)
//	           NonFirst  E(RndA')           TI and counter go on
//
// First starts the counter at 0. Session keys are CMACs under the card's key:
//
//	context  A[0:2] (A[2:8] ^ B[0:6]) B[6:16] A[8:16]
//	enc      CMAC(A5 5A 00 01 00 80 context)
//	MAC      CMAC(5A A5 00 01 00 80 context)
type ev2Reader struct{ *attempt }

func (h *ev2Reader) token(ctx context.Context, challenge []byte) ([]byte, error) {
	if len(challenge) == 17 && challenge[0] == authModeLRP {
		return nil, h.fail("challenge", ErrLength, "the card answers with LRP, which was not asked for")
	}
	if len(challenge) != 16 {
		return nil, h.fail("challenge", ErrLength, "%d bytes, want 16", len(challenge))
	}
	if t, ok, err := h.handshaker(ctx, challenge); ok {
		h.rndA = h.made.RndA
		return t, err
	}
	var err error
	if h.rndA, err = h.random(16); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	h.rndB = make([]byte, 16)
	if err := h.Key.DecryptCBC(ctx, nil, h.rndB, challenge); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	t := join(h.rndA, rotl(h.rndB))
	if err := h.Key.EncryptCBC(ctx, nil, t, t); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	return t, nil
}

func (h *ev2Reader) check(ctx context.Context, proof []byte) (Session, error) {
	n := 32
	if h.Method == key.MethodEV2NonFirst {
		n = 16
	}
	if len(proof) != n {
		return Session{}, h.fail("proof", ErrLength, "%d bytes, want %d", len(proof), n)
	}
	if h.made.Answer != nil {
		return h.checkMade(proof)
	}
	p := make([]byte, n)
	defer clear(p)
	if err := h.Key.DecryptCBC(ctx, nil, p, proof); err != nil {
		return Session{}, h.keyFailed("proof", err)
	}
	rotA := p
	if n == 32 {
		rotA = p[4:20]
	}
	if !sameRotated(rotA, h.rndA) {
		return Session{}, h.fail("proof", ErrProof, "the card does not hold this key")
	}
	if n == 32 {
		h.ti = [4]byte(p)
		h.cardCaps, h.pcdCaps = [6]byte(p[20:]), [6]byte(p[26:])
	}
	enc, mac := h.made.Session, h.made.SessionMAC
	if h.made.Token == nil {
		var err error
		if enc, mac, err = ev2Keys(ctx, h.Key, h.rndA, h.rndB); err != nil {
			return Session{}, h.keyFailed("proof", err)
		}
	}
	return Session{Key: enc, MAC: mac, TI: h.ti, Counter: h.counter}, nil
}

// sessionContext is what the session keys of EV2 and LRP depend on.
func sessionContext(a, b []byte) []byte {
	c := join(a[:2], a[2:8], b[6:16], a[8:16])
	subtle.XORBytes(c[2:8], c[2:8], b[:6])
	return c
}

// ev2Keys derives the session keys with nothing but the key's CBC.
func ev2Keys(ctx context.Context, k key.Key, a, b []byte) (enc, mac []byte, err error) {
	h, err := cmac.NewHandle(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	defer h.Wipe()
	const parameters = "\x00\x01\x00\x80"
	c := sessionContext(a, b)
	defer clear(c)
	if enc, err = h.Sum(ctx, []byte("\xA5\x5A"+parameters), c); err != nil {
		return nil, nil, err
	}
	mac, err = h.Sum(ctx, []byte("\x5A\xA5"+parameters), c)
	return enc, mac, err
}

type ev2Card struct{ *attempt }

func (h *ev2Card) challenge(ctx context.Context) ([]byte, error) {
	c := make([]byte, 16)
	if err := h.Key.EncryptCBC(ctx, nil, c, h.rndB); err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	return c, nil
}

func (h *ev2Card) prove(ctx context.Context, token []byte) ([]byte, Session, error) {
	if len(token) != 32 {
		return nil, Session{}, h.fail("token", ErrLength, "%d bytes, want 32", len(token))
	}
	t := make([]byte, 32)
	defer clear(t[16:])
	if err := h.Key.DecryptCBC(ctx, nil, t, token); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	if !sameRotated(t[16:], h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = t[:16]
	p := rotl(h.rndA)
	if h.Method == key.MethodEV2First {
		p = join(h.ti[:], p, h.cardCaps[:], h.pcdCaps[:])
	}
	if err := h.Key.EncryptCBC(ctx, nil, p, p); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	enc, mac, err := ev2Keys(ctx, h.Key, h.rndA, h.rndB)
	if err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: enc, MAC: mac, TI: h.ti, Counter: h.counter}, nil
}
