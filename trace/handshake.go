package trace

import (
	"bytes"
	"context"

	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
)

// INS of the authenticate commands.
const (
	insD40      = 0x0A
	insISO      = 0x1A
	insAES      = 0xAA
	insFirst    = 0x71
	insNonFirst = 0x77
)

// handshake is one recorded authentication.
//
//	reader            card
//	command, key no ->
//	                <- challenge: RndB, enciphered (LRP: 01, RndB in clear)
//	token           ->            RndA and RndB rotated, enciphered (LRP: RndA and a MAC)
//	                <- answer:    RndA rotated, enciphered (First: more; LRP: a MAC)
//
// ISO 7816-4 authentication has the same three parts in other clothes.
type handshake struct {
	method    key.Method
	keyNo     int
	caps      []byte // PCDcap2 as sent
	challenge []byte // the random or its cryptogram; ISO 7816-4: RPICC1
	token     []byte
	answer    []byte
	rndA2     []byte // ISO 7816-4: RPCD2
}

// fit is what one key makes of a handshake.
type fit struct {
	key        *key.Secret
	rndA, rndB []byte
	moreB      [][]byte // ISO 7816-4: what else RndB may be
	ti         [4]byte
	altered    string // not empty: the key fits two of the three parts, not this one
	lrp        *lrpKeys
	shown      []byte // EV2 and LRP: the answer deciphered, without the reader's random
}

// try reports whether k fits the handshake: whether at least two of its parts
// belong together under k. A part that stands alone has been altered.
func (h *handshake) try(k *key.Secret) (*fit, bool) {
	t := k.Type()
	switch h.method {
	case key.MethodD40:
		if t == key.TypeDES || t == key.Type2K3DES {
			return h.tryD40(k)
		}
	case key.MethodISO:
		if t != key.TypeAES {
			return h.tryEV1(k)
		}
	case key.MethodAES:
		if t == key.TypeAES {
			return h.tryEV1(k)
		}
	case key.MethodEV2First, key.MethodEV2NonFirst:
		if t == key.TypeAES {
			return h.tryEV2(k)
		}
	case key.MethodLRPFirst, key.MethodLRPNonFirst:
		if t == key.TypeAES {
			return h.tryLRP(k)
		}
	case key.MethodISO7816:
		return h.tryISO7816(k)
	}
	return nil, false
}

// Texts for a part that was altered.
const (
	alteredChallenge = "the card's challenge is not the one that the reader's token answers"
	alteredAnswer    = "the card's answer is not to the reader's random"
	alteredToken     = "the reader's token does not fit the card's challenge and answer"
	alteredCaps      = "the card's answer does not repeat the capabilities that the reader sent"
)

func (h *handshake) tryD40(k *key.Secret) (*fit, bool) {
	if len(h.challenge) != 8 || len(h.token) != 16 {
		return nil, false
	}
	rndB := decrypt(k, nil, h.challenge)
	rndA := encrypt(k, nil, h.token[:8])
	rotB := xor(encrypt(k, nil, h.token[8:]), h.token[:8])
	f := &fit{key: k, rndA: rndA, rndB: rndB}
	return f.judge(bytes.Equal(rotl(rndB), rotB), len(h.answer) == 8 && bytes.Equal(decrypt(k, nil, h.answer), rotl(rndA)), rotr(rotB))
}

func (h *handshake) tryEV1(k *key.Secret) (*fit, bool) {
	n, b := k.Type().NonceSize(), k.Type().BlockSize()
	if len(h.challenge) != n || len(h.token) != 2*n {
		return nil, false
	}
	iv := h.challenge[n-b:]
	rndB := decrypt(k, nil, h.challenge)
	plain := decrypt(k, iv, h.token)
	rotB := plain[n:]
	right := bytes.Equal(rotl(rndB), rotB)
	if !right { // what the challenge should have been
		iv = encrypt(k, nil, rotr(rotB))[n-b:]
		plain = decrypt(k, iv, h.token)
	}
	f := &fit{key: k, rndA: plain[:n], rndB: rndB}
	answered := len(h.answer) == n && bytes.Equal(decrypt(k, h.token[2*n-b:], h.answer), rotl(f.rndA))
	return f.judge(right, answered, rotr(rotB))
}

func (h *handshake) tryEV2(k *key.Secret) (*fit, bool) {
	if len(h.challenge) != 16 || len(h.token) != 32 {
		return nil, false
	}
	rndB := decrypt(k, nil, h.challenge)
	plain := decrypt(k, nil, h.token)
	f := &fit{key: k, rndA: plain[:16], rndB: rndB}
	right := bytes.Equal(rotl(rndB), plain[16:])
	if h.method == key.MethodEV2NonFirst {
		answered := len(h.answer) == 16 && bytes.Equal(decrypt(k, nil, h.answer), rotl(f.rndA))
		return f.judge(right, answered, rotr(plain[16:]))
	}
	if len(h.answer) != 32 {
		return f.judge(right, false, rotr(plain[16:]))
	}
	a := decrypt(k, nil, h.answer)
	copy(f.ti[:], a)
	f.shown = append(append(append([]byte(nil), a[:4]...), make([]byte, 16)...), a[20:]...)
	f, ok := f.judge(right, bytes.Equal(a[4:20], rotl(f.rndA)), rotr(plain[16:]))
	if ok && f.altered == "" && !h.echoed(a[26:32]) {
		f.altered = alteredCaps
	}
	return f, ok
}

