package desfire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
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

// NonFirst is the method by which another key goes on from the session; EV2 and LRP
// only.
func (s Session) NonFirst() key.Method {
	if s.Scheme == wire.SchemeLRP {
		return key.MethodLRPNonFirst
	}
	return key.MethodEV2NonFirst
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
// The session proves that whoever has the key answers from now on, not that the
// application is the one that was selected: others may have the same key. What is
// pending stays pending, in every kind of session, so that an authentication is
// no way on after a *BrokenError. wire.StatusAuthenticationError means that the
// key is not the card's, or not of this kind; as any status it may be forged.
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
// card's authenticated capabilities then confirm; Session tells. A method
// weaker than Config.Weakest is a *WeakMethodError, before anything is sent. The
// handle k is used during the call only; one that is a key.Handshaker is asked for
// no cipher.
func (c *Card) AuthenticateWith(ctx context.Context, m key.Method, no KeyNo, k key.Key) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	if err := c.strongEnough(m, k.Type()); err != nil {
		return err
	}
	if m == key.MethodISO7816 {
		return c.authenticateISO7816(ctx, no, k)
	}
	first, _ := authFrames(m, no)
	if first == nil {
		return &ArgumentError{"authenticate", fmt.Errorf("there is no method %v", m)}
	}
	if err := c.mayRun(ctx, first.Spec()); err != nil {
		return err
	}
	if err := c.mayGo(first, first.Spec()); err != nil {
		return err
	}
	conf := handshakeConfig(c, m, no, k)
	conf.Session = c.state.channel
	h, err := securemsg.NewHandshake(conf)
	if err != nil {
		return &ArgumentError{"authenticate", err}
	}
	return c.handshake(ctx, h, conf)
}

func handshakeConfig(c *Card, m key.Method, no KeyNo, k key.Key) securemsg.Config {
	conf := securemsg.Config{Method: m, KeyNo: no, Key: k, Rand: c.random()}
	if m == key.MethodLRPFirst {
		conf.Caps = []byte{wire.CapLRP}
	}
	return conf
}

func (c *Card) handshake(ctx context.Context, h *securemsg.Handshake, conf securemsg.Config) error {
	defer func() { h.Wipe() }()
	_, data := h.First()
	ask, prove := authFrames(conf.Method, conf.KeyNo)
	first := ask.Spec()
	challenge, err := c.authFrame(ctx, first.Name, ask, data)
	if err != nil {
		return err
	}
	if conf.Method == key.MethodLRPFirst && len(challenge) == 16 {
		// The card has LRP switched off and goes on with AES.
		conf.Method = key.MethodEV2First
		if err := c.strongEnough(conf.Method, conf.Key.Type()); err != nil {
			return err
		}
		if h, err = securemsg.NewHandshake(conf); err != nil {
			return &ArgumentError{"authenticate", err}
		}
		h.First()
		_, prove = authFrames(conf.Method, conf.KeyNo)
	}
	token, err := h.Second(ctx, challenge)
	if errors.Is(err, securemsg.ErrLength) {
		return &ArgumentError{first.Name, fmt.Errorf("the card's challenge has %d bytes: key %d on the card is not of type %v", len(challenge), conf.KeyNo, conf.Key.Type())}
	}
	if err != nil {
		return c.handshakeFailed(first, err)
	}
	proof, err := c.authFrame(ctx, first.Name, prove, token)
	if err != nil {
		return err
	}
	channel, err := h.Finish(ctx, proof)
	if err != nil {
		return c.handshakeFailed(first, err)
	}
	if err := contradiction(h, conf); err != nil {
		securemsg.Wipe(channel)
		c.state.distrust("the card contradicted itself")
		return &IntegrityError{first.Name, err, c.state.changed}
	}
	c.begin(channel, conf.Method, conf.Key)
	return nil
}

// contradiction finds what the authenticated capabilities belie: a card that
// could do more than it did, or that heard others than were sent.
func contradiction(h *securemsg.Handshake, conf securemsg.Config) error {
	if conf.Method != key.MethodEV2First && conf.Method != key.MethodLRPFirst {
		return nil
	}
	card, heard := h.Capabilities()
	var sent [6]byte
	copy(sent[:], conf.Caps)
	switch {
	case conf.Caps != nil && conf.Method == key.MethodEV2First && card[0]&wire.CapLRP != 0:
		return errors.New("the card says that it has LRP switched on, yet answered without")
	case heard != sent:
		return fmt.Errorf("the card heard capabilities %X of the reader, which sent %X", heard, sent)
	}
	return nil
}

// begin starts the session that a handshake has opened.
func (c *Card) begin(channel securemsg.Channel, m key.Method, k key.Key) {
	s := &c.state
	s.channel, s.gone, s.lost, s.guard, s.clearSecrets = channel, "", "", wire.SchemeNone, false
	s.session = Session{Method: m, Key: key.String(k)}
	s.block = k.Type().BlockSize()
}

