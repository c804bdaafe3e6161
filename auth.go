package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Session is what is known of an authenticated session. It has no secrets.
type Session struct {
	Method  key.Method
	Scheme  wire.Scheme
	KeyNo   KeyNo
	Key     string  // type, version and check value
	TI      [4]byte // transaction identifier, EV2 and LRP
	Counter uint16  // command counter, EV2 and LRP
}

// Session describes the present session; false if there is none.
func (c *Card) Session() (Session, bool) {
	if c.state.channel == nil {
		return Session{}, false
	}
	info := c.state.channel.Info()
	s := c.state.session
	s.Scheme, s.KeyNo, s.TI, s.Counter = info.Scheme, info.KeyNo, info.TI, info.Counter
	return s, true
}

// Authenticate opens a session with a key of the selected application, by the
// strongest method that the key and the card's generation allow: AES keys by
// LRP or EV2 where the card has it, else AuthenticateAES; DES keys by
// AuthenticateISO, on D40 by Authenticate. A card that refuses the method
// refuses the call: nothing weaker is tried. AuthenticateWith fixes the method.
//
// What is pending stays pending. wire.StatusAuthenticationError means that the
// key is not the card's, or not of this kind.
func (c *Card) Authenticate(ctx context.Context, no KeyNo, k key.Key) error {
	return c.AuthenticateWith(ctx, c.strongest(k.Type()), no, k)
}

// Strongest is the method that Authenticate takes with a key of type t.
func (c *Card) Strongest(t key.Type) key.Method { return c.strongest(t) }

func (c *Card) strongest(t key.Type) key.Method {
	switch {
	case t == key.TypeAES && c.gen.Has(wire.FeatureLRP):
		return key.MethodLRPFirst
	case t == key.TypeAES && c.gen.Has(wire.FeatureEV2Auth):
		return key.MethodEV2First
	case t == key.TypeAES:
		return key.MethodAES
	case c.gen.Has(wire.FeatureEV1Auth):
		return key.MethodISO
	}
	return key.MethodD40
}

// AuthenticateWith is Authenticate by a method of the caller's choice.
// MethodLRPFirst settles for EV2 when the card has LRP switched off, which the
// card's authenticated capabilities then confirm; Session tells.
func (c *Card) AuthenticateWith(ctx context.Context, m key.Method, no KeyNo, k key.Key) error {
	if !c.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	defer c.busy.Store(false)
	if m == key.MethodISO7816 {
		return c.authenticateISO7816(ctx, no, k)
	}
	if err := c.mayRun(ctx, authSpec(m, 1)); err != nil {
		return err
	}
	conf := securemsg.Config{Method: m, KeyNo: no, Key: k, Rand: c.random(), Session: c.state.channel}
	if m == key.MethodLRPFirst {
		conf.Caps = []byte{wire.CapLRP}
	}
	h, err := securemsg.NewHandshake(conf)
	if err != nil {
		return &ArgumentError{"authenticate", err}
	}
	return c.handshake(ctx, h, conf)
}

func (c *Card) handshake(ctx context.Context, h *securemsg.Handshake, conf securemsg.Config) error {
	_, data := h.First()
	first := authSpec(conf.Method, 1)
	c.state.drop("a new authentication began")
	c.state.lost = false
	challenge, err := c.authFrame(ctx, first, first, data)
	if err != nil {
		return err
	}
	if conf.Method == key.MethodLRPFirst && len(challenge) == 16 {
		// The card has LRP switched off and goes on with AES.
		conf.Method = key.MethodEV2First
		if h, err = securemsg.NewHandshake(conf); err != nil {
			return &ArgumentError{"authenticate", err}
		}
		h.First()
	}
	token, err := h.Second(ctx, challenge)
	if errors.Is(err, securemsg.ErrLength) {
		return &ArgumentError{first.Name, fmt.Errorf("the card's challenge has %d bytes: key %d on the card is not of type %v", len(challenge), conf.KeyNo, conf.Key.Type())}
	}
	if err != nil {
		return c.handshakeFailed(first, err)
	}
	proof, err := c.authFrame(ctx, first, authSpec(conf.Method, 2), token)
	if err != nil {
		return err
	}
	channel, err := h.Finish(ctx, proof)
	if err != nil {
		c.state.lose("the card's proof could not be checked")
		return c.handshakeFailed(first, err)
	}
	if card, _ := h.Capabilities(); conf.Caps != nil && conf.Method == key.MethodEV2First && card[0]&wire.CapLRP != 0 {
		c.state.lose("the card contradicted itself")
		return &IntegrityError{first.Name, errors.New("the card says that it has LRP switched on, yet answered without")}
	}
	c.begin(channel, conf.Method, conf.Key)
	return nil
}

// begin starts the session that a handshake has opened.
func (c *Card) begin(channel securemsg.Channel, m key.Method, k key.Key) {
	c.state.channel, c.state.gone, c.state.lost = channel, "", false
	c.state.session = Session{Method: m, Key: key.String(k)}
	c.state.block = k.Type().BlockSize()
	c.dirty = true
}

