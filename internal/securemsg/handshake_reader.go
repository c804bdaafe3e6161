package securemsg

import (
	"bytes"
	"context"
	"errors"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Handshake is the reader's side of an authentication.
type Handshake struct{ *attempt }

// NewHandshake starts an authentication. It fails where method, key and session
// do not fit, before anything is sent.
func NewHandshake(c Config) (*Handshake, error) {
	old, err := c.prepare(PCD)
	if err != nil {
		return nil, err
	}
	if c.Method == key.MethodISO7816 {
		return nil, errors.New("authenticate ISO7816: it has three exchanges, see NewISOHandshake")
	}
	a := &attempt{Config: c, end: PCD, typ: c.Key.Type()}
	if old != nil {
		a.ti, a.counter = old.info.TI, old.info.Counter
	}
	if c.Method == key.MethodLRPFirst {
		if len(a.Caps) == 0 {
			a.Caps = make([]byte, 6)
		}
		a.Caps = append([]byte(nil), a.Caps...)
		a.Caps[0] |= wire.CapLRP
	}
	return &Handshake{a}, nil
}

// First is the first command: INS and the data after it.
func (h *Handshake) First() (ins byte, data []byte) {
	data = []byte{byte(h.KeyNo)}
	switch h.Method {
	case key.MethodD40:
		return 0x0A, data
	case key.MethodISO:
		return 0x1A, data
	case key.MethodAES:
		return 0xAA, data
	case key.MethodEV2First, key.MethodLRPFirst:
		caps := h.Caps[:min(len(h.Caps), 6)]
		return 0x71, append(append(data, byte(len(caps))), caps...)
	}
	return 0x77, data
}

// Second takes the data that came with status AF and returns the data of the
// second frame, whose INS is AF.
func (h *Handshake) Second(ctx context.Context, challenge []byte) ([]byte, error) {
	if err := h.at(0, "challenge"); err != nil {
		return nil, err
	}
	lrp := len(challenge) == 17 && challenge[0] == authModeLRP
	switch h.Method.Scheme() {
	case wire.SchemeEV2:
		if lrp {
			return nil, h.fail("challenge", ErrLength, "the card answers with LRP, which was not asked for")
		}
	case wire.SchemeLRP:
		if len(challenge) == 16 {
			return nil, h.fail("challenge", ErrLength, "the card has no LRP switched on: it answers with AES")
		}
		if !lrp {
			return nil, h.fail("challenge", ErrLength, "%d bytes, want 01 and 16 more", len(challenge))
		}
		h.rndB = bytes.Clone(challenge[1:])
	}
	return h.answer(ctx, challenge)
}

// Finish takes the data that came with status 00 and returns the session's
// channel. errors.Is(err, ErrProof) tells that the card does not have the key.
func (h *Handshake) Finish(ctx context.Context, proof []byte) (Channel, error) {
	if err := h.at(1, "proof"); err != nil {
		return nil, err
	}
	return h.finish(ctx, proof)
}

// Capabilities are what EV2First and LRPFirst exchanged: the card's and, as the
// card echoed them, the reader's.
func (h *Handshake) Capabilities() (card, reader [6]byte) { return h.cardCaps, h.pcdCaps }

// answer lets the key answer the challenge, and looks at what it says: it may be
// far away.
func (a *attempt) answer(ctx context.Context, challenge []byte) ([]byte, error) {
	t := a.typ
	n, token, _ := a.Method.Frames(t)
	if len(challenge) != n {
		return nil, a.fail("challenge", ErrLength, "%d bytes, want %d", len(challenge), n)
	}
	r := key.HandshakeRequest{Method: a.Method, Challenge: bytes.Clone(challenge)}
	var err error
	if h, ok := a.Key.(key.Handshaker); ok {
		a.made, err = h.Handshake(ctx, r)
	} else {
		a.made, err = key.Answer(ctx, a.Key, a.Rand, r)
	}
	internal := 0
	if a.Method == key.MethodISO7816 {
		internal = n
	}
	switch {
	case err != nil:
		a.made = key.Handshake{}
		return nil, a.keyFailed("challenge", err)
	case a.made.Finisher == nil:
		return nil, a.fail("challenge", nil, "the key answered and cannot finish")
	case len(a.made.Token) != token || len(a.made.Internal) != internal:
		return nil, a.fail("challenge", nil, "the key answered with %d and %d bytes, want %d and %d", len(a.made.Token), len(a.made.Internal), token, internal)
	}
	out := bytes.Clone(a.made.Token)
	a.made.Token = nil
	if a.Method.Scheme() == wire.SchemeLRP {
		a.rndA = bytes.Clone(out[:16])
	}
	return out, nil
}

// finish lets the key check the proof, looks at what it says, and makes the
// session's channel.
func (a *attempt) finish(ctx context.Context, proof []byte) (Channel, error) {
	t := a.typ
	if _, _, n := a.Method.Frames(t); len(proof) != n {
		return nil, a.fail("proof", ErrLength, "%d bytes, want %d", len(proof), n)
	}
	k, err := a.made.Finish(ctx, bytes.Clone(proof))
	defer k.Wipe()
	if errors.Is(err, ErrProof) {
		return nil, a.fail("proof", ErrProof, "the card does not hold this key")
	}
	if err != nil {
		return nil, a.keyFailed("proof", err)
	}
	mac := 0
	if a.Method.Scheme() == wire.SchemeEV2 {
		mac = 16
	}
	if len(k.Key) != t.SessionSize() || len(k.MAC) != mac {
		return nil, a.fail("proof", nil, "the key answered session keys of %d and %d bytes, want %d and %d", len(k.Key), len(k.MAC), t.SessionSize(), mac)
	}
	s := Session{Key: k.Key, MAC: k.MAC, AES: t == key.TypeAES, TI: a.ti, Counter: a.counter}
	if a.Method.Scheme() == wire.SchemeLRP && !a.lrpProved([16]byte(k.Key), proof, &k) {
		return nil, a.fail("proof", nil, "the key answered a session key that the card's proof does not fit")
	}
	switch a.Method {
	case key.MethodLRPFirst:
		s.Blocks = 1
		fallthrough
	case key.MethodEV2First:
		s.TI, a.cardCaps, a.pcdCaps = k.TI, k.CardCaps, k.ReaderCaps
	}
	return a.channel(s)
}

// lrpProved checks a proof under the session key that it proves, which LRP lets
// the reader do, and reads TI and capabilities from it.
func (a *attempt) lrpProved(master [16]byte, proof []byte, k *key.SessionKeys) bool {
	suite := newLRPSuite(master, 0)
	defer suite.wipe()
	defer clear(master[:])
	data := bytes.Clone(proof[:len(proof)-16])
	want := suite.sum.Sum(a.rndB, a.rndA, data)
	if !handshake.Same(want[:], proof[len(data):]) {
		return false
	}
	if len(data) == 16 {
		suite.cbc.Decrypt(data)
		k.TI, k.CardCaps, k.ReaderCaps = [4]byte(data), [6]byte(data[4:]), [6]byte(data[10:])
	}
	return true
}
