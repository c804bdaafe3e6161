package securemsg

import (
	"context"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
)

// AuthenticateEV2First (71) and NonFirst (77). IV zero for each cryptogram.
//
//	challenge  E(RndB)
//	token      E(RndA RndB')
//	proof      First     E(TI RndA' PDcap2 PCDcap2)
//	           NonFirst  E(RndA')           TI and counter go on
//
// First starts the counter at 0.
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
	if !handshake.IsRotated(t[16:], h.rndB) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = t[:16]
	p := handshake.Rotated(h.rndA)
	if h.Method == key.MethodEV2First {
		p = join(h.ti[:], p, h.cardCaps[:], h.pcdCaps[:])
	}
	if err := h.Key.EncryptCBC(ctx, nil, p, p); err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	enc, mac, err := handshake.EV2(ctx, h.Key, h.rndA, h.rndB)
	if err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	return p, Session{Key: enc, MAC: mac, TI: h.ti, Counter: h.counter}, nil
}
