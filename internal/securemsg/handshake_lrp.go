package securemsg

import (
	"context"

	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
)

// AuthenticateLRPFirst (71 with the request for LRP) and NonFirst (77).
//
//	challenge  01 RndB                         in clear
//	token      RndA MAC(RndA RndB)
//	proof      First     C MAC(RndB RndA C)    C = LRICB(TI PDcap2 PCDcap2), counter 0
//	           NonFirst  MAC(RndB RndA)        TI and counter go on
//
// MAC is the whole CMAC-LRP under the session master key, which is
// CMAC-LRP(00 01 00 80 context 96 69) under the card's key; context as in EV2.
type lrpReader struct{ *attempt }

const authModeLRP = 0x01

// lrpSession derives the session of two randoms. The key's CBC is all it needs.
func lrpSession(ctx context.Context, k key.Key, a, b []byte) (master [16]byte, err error) {
	s55, sAA := lrp.Seeds()
	for _, s := range []*[16]byte{&s55, &sAA} {
		if err := k.EncryptCBC(ctx, nil, s[:], s[:]); err != nil {
			return master, err
		}
	}
	table := lrp.FromSeeds(s55, sAA)
	mac, c := lrp.NewMAC(table), sessionContext(a, b)
	master = mac.Sum([]byte{0x00, 0x01, 0x00, 0x80}, c, []byte{0x96, 0x69})
	clear(s55[:])
	clear(sAA[:])
	clear(c)
	table.Wipe()
	mac.Wipe()
	return master, nil
}

func (h *lrpReader) token(ctx context.Context, challenge []byte) ([]byte, error) {
	if len(challenge) == 16 {
		return nil, h.fail("challenge", ErrLength, "the card has no LRP switched on: it answers with AES")
	}
	if len(challenge) != 17 || challenge[0] != authModeLRP {
		return nil, h.fail("challenge", ErrLength, "%d bytes, want 01 and 16 more", len(challenge))
	}
	h.rndB = append([]byte(nil), challenge[1:]...)
	var err error
	if h.rndA, err = h.random(16); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	m, err := lrpSession(ctx, h.Key, h.rndA, h.rndB)
	if err != nil {
		return nil, h.keyFailed("challenge", err)
	}
	h.lrp = newLRPSuite(m, 0)
	mac := h.lrp.sum.Sum(h.rndA, h.rndB)
	return join(h.rndA, mac[:]), nil
}

func (h *lrpReader) check(_ context.Context, proof []byte) (Session, error) {
	n := 32
	if h.Method == key.MethodLRPNonFirst {
		n = 16
	}
	if len(proof) != n {
		return Session{}, h.fail("proof", ErrLength, "%d bytes, want %d", len(proof), n)
	}
	data := append([]byte(nil), proof[:n-16]...)
	want := h.lrp.sum.Sum(h.rndB, h.rndA, data)
	if !same(want[:], proof[n-16:]) {
		return Session{}, h.fail("proof", ErrProof, "the card does not hold this key")
	}
	s := Session{Key: append([]byte(nil), h.lrp.session()...), TI: h.ti, Counter: h.counter}
	if n == 32 {
		h.lrp.cbc.Decrypt(data)
		s.TI, s.Blocks = [4]byte(data), 1
		h.cardCaps, h.pcdCaps = [6]byte(data[4:]), [6]byte(data[10:])
	}
	return s, nil
}

type lrpCard struct{ *attempt }

func (h *lrpCard) challenge(context.Context) ([]byte, error) {
	return join([]byte{authModeLRP}, h.rndB), nil
}

func (h *lrpCard) prove(ctx context.Context, token []byte) ([]byte, Session, error) {
	if len(token) != 32 {
		return nil, Session{}, h.fail("token", ErrLength, "%d bytes, want 32", len(token))
	}
	h.rndA = append([]byte(nil), token[:16]...)
	m, err := lrpSession(ctx, h.Key, h.rndA, h.rndB)
	if err != nil {
		return nil, Session{}, h.keyFailed("token", err)
	}
	k := newLRPSuite(m, 0)
	defer k.wipe()
	if want := k.sum.Sum(h.rndA, h.rndB); !same(want[:], token[16:]) {
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
