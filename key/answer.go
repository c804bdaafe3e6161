package key

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/internal/lrp"
)

// Answer does the reader's part of an authentication with nothing but the CBC of
// k. It is how a key in memory authenticates, and what the program that serves
// keys, or a token that ciphers, makes a Handshaker of. rnd is where the reader's
// randoms come from; nil is crypto/rand.
//
// A method that k does not fit and a challenge of a wrong length are errors. What
// it returns keeps the randoms until Finish or Wipe, and is not safe for
// concurrent use; k is asked again by Finish.
func Answer(ctx context.Context, k Key, rnd io.Reader, r HandshakeRequest) (Handshake, error) {
	if k == nil {
		return Handshake{}, errors.New("there is no key")
	}
	t := k.Type()
	if err := r.Method.Fits(t); err != nil {
		return Handshake{}, err
	}
	if n, _, _ := r.Method.Frames(t); len(r.Challenge) != n {
		return Handshake{}, fmt.Errorf("authenticate %v with a %v key: challenge of %d bytes, want %d", r.Method, t, len(r.Challenge), n)
	}
	if rnd == nil {
		rnd = rand.Reader
	}
	a := &answer{method: r.Method, key: k}
	h, err := a.begin(ctx, rnd, r.Challenge)
	if err != nil {
		a.Wipe()
		return Handshake{}, err
	}
	return h, nil
}

// answer is a handshake of a key that ciphers.
type answer struct {
	method     Method
	key        Key
	rndA, rndB []byte
	internal   []byte // ISO 7816: RPCD2
	iv         []byte // what the card's last cryptogram starts with; nil is zero
	lrp        *lrp.Key
	master     [16]byte // of LRP
	over       bool
}