// echoed compares PCDcap2 with what was sent, filled with zeros.
func (h *handshake) echoed(caps []byte) bool {
	sent := make([]byte, 6)
	copy(sent, h.caps)
	return bytes.Equal(sent, caps)
}

func (h *handshake) tryLRP(k *key.Secret) (*fit, bool) {
	if len(h.challenge) != 17 || len(h.token) != 32 {
		return nil, false
	}
	f, ok := h.tryLRPWith(k, h.challenge[1:])
	if ok && f.altered == "" && h.challenge[0] != 1 {
		f.altered = alteredChallenge
	}
	return f, ok
}

// search tries k where no key fits: both MACs of LRP depend on RndB, which is
// in clear, so that one wrong bit of it leaves nothing that fits.
func (h *handshake) search(k *key.Secret) (*fit, bool) {
	lrp := h.method == key.MethodLRPFirst || h.method == key.MethodLRPNonFirst
	if !lrp || k.Type() != key.TypeAES || len(h.challenge) != 17 || len(h.token) != 32 || len(h.answer) == 0 {
		return nil, false
	}
	rndB := append([]byte(nil), h.challenge[1:]...)
	for bit := range 8 * len(rndB) {
		rndB[bit/8] ^= 1 << (bit % 8)
		if f, ok := h.tryLRPWith(k, rndB); ok && f.altered == "" {
			f.altered = alteredChallenge
			return f, true
		}
		rndB[bit/8] ^= 1 << (bit % 8)
	}
	return nil, false
}

func (h *handshake) tryLRPWith(k *key.Secret, rndB []byte) (*fit, bool) {
	rndA := h.token[:16]
	s := newLRPKeys(k, rndA, rndB)
	f := &fit{key: k, rndA: rndA, rndB: append([]byte(nil), rndB...), lrp: s}
	sent := s.mac.Sum(rndA, rndB)
	token := bytes.Equal(sent[:], h.token[16:])
	first := h.method == key.MethodLRPFirst
	answered := false
	if n := len(h.answer); first && n == 32 || !first && n == 16 {
		sum := s.mac.Sum(rndB, rndA, h.answer[:n-16])
		answered = bytes.Equal(sum[:], h.answer[n-16:])
	}
	if first && len(h.answer) == 32 {
		p := append([]byte(nil), h.answer[:16]...)
		lrp.NewCBC(s.enc, 1, make([]byte, 4)).Decrypt(p)
		copy(f.ti[:], p)
		f.shown = p
		if token && answered && !h.echoed(p[10:16]) {
			f.altered = alteredCaps
		}
	}
	switch {
	case token && answered:
	case token:
		f.altered = alteredAnswer
	case answered:
		f.altered = alteredToken
	}
	return f, token || answered
}

func (h *handshake) tryISO7816(k *key.Secret) (*fit, bool) {
	n, b := k.Type().NonceSize(), k.Type().BlockSize()
	if len(h.challenge) != n || len(h.token) != 2*n {
		return nil, false
	}
	plain := decrypt(k, nil, h.token)
	f := &fit{key: k, rndA: plain[:n]}
	right := bytes.Equal(plain[n:], h.challenge)
	answered := false
	if len(h.answer) == 2*n {
		carried := decrypt(k, h.token[2*n-b:], h.answer)
		zero := decrypt(k, nil, h.answer)
		answered = len(h.rndA2) == n && bytes.Equal(zero[n:], h.rndA2)
		f.rndB = carried[:n]
		f.moreB = [][]byte{zero[:n], h.challenge}
	}
	return f.judge(right, answered, nil)
}

// judge combines whether the challenge and the answer belong to the token.
// rndB is the random that the token says.
func (f *fit) judge(challenge, answer bool, rndB []byte) (*fit, bool) {
	switch {
	case challenge && answer:
	case challenge:
		f.altered = alteredAnswer
	case answer:
		f.altered = alteredChallenge
		if rndB != nil {
			f.rndB = rndB
		}
	default:
		return nil, false
	}
	return f, true
}

// encrypt and decrypt are CBC under a key in memory, which never fails on
// whole blocks.

func encrypt(k *key.Secret, iv, src []byte) []byte {
	dst := make([]byte, len(src))
	if k.EncryptCBC(context.Background(), iv, dst, src) != nil {
		return nil
	}
	return dst
}

func decrypt(k *key.Secret, iv, src []byte) []byte {
	dst := make([]byte, len(src))
	if k.DecryptCBC(context.Background(), iv, dst, src) != nil {
		return nil
	}
	return dst
}

func rotl(b []byte) []byte { return append(append(make([]byte, 0, len(b)), b[1:]...), b[0]) }

func rotr(b []byte) []byte {
	n := len(b) - 1
	return append(append(make([]byte, 0, len(b)), b[n]), b[:n]...)
}

func xor(a, b []byte) []byte {
	c := make([]byte, len(a))
	for i := range c {
		c[i] = a[i] ^ b[i]
	}
	return c
}
