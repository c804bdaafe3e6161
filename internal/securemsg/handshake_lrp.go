package securemsg

import (
	"context"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
)

// AuthenticateLRPFirst (71 with the request for LRP) and NonFirst (77).
//
//	challenge  01 RndB                         in clear
//	token      RndA MAC(RndA RndB)
//	proof      First     C MAC(RndB RndA C)    C = LRICB(TI PDcap2 PCDcap2), counter 0
//	           NonFirst  MAC(RndB RndA)        TI and counter go on
//
// MAC is the whole CMAC-LRP under the session master key.
const authModeLRP = 0x01

type lrpCard struct{ *attempt }

func (h *lrpCard) challenge(context.Context) ([]byte, error) {
	return join([]byte{authModeLRP}, h.rndB), nil
}

func (h *lrpCard) prove(ctx context.Context, token []byte) ([]byte, Session, error) {
	if len(token) != 32 {
		return nil, Session{}, h.fail("token", ErrLength, "%d bytes, want 32", len(token))
	}
	h.rndA = append([]byte(nil), token[:16]...)
	m, err := handshake.LRP(ctx, h.Key, h.rndA, h.rndB)
	if err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	k := newLRPSuite(m, 0)
	defer k.wipe()
	if want := k.sum.Sum(h.rndA, h.rndB); !handshake.Same(want[:], token[16:]) {
		return nil, Session{}, h.fail("token", ErrProof, "the reader does not hold this key")
	}
	s := Session{Key: m[:], TI: h.ti, Counter: h.counter}
	var data []byte
	if h.Method == key.MethodLRPFirst {
		data = join(h.ti[:], h.cardCaps[:], h.pcdCaps[:])
		k.cbc.Encrypt(data)
		s.Blocks = 1
	}
	mac := k.sum.Sum(h.rndB, h.rndA, data)
	return join(data, mac[:]), s, nil
}