// Format prints no randoms.
func (a *answer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%v handshake", a.method) }

func (a *answer) Wipe() {
	a.over = true
	clear(a.rndA)
	clear(a.rndB)
	clear(a.internal)
	clear(a.iv)
	clear(a.master[:])
	if a.lrp != nil {
		a.lrp.Wipe()
	}
}

// begin draws the reader's randoms and makes the token. challenge has the right
// length.
func (a *answer) begin(ctx context.Context, rnd io.Reader, challenge []byte) (Handshake, error) {
	n := a.key.Type().NonceSize()
	draw := n
	if a.method == MethodISO7816 {
		draw = 2 * n
	}
	r := make([]byte, draw)
	if _, err := io.ReadFull(rnd, r); err != nil {
		clear(r)
		return Handshake{}, fmt.Errorf("no randomness: %w", err)
	}
	a.rndA, a.internal = r[:n:n], r[n:]
	token, err := a.token(ctx, challenge)
	if err != nil {
		return Handshake{}, err
	}
	h := Handshake{Token: token, Finisher: a}
	if a.method == MethodISO7816 {
		h.Internal = append([]byte(nil), a.internal...)
	}
	return h, nil
}

// token is the answer to the challenge.
//
//	D40       challenge E(RndB)     token t1 = D(RndA), t2 = D(RndB' ^ t1)
//	ISO, AES            E(RndB)           E(RndA RndB'), IV last block of the challenge
//	EV2                 E(RndB)           E(RndA RndB')
//	LRP                 01 RndB           RndA MAC(RndA RndB)
//	ISO 7816            RPICC1            E(RPCD1 RPICC1)
//
// Other IVs are zero; X' is X rotated left a byte.
func (a *answer) token(ctx context.Context, challenge []byte) ([]byte, error) {
	switch a.method {
	case MethodLRPFirst, MethodLRPNonFirst:
		return a.lrpToken(ctx, challenge)
	case MethodISO7816:
		t := slices.Concat(a.rndA, challenge)
		if err := a.key.EncryptCBC(ctx, nil, t, t); err != nil {
			return nil, err
		}
		a.iv = a.tail(t)
		return t, nil
	}
	a.rndB = make([]byte, len(challenge))
	if err := a.key.DecryptCBC(ctx, nil, a.rndB, challenge); err != nil {
		return nil, err
	}
	rotB := handshake.Rotated(a.rndB)
	defer clear(rotB)
	if a.method == MethodD40 {
		t := make([]byte, 16)
		if err := a.key.DecryptCBC(ctx, nil, t[:8], a.rndA); err != nil {
			return nil, err
		}
		subtle.XORBytes(t[8:], rotB, t[:8])
		return t, a.key.DecryptCBC(ctx, nil, t[8:], t[8:])
	}
	var iv []byte
	stream := a.method == MethodISO || a.method == MethodAES
	if stream {
		iv = a.tail(challenge)
	}
	t := slices.Concat(a.rndA, rotB)
	if err := a.key.EncryptCBC(ctx, iv, t, t); err != nil {
		clear(t)
		return nil, err
	}
	if stream {
		a.iv = a.tail(t)
	}
	return t, nil
}

// tail is a copy of the last block of a cryptogram.
func (a *answer) tail(c []byte) []byte {
	return append([]byte(nil), c[len(c)-a.key.Type().BlockSize():]...)
}

func (a *answer) lrpToken(ctx context.Context, challenge []byte) ([]byte, error) {
	if challenge[0] != 0x01 {
		return nil, fmt.Errorf("authenticate %v: the challenge begins with %02X, want 01", a.method, challenge[0])
	}
	a.rndB = append([]byte(nil), challenge[1:]...)
	var err error
	if a.master, err = handshake.LRP(ctx, a.key, a.rndA, a.rndB); err != nil {
		return nil, err
	}
	a.lrp = lrp.New(a.master)
	mac := lrp.NewMAC(a.lrp)
	defer mac.Wipe()
	sum := mac.Sum(a.rndA, a.rndB)
	return slices.Concat(a.rndA, sum[:]), nil
}

// Finish implements Finisher.
//
//	D40, ISO, AES  E(RndA')
//	EV2            NonFirst E(RndA'), First E(TI RndA' PDcap2 PCDcap2)
//	LRP            NonFirst MAC(RndB RndA), First C MAC(RndB RndA C)
//	ISO 7816       E(RPICC2 RPCD2)
func (a *answer) Finish(ctx context.Context, proof []byte) (SessionKeys, error) {
	if a.over {
		return SessionKeys{}, fmt.Errorf("authenticate %v: the handshake is over", a.method)
	}
	defer a.Wipe()
	if _, _, n := a.method.Frames(a.key.Type()); len(proof) != n {
		return SessionKeys{}, fmt.Errorf("authenticate %v with a %v key: proof of %d bytes, want %d", a.method, a.key.Type(), len(proof), n)
	}
	if a.lrp != nil { // which asks the key nothing more
		return a.lrpFinish(proof)
	}
	p := make([]byte, len(proof))
	defer clear(p)
	if err := a.key.DecryptCBC(ctx, a.iv, p, proof); err != nil {
		return SessionKeys{}, err
	}
	n := len(a.rndA)
	var s SessionKeys
	var proved bool
	switch a.method {
	case MethodISO7816:
		a.rndB = append([]byte(nil), p[:n]...)
		proved = handshake.Same(p[n:], a.internal)
	case MethodEV2First:
		proved = handshake.IsRotated(p[4:20], a.rndA)
		s.TI, s.CardCaps, s.ReaderCaps = [4]byte(p), [6]byte(p[20:]), [6]byte(p[26:])
	default:
		proved = handshake.IsRotated(p, a.rndA)
	}
	if !proved {
		return SessionKeys{}, ErrProof
	}
	if a.method == MethodEV2First || a.method == MethodEV2NonFirst {
		var err error
		if s.Key, s.MAC, err = handshake.EV2(ctx, a.key, a.rndA, a.rndB); err != nil {
			return SessionKeys{}, err
		}
		return s, nil
	}
	s.Key = handshake.Classic(a.rndA, a.rndB, a.key.Type().SessionSize())
	return s, nil
}

func (a *answer) lrpFinish(proof []byte) (SessionKeys, error) {
	mac := lrp.NewMAC(a.lrp)
	defer mac.Wipe()
	data := append([]byte(nil), proof[:len(proof)-16]...)
	want := mac.Sum(a.rndB, a.rndA, data)
	if !handshake.Same(want[:], proof[len(data):]) {
		return SessionKeys{}, ErrProof
	}
	s := SessionKeys{Key: append([]byte(nil), a.master[:]...)}
	if a.method == MethodLRPFirst {
		c := lrp.NewCBC(a.lrp, 1, make([]byte, 4))
		defer c.Wipe()
		c.Decrypt(data)
		s.TI, s.CardCaps, s.ReaderCaps = [4]byte(data), [6]byte(data[4:]), [6]byte(data[10:])
	}
	return s, nil
}
