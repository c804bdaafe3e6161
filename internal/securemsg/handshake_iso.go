package securemsg

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// ISOHandshake is the reader's side of ISO 7816-4 authentication. It ends in an EV1 session from RPCD1 and RPICC2.
//
//	PCD  GET CHALLENGE, Le = n            -->
//	                                      <--  RPICC1                in clear
//	     EXTERNAL AUTHENTICATE            -->
//	       E(RPCD1 RPICC1), IV zero       <--  9000
//	     INTERNAL AUTHENTICATE, Le = 2n   -->
//	       RPCD2, in clear                <--  E(RPICC2 RPCD2), IV carried on
//
// Unverified: no recording of it is public.
type ISOHandshake struct{ *attempt }

// ISOAlgorithm is the P1 that names the algorithm of a key.
func ISOAlgorithm(t key.Type) byte {
	switch t {
	case key.TypeAES:
		return 0x09
	case key.Type3K3DES:
		return 0x04
	}
	return 0x02
}

// NewISOHandshake starts the reader's side.
func NewISOHandshake(c Config) (*ISOHandshake, error) {
	if c.Method != key.MethodISO7816 {
		return nil, errors.New("authenticate: an ISO handshake has the method ISO7816")
	}
	if _, err := c.prepare(PCD); err != nil {
		return nil, err
	}
	return &ISOHandshake{&attempt{Config: c, end: PCD, typ: c.Key.Type()}}, nil
}

// First is the Le of GET CHALLENGE.
func (h *ISOHandshake) First() (le int) { return h.typ.NonceSize() }

// Second takes the answer of GET CHALLENGE and returns the data of EXTERNAL
// AUTHENTICATE.
func (h *ISOHandshake) Second(ctx context.Context, challenge []byte) ([]byte, error) {
	if err := h.at(0, "challenge"); err != nil {
		return nil, err
	}
	return h.answer(ctx, challenge)
}

// Third is the data of INTERNAL AUTHENTICATE, after the card answered 9000 to
// EXTERNAL AUTHENTICATE. Its Le is twice First.
func (h *ISOHandshake) Third() ([]byte, error) {
	if err := h.at(1, "token"); err != nil {
		return nil, err
	}
	return append([]byte(nil), h.made.Internal...), nil
}

// Finish takes the answer of INTERNAL AUTHENTICATE and returns the channel.
func (h *ISOHandshake) Finish(ctx context.Context, proof []byte) (Channel, error) {
	if err := h.at(2, "proof"); err != nil {
		return nil, err
	}
	return h.finish(ctx, proof)
}

// ISOCardHandshake is the card's side. Which key it is about is known only with
// EXTERNAL AUTHENTICATE.
type ISOCardHandshake struct {
	*attempt
	zeroIV bool
	iv     []byte // rest holds RPICC1
}

// NewISOCardHandshake starts the card's side. rnd gives RPICC1, then RPICC2;
// nil is crypto/rand. zeroIV makes the last cryptogram start at zero and not at
// the one before it. What cards do is unverified; both sources carry on.
func NewISOCardHandshake(rnd io.Reader, zeroIV bool) *ISOCardHandshake {
	if rnd == nil {
		rnd = rand.Reader
	}
	return &ISOCardHandshake{attempt: &attempt{Config: Config{Method: key.MethodISO7816, Rand: rnd}, end: PICC}, zeroIV: zeroIV}
}

// Challenge is the answer to GET CHALLENGE with Le = n, 8 or 16.
func (h *ISOCardHandshake) Challenge(n int) ([]byte, error) {
	if err := h.at(0, "challenge"); err != nil {
		return nil, err
	}
	if n != 8 && n != 16 {
		return nil, h.fail("challenge", ErrLength, "%d bytes are no challenge: want 8 or 16", n)
	}
	var err error
	if h.rest, err = h.random(n); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	return append([]byte(nil), h.rest...), nil
}

// External takes the data of EXTERNAL AUTHENTICATE and the key that its P2
// names. ErrLength also means that the challenge does not fit the key.
func (h *ISOCardHandshake) External(ctx context.Context, no wire.KeyNo, k key.Key, token []byte) error {
	if err := h.at(1, "token"); err != nil {
		return err
	}
	h.KeyNo, h.Key = no, k
	n := k.Type().NonceSize()
	if len(h.rest) != n || len(token) != 2*n {
		return h.fail("token", ErrLength, "challenge of %d and token of %d bytes, want %d and %d", len(h.rest), len(token), n, 2*n)
	}
	t := make([]byte, 2*n)
	if err := h.Key.DecryptCBC(ctx, nil, t, token); err != nil {
		return h.keyFailed("token", err)
	}
	if !handshake.Same(t[n:], h.rest) {
		return h.fail("token", ErrProof, "the reader does not hold this key")
	}
	h.rndA = t[:n]
	if !h.zeroIV {
		h.iv = append([]byte(nil), h.tail(token)...)
	}
	return nil
}

// Internal takes the data of INTERNAL AUTHENTICATE and returns the answer and
// the channel.
func (h *ISOCardHandshake) Internal(ctx context.Context, rpcd2 []byte) ([]byte, Channel, error) {
	if err := h.at(2, "proof"); err != nil {
		return nil, nil, err
	}
	n := len(h.rest)
	if len(rpcd2) != n {
		return nil, nil, h.fail("proof", ErrLength, "%d bytes, want %d", len(rpcd2), n)
	}
	var err error
	if h.rndB, err = h.random(n); err != nil {
		return nil, nil, h.fail("proof", err, "%v", err)
	}
	p := join(h.rndB, rpcd2)
	if err := h.Key.EncryptCBC(ctx, h.iv, p, p); err != nil {
		return nil, nil, h.keyFailed("proof", err)
	}
	t := h.Key.Type()
	c, err := h.channel(Session{Key: handshake.Classic(h.rndA, h.rndB, t.SessionSize()), AES: t == key.TypeAES})
	if err != nil {
		return nil, nil, err
	}
	return p, c, nil
}
