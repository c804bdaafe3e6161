package securemsg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Handshakes are step machines without I/O: what goes in and out are the data
// bytes after INS or status. Only the key may block. All but ISO 7816 have two
// exchanges:
//
//	PCD  INS keyNo [caps]  -->
//	                       <--  AF challenge     holds RndB
//	     AF token          -->                   holds RndA and RndB
//	                       <--  00 proof         holds RndA
//
// and differ in how the three are enciphered: see the file of each.

// What the reader enciphers and checks is done by its key: by one that is a
// key.Handshaker where it lives, by any other in key.Answer.

// ErrProof says that the other side did not prove that it has the key.
var ErrProof = key.ErrProof

// HandshakeError says which step of an authentication failed and why.
type HandshakeError struct {
	Method key.Method
	Side   Side
	Step   string // "challenge", "token" or "proof"
	Reason string
	Err    error // ErrProof, ErrLength, the error of a key or of randomness
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("authenticate %v, %v, %s: %s", e.Method, e.Side, e.Step, e.Reason)
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// Config is what a handshake needs, on either side.
type Config struct {
	Method key.Method
	KeyNo  wire.KeyNo
	Key    key.Key

	// Rand gives RndA on the reader's side, unless the key is a key.Handshaker;
	// on the card's RndB and, for the First methods, then TI. nil is crypto/rand.
	Rand io.Reader

	// Caps are the reader's capabilities (PCDcap2) of EV2First and LRPFirst:
	// what the reader sends, or what the card received. At most six count. A
	// reader that leaves them empty sends none, or with LRPFirst the request
	// for LRP.
	Caps []byte

	// CardCaps are the card's (PDcap2).
	CardCaps [6]byte

	// Session is the session that a NonFirst method goes on from.
	Session Channel
}

// prepare checks a configuration and returns the session that a NonFirst
// method continues.
func (c *Config) prepare(end Side) (*ev2, error) {
	if c.Key == nil {
		return nil, fmt.Errorf("authenticate %v: no key", c.Method)
	}
	if err := c.Method.Fits(c.Key.Type()); err != nil {
		return nil, err
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Method != key.MethodEV2NonFirst && c.Method != key.MethodLRPNonFirst {
		return nil, nil
	}
	old, ok := c.Session.(*ev2)
	if !ok || old.end != end || old.dead || old.info.Scheme != c.Method.Scheme() {
		return nil, fmt.Errorf("authenticate %v: it goes on from an open session of the same kind, and there is none", c.Method)
	}
	return old, nil
}

// attempt is what the two sides of a handshake share.
type attempt struct {
	Config
	end        Side
	step       int
	rndA, rndB []byte        // of the card
	made       key.Handshake // of the reader
	typ        key.Type      // of the reader's key, asked once
	cardCaps   [6]byte
	pcdCaps    [6]byte
	ti         [4]byte
	counter    uint16
	rest       []byte // of the card, ISO 7816: the random that is not for the session
}

// Wipe overwrites the randoms and keys of the attempt, which is over. A handshake
// that ends, well or badly, has been wiped; one that is left in the middle wants it.
func (a *attempt) Wipe() {
	a.step = -1
	for _, b := range [...][]byte{a.rndA, a.rndB, a.rest} {
		clear(b)
	}
	if a.made.Finisher != nil {
		a.made.Wipe()
	}
	a.made = key.Handshake{}
	a.Session = nil
}

// channel makes the session's channel and ends the attempt.
func (a *attempt) channel(s Session) (Channel, error) {
	s.Side, s.Method, s.KeyNo = a.end, a.Method, a.KeyNo
	c, err := NewChannel(s)
	clear(s.Key)
	clear(s.MAC)
	a.Wipe()
	return c, err
}

// Format prints no randoms.
func (a *attempt) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%v handshake %v, key %d", a.end, a.Method, a.KeyNo)
}

func (a *attempt) fail(step string, err error, format string, args ...any) error {
	a.Wipe()
	return &HandshakeError{Method: a.Method, Side: a.end, Step: step, Reason: fmt.Sprintf(format, args...), Err: err}
}

// keyFailed is the failure of a key, which is no verdict on the card whatever it
// says.
func (a *attempt) keyFailed(step string, err error) error {
	reason := err
	if errors.Is(err, ErrProof) || errors.Is(err, ErrLength) {
		reason = errors.New(err.Error())
	}
	return a.fail(step, reason, "the key failed: %v", err)
}

// at checks that the steps come in order.
func (a *attempt) at(step int, name string) error {
	if a.step != step {
		return a.fail(name, ErrClosed, "out of order")
	}
	a.step++
	return nil
}

func (a *attempt) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.Rand, b); err != nil {
		return nil, fmt.Errorf("no randomness: %w", err)
	}
	return b, nil
}

// CardHandshake is the card's side of an authentication.
type CardHandshake struct {
	*attempt
	m cardSteps
}

type cardSteps interface {
	challenge(ctx context.Context) ([]byte, error)
	// prove checks the reader's token, answers it and says what the session is.
	prove(ctx context.Context, token []byte) ([]byte, Session, error)
}

// NewCardHandshake starts the card's side. It fails where method, key and
// session do not fit.
func NewCardHandshake(c Config) (*CardHandshake, error) {
	old, err := c.prepare(PICC)
	if err != nil {
		return nil, err
	}
	a := &attempt{Config: c, end: PICC, cardCaps: c.CardCaps}
	copy(a.pcdCaps[:], c.Caps)
	if old != nil {
		a.ti, a.counter = old.info.TI, old.info.Counter
	}
	h := &CardHandshake{attempt: a}
	switch c.Method.Scheme() {
	case wire.SchemeD40:
		h.m = &d40Card{a}
	case wire.SchemeEV1:
		if c.Method == key.MethodISO7816 {
			return nil, errors.New("authenticate ISO7816: it has three exchanges, see NewISOCardHandshake")
		}
		h.m = &ev1Card{attempt: a}
	case wire.SchemeEV2:
		h.m = &ev2Card{a}
	case wire.SchemeLRP:
		h.m = &lrpCard{a}
	}
	return h, nil
}

// First returns the data to answer with status AF.
func (h *CardHandshake) First(ctx context.Context) ([]byte, error) {
	if err := h.at(0, "challenge"); err != nil {
		return nil, err
	}
	var err error
	if h.rndB, err = h.random(h.Key.Type().NonceSize()); err != nil {
		return nil, h.fail("challenge", err, "%v", err)
	}
	return h.m.challenge(ctx)
}

// Second takes the data of the reader's second frame and returns the data to
// answer with status 00, and the session's channel. errors.Is(err, ErrProof)
// means AUTHENTICATION_ERROR, ErrLength LENGTH_ERROR.
func (h *CardHandshake) Second(ctx context.Context, token []byte) ([]byte, Channel, error) {
	if err := h.at(1, "token"); err != nil {
		return nil, nil, err
	}
	if h.Method == key.MethodEV2First || h.Method == key.MethodLRPFirst {
		ti, err := h.random(4)
		if err != nil {
			return nil, nil, h.fail("token", err, "%v", err)
		}
		h.ti = [4]byte(ti)
	}
	proof, s, err := h.m.prove(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	c, err := h.channel(s)
	if err != nil {
		return nil, nil, err
	}
	return proof, c, nil
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
