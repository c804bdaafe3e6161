package securemsg

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Recorded is an authentication that was seen on the wire: the data of its
// frames, without INS and status.
type Recorded struct {
	Method key.Method
	KeyNo  wire.KeyNo
	Key    key.Key

	Challenge []byte // first answer
	Token     []byte // second command; ISO 7816: EXTERNAL AUTHENTICATE
	Proof     []byte // second answer; ISO 7816: to INTERNAL AUTHENTICATE. May be nil
	Internal  []byte // ISO 7816: the data of INTERNAL AUTHENTICATE
	ZeroIV    bool   // ISO 7816, see NewISOCardHandshake

	TI      [4]byte // NonFirst: of the session it goes on from
	Counter uint16
}

// Recovered is what the key brings to light.
type Recovered struct {
	ReaderProof bool // the token holds the card's random
	CardProof   bool // the proof holds the reader's random

	CardCaps, ReaderCaps [6]byte // EV2First, LRPFirst

	rndA, rndB []byte
	session    Session
}

// Format prints no randoms.
func (r Recovered) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%v, reader proof %v, card proof %v", r.session, r.ReaderProof, r.CardProof)
}

// Randoms are RndA and RndB. With EV1 and D40 they are the session key.
func (r Recovered) Randoms() (rndA, rndB []byte) { return r.rndA, r.rndB }

// Session is the session as side sees it, keys included.
func (r Recovered) Session(side Side) Session {
	s := r.session
	s.Side = side
	return s
}

// Recover opens a recorded authentication. That a proof is wrong is no error: it
// may be the wrong key.
func Recover(ctx context.Context, r Recorded) (*Recovered, error) {
	c := Config{Method: r.Method, KeyNo: r.KeyNo, Key: r.Key}
	if r.Key == nil {
		return nil, fmt.Errorf("authenticate %v: no key", r.Method)
	}
	if err := r.Method.Fits(r.Key.Type()); err != nil {
		return nil, err
	}
	if err := r.lengths(); err != nil {
		return nil, err
	}
	out := &Recovered{session: Session{Method: c.Method, KeyNo: c.KeyNo, TI: r.TI, Counter: r.Counter}}
	var err error
	switch r.Method.Scheme() {
	case wire.SchemeD40:
		err = r.d40(ctx, out)
	case wire.SchemeEV1:
		if r.Method == key.MethodISO7816 {
			err = r.iso(ctx, out)
		} else {
			err = r.ev1(ctx, out)
		}
	case wire.SchemeEV2:
		err = r.ev2(ctx, out)
	default:
		err = r.lrp(ctx, out)
	}
	if err != nil {
		return nil, fmt.Errorf("authenticate %v: %w", r.Method, err)
	}
	if out.session.Key == nil {
		out.session.Key = handshake.Classic(out.rndA, out.rndB, r.Key.Type().SessionSize())
		out.session.AES = r.Key.Type() == key.TypeAES
	}
	return out, nil
}

func (r Recorded) lengths() error {
	challenge, token, proof := r.Method.Frames(r.Key.Type())
	if r.Method == key.MethodISO7816 {
		if len(r.Internal) != challenge {
			return fmt.Errorf("authenticate ISO7816: INTERNAL AUTHENTICATE of %d bytes, want %d", len(r.Internal), challenge)
		}
		if len(r.Proof) == 0 {
			return fmt.Errorf("authenticate ISO7816: without the last answer there is no session")
		}
	}
	if len(r.Challenge) != challenge || len(r.Token) != token || r.Proof != nil && len(r.Proof) != proof {
		return fmt.Errorf("authenticate %v with a %v key: frames of %d, %d and %d bytes, want %d, %d and %d",
			r.Method, r.Key.Type(), len(r.Challenge), len(r.Token), len(r.Proof), challenge, token, proof)
	}
	return nil
}

// decrypt deciphers src into a new slice.
func (r Recorded) decrypt(ctx context.Context, iv, src []byte) ([]byte, error) {
	p := make([]byte, len(src))
	if len(src) == 0 {
		return p, nil
	}
	return p, r.Key.DecryptCBC(ctx, iv, p, src)
}