// authFrame sends one frame of a handshake. name is the command that an error
// names.
func (c *Card) authFrame(ctx context.Context, name, spec *wire.Spec, data []byte) ([]byte, error) {
	a, err := c.send(ctx, spec, data, wire.Encoded{Le: -1})
	if err != nil {
		c.removed = removed(err)
		err = classify(name.Name, wire.EffectNone, c.link.Frames, false, err)
		c.state.forget(name.Name + " broke off: " + err.Error())
		return nil, err
	}
	if a.Status != spec.Success {
		c.state.pending = false // as with every refusal
		return nil, &CommandError{Command: name.Name, Status: a.Status, App: c.state.app, Hint: authHint(a.Status)}
	}
	return a.Data, nil
}

func authHint(s wire.Status) string {
	switch s {
	case wire.StatusAuthenticationError:
		return "wrong key, or the key is of another type"
	case wire.StatusNoSuchKey:
		return "the application has no key with this number"
	case wire.StatusAuthenticationDelay:
		return "after failed attempts the card makes you wait: repeat"
	case wire.StatusIllegalCommand, wire.StatusPermissionDenied:
		return "this way to authenticate is switched off, or the card does not know it"
	}
	return ""
}

// handshakeFailed sorts the errors of a handshake's steps.
func (c *Card) handshakeFailed(spec *wire.Spec, err error) error {
	if errors.Is(err, securemsg.ErrProof) || errors.Is(err, securemsg.ErrLength) {
		return &IntegrityError{spec.Name, err}
	}
	// The key failed, after the card had begun.
	return fmt.Errorf("desfire: %s: the key could not answer: %w", spec.Name, err)
}

// authSpec is the declaration of a method's first or second frame.
func authSpec(m key.Method, part int) *wire.Spec {
	specs := [...][2]wire.Command{
		key.MethodD40:         {new(wire.Authenticate), new(wire.AuthenticatePart2)},
		key.MethodISO:         {new(wire.AuthenticateISO), new(wire.AuthenticateISOPart2)},
		key.MethodAES:         {new(wire.AuthenticateAES), new(wire.AuthenticateAESPart2)},
		key.MethodEV2First:    {new(wire.AuthenticateEV2First), new(wire.AuthenticateEV2FirstPart2)},
		key.MethodEV2NonFirst: {new(wire.AuthenticateEV2NonFirst), new(wire.AuthenticateEV2NonFirstPart2)},
		key.MethodLRPFirst:    {new(wire.AuthenticateLRPFirst), new(wire.AuthenticateLRPFirstPart2)},
		key.MethodLRPNonFirst: {new(wire.AuthenticateLRPNonFirst), new(wire.AuthenticateLRPNonFirstPart2)},
	}
	return specs[m][part-1].Spec()
}

// authenticateISO7816 is GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE.
func (c *Card) authenticateISO7816(ctx context.Context, no KeyNo, k key.Key) error {
	challengeSpec := (&wire.ISOGetChallenge{}).Spec()
	if err := c.mayRun(ctx, challengeSpec); err != nil {
		return err
	}
	h, err := securemsg.NewISOHandshake(securemsg.Config{Method: key.MethodISO7816, KeyNo: no, Key: k, Rand: c.random()})
	if err != nil {
		return &ArgumentError{"authenticate", err}
	}
	c.state.drop("a new authentication began")
	c.state.lost = false
	n := h.First()
	rsp := new(wire.Data)
	if err := c.run(ctx, &wire.ISOGetChallenge{Length: n}, rsp); err != nil {
		return err
	}
	token, err := h.Second(ctx, rsp.Data)
	if err != nil {
		return c.handshakeFailed(challengeSpec, err)
	}
	alg, ref := wire.ISOAlgorithm(securemsg.ISOAlgorithm(k.Type())), isoKeyReference(c.state.atPICC(), no)
	if err := c.run(ctx, &wire.ISOExternalAuthenticate{Algorithm: alg, Key: ref, Token: token}, new(wire.Empty)); err != nil {
		return err
	}
	rnd, err := h.Third()
	if err != nil {
		return c.handshakeFailed(challengeSpec, err)
	}
	if err := c.run(ctx, &wire.ISOInternalAuthenticate{Algorithm: alg, Key: ref, RndPCD: rnd, Length: 2 * n}, rsp); err != nil {
		return err
	}
	channel, err := h.Finish(ctx, rsp.Data)
	if err != nil {
		c.state.lose("the card's proof could not be checked")
		return c.handshakeFailed((&wire.ISOInternalAuthenticate{}).Spec(), err)
	}
	c.begin(channel, key.MethodISO7816, k)
	return nil
}

// isoKeyReference is P2 of the ISO 7816-4 authentication: bit 7 for a key of
// the selected application (command reference 6.7).
func isoKeyReference(card bool, no KeyNo) wire.ISOKeyRef {
	if !card {
		return wire.ISOKeyOfApplication | wire.ISOKeyRef(no)
	}
	return wire.ISOKeyRef(no)
}