// authFrame sends one frame of a handshake. name is the command that an error
// names.
func (c *Card) authFrame(ctx context.Context, name string, cmd wire.Command, data []byte) ([]byte, error) {
	if err := c.soil(); err != nil {
		return nil, err
	}
	began := time.Now()
	r := request{cmd: cmd, rsp: new(wire.Data)}
	a, again, err := c.send(ctx, &r, data, wire.Encoded{Le: -1}, frame.Want{Max: listMax})
	if a.Status != cmd.Spec().Success {
		c.link.Open = true
	}
	switch {
	case err != nil:
		c.removed = removed(err)
		err = failure{command: name, changed: c.state.changed}.classify(err)
		c.state.forget(name + " broke off: " + err.Error())
	case a.Status == cmd.Spec().Success:
		c.state.after(cmd, wire.FileUnknown, a.Status)
	case !cmd.Spec().CanRefuse(a.Status):
		err = failure{command: name, changed: c.state.changed}.classify(c.impossible(&CommandError{Command: name, Status: a.Status, App: c.state.app}))
	case a.Tail > 0:
		err = failure{command: name, changed: c.state.changed}.classify(c.misshapen(&CommandError{Command: name, Status: a.Status}, a.Tail))
	default:
		c.state.after(cmd, wire.FileUnknown, a.Status)
		err = &CommandError{Command: name, Status: a.Status, App: c.state.app, Hint: authHint(a.Status)}
	}
	if len(c.watchers) > 0 {
		c.observe(Exchange{Command: cmd, Status: a.Status, Frames: a.Frames, Took: time.Since(began) + c.waited(), Err: err, again: again})
	}
	return a.Data, err
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
	c.link.Open = true
	if errors.Is(err, securemsg.ErrProof) || errors.Is(err, securemsg.ErrLength) {
		c.state.distrust("the card did not prove that it has the key")
		return &IntegrityError{spec.Name, err, c.state.changed}
	}
	// The key failed, after the card had begun.
	return fmt.Errorf("desfire: %s: the key could not answer: %w", spec.Name, err)
}

// authFrames are the two commands of a method, without what the handshake
// fills in; nil where the method has no such.
func authFrames(m key.Method, no KeyNo) (first, second wire.Command) {
	switch m {
	case key.MethodD40:
		return &wire.Authenticate{Key: no}, new(wire.AuthenticatePart2)
	case key.MethodISO:
		return &wire.AuthenticateISO{Key: no}, new(wire.AuthenticateISOPart2)
	case key.MethodAES:
		return &wire.AuthenticateAES{Key: no}, new(wire.AuthenticateAESPart2)
	case key.MethodEV2First:
		return &wire.AuthenticateEV2First{Key: no}, new(wire.AuthenticateEV2FirstPart2)
	case key.MethodEV2NonFirst:
		return &wire.AuthenticateEV2NonFirst{Key: no}, new(wire.AuthenticateEV2NonFirstPart2)
	case key.MethodLRPFirst:
		return &wire.AuthenticateLRPFirst{Key: no}, new(wire.AuthenticateLRPFirstPart2)
	case key.MethodLRPNonFirst:
		return &wire.AuthenticateLRPNonFirst{Key: no}, new(wire.AuthenticateLRPNonFirstPart2)
	}
	return nil, nil
}

// authenticateISO7816 is GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE.
func (c *Card) authenticateISO7816(ctx context.Context, no KeyNo, k key.Key) error {
	h, err := securemsg.NewISOHandshake(securemsg.Config{Method: key.MethodISO7816, KeyNo: no, Key: k, Rand: c.random()})
	if err != nil {
		return &ArgumentError{"authenticate", err}
	}
	defer h.Wipe()
	ask := &wire.ISOGetChallenge{Length: h.First()}
	rsp := new(wire.Data)
	if err := c.run(ctx, request{cmd: ask, rsp: rsp}); err != nil {
		return err
	}
	token, err := h.Second(ctx, rsp.Data)
	if err != nil {
		return c.handshakeFailed(ask.Spec(), err)
	}
	alg, ref := wire.ISOAlgorithm(securemsg.ISOAlgorithm(k.Type())), isoKeyReference(c.state.atPICC(), no)
	if err := c.run(ctx, request{cmd: &wire.ISOExternalAuthenticate{Algorithm: alg, Key: ref, Token: token}, rsp: new(wire.Empty)}); err != nil {
		return err
	}
	rnd, err := h.Third()
	if err != nil {
		return c.handshakeFailed(ask.Spec(), err)
	}
	prove := &wire.ISOInternalAuthenticate{Algorithm: alg, Key: ref, RndPCD: rnd, Length: 2 * ask.Length}
	if err := c.run(ctx, request{cmd: prove, rsp: rsp}); err != nil {
		return err
	}
	channel, err := h.Finish(ctx, rsp.Data)
	if err != nil {
		return c.handshakeFailed(prove.Spec(), err)
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