func (r Recorded) tail(c []byte) []byte { return c[len(c)-r.Key.Type().BlockSize():] }

func (r Recorded) d40(ctx context.Context, out *Recovered) (err error) {
	if out.rndB, err = r.decrypt(ctx, nil, r.Challenge); err != nil {
		return err
	}
	var rotB []byte
	if out.rndA, rotB, err = d40Randoms(ctx, r.Key, r.Token); err != nil {
		return err
	}
	p, err := r.decrypt(ctx, nil, r.Proof)
	out.ReaderProof, out.CardProof = handshake.IsRotated(rotB, out.rndB), handshake.IsRotated(p, out.rndA)
	return err
}

func (r Recorded) ev1(ctx context.Context, out *Recovered) (err error) {
	if out.rndB, err = r.decrypt(ctx, nil, r.Challenge); err != nil {
		return err
	}
	t, err := r.decrypt(ctx, r.tail(r.Challenge), r.Token)
	if err != nil {
		return err
	}
	p, err := r.decrypt(ctx, r.tail(r.Token), r.Proof)
	n := len(out.rndB)
	out.rndA = t[:n]
	out.ReaderProof, out.CardProof = handshake.IsRotated(t[n:], out.rndB), handshake.IsRotated(p, out.rndA)
	return err
}

func (r Recorded) iso(ctx context.Context, out *Recovered) error {
	t, err := r.decrypt(ctx, nil, r.Token)
	if err != nil {
		return err
	}
	iv := r.tail(r.Token)
	if r.ZeroIV {
		iv = nil
	}
	p, err := r.decrypt(ctx, iv, r.Proof)
	if err != nil {
		return err
	}
	n := len(r.Challenge)
	out.rndA, out.rndB = t[:n], p[:n]
	out.ReaderProof, out.CardProof = handshake.Same(t[n:], r.Challenge), handshake.Same(p[n:], r.Internal)
	return nil
}

func (r Recorded) ev2(ctx context.Context, out *Recovered) (err error) {
	if out.rndB, err = r.decrypt(ctx, nil, r.Challenge); err != nil {
		return err
	}
	t, err := r.decrypt(ctx, nil, r.Token)
	if err != nil {
		return err
	}
	p, err := r.decrypt(ctx, nil, r.Proof)
	if err != nil {
		return err
	}
	out.rndA = t[:16]
	out.ReaderProof = handshake.IsRotated(t[16:], out.rndB)
	rotA := p
	if len(p) == 32 {
		rotA = p[4:20]
		out.session.TI, out.session.Counter = [4]byte(p), 0
		out.CardCaps, out.ReaderCaps = [6]byte(p[20:]), [6]byte(p[26:])
	}
	out.CardProof = handshake.IsRotated(rotA, out.rndA)
	out.session.Key, out.session.MAC, err = handshake.EV2(ctx, r.Key, out.rndA, out.rndB)
	return err
}

func (r Recorded) lrp(ctx context.Context, out *Recovered) error {
	out.rndB, out.rndA = r.Challenge[1:], r.Token[:16]
	m, err := handshake.LRP(ctx, r.Key, out.rndA, out.rndB)
	if err != nil {
		return err
	}
	out.session.Key = m[:]
	k := newLRPSuite(m, 0)
	want := k.sum.Sum(out.rndA, out.rndB)
	out.ReaderProof = r.Challenge[0] == authModeLRP && handshake.Same(want[:], r.Token[16:])
	if len(r.Proof) == 0 {
		return nil
	}
	data := append([]byte(nil), r.Proof[:len(r.Proof)-16]...)
	want = k.sum.Sum(out.rndB, out.rndA, data)
	out.CardProof = handshake.Same(want[:], r.Proof[len(data):])
	if len(data) == 16 {
		k.cbc.Decrypt(data)
		out.session.TI, out.session.Counter, out.session.Blocks = [4]byte(data), 0, 1
		out.CardCaps, out.ReaderCaps = [6]byte(data[4:]), [6]byte(data[10:])
	}
	return nil
}
