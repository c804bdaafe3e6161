package sim

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func authCommands() []*command {
	rows := []*command{
		onAuth(func(c *Card, m *wire.Authenticate, rsp *wire.Data) (st wire.Status) {
			rsp.Data, st = c.begin(key.MethodD40, m.Key, nil)
			return st
		}),
		onAuth(func(c *Card, m *wire.AuthenticateISO, rsp *wire.Data) (st wire.Status) {
			rsp.Data, st = c.begin(key.MethodISO, m.Key, nil)
			return st
		}),
		onAuth(func(c *Card, m *wire.AuthenticateAES, rsp *wire.Data) (st wire.Status) {
			rsp.Data, st = c.begin(key.MethodAES, m.Key, nil)
			return st
		}),
		onAuth(func(c *Card, m *wire.AuthenticateEV2First, rsp *wire.Challenge) wire.Status {
			return c.beginEV2(key.MethodEV2First, key.MethodLRPFirst, m.Key, m.Caps, rsp)
		}),
		onAuth(func(c *Card, m *wire.AuthenticateEV2NonFirst, rsp *wire.Challenge) wire.Status {
			return c.beginEV2(key.MethodEV2NonFirst, key.MethodLRPNonFirst, m.Key, nil, rsp)
		}),
	}
	return rows
}

// onAuth makes a row for the first part of an authentication.
func onAuth[C wire.Request[R], R wire.Message](run func(c *Card, m C, rsp R) wire.Status) *command {
	row := on(run)
	row.step = (*Card).finish
	return row
}

// handshake is an authentication under way.
type handshake struct {
	card        *securemsg.CardHandshake
	secret      *key.Secret
	key         wire.KeyNo
	app         wire.AID
	originality bool              // proves the card only: no session follows
	nonFirst    bool              // goes on with the session before
	aside       securemsg.Channel // which may go on where it is broken off
}

func (h *handshake) wipe() {
	if h.card != nil {
		h.card.Wipe()
		h.secret.Wipe()
	}
}

// begin answers the first part of an authentication. Whatever comes of it, the
// previous session is over.
func (c *Card) begin(method key.Method, no wire.KeyNo, caps []byte) ([]byte, wire.Status) {
	old := c.v.session.channel
	c.endSession() // which leaves old whole until this exchange is over
	if (method == key.MethodEV2First || method == key.MethodLRPFirst) && c.quirks.FirstAbortsTransaction || c.quirks.BeginAborts {
		c.v.pending.clear()
	}
	if c.methodOff(method) {
		return nil, wire.StatusIllegalCommand
	}
	if no.Secondary() && c.v.second != wire.PICC {
		c.call.app = c.nvm.app(c.v.second)
		no = no.Local()
	}
	h := handshake{key: no, app: levelAID(c.call.app), originality: c.isOriginality(no)}
	nonFirst := method == key.MethodEV2NonFirst || method == key.MethodLRPNonFirst
	h.nonFirst = nonFirst
	if nonFirst && old == nil {
		old = c.v.aside
	}
	if c.v.aside = nil; nonFirst && old != nil && c.quirks.BrokenNonFirstResumes {
		h.aside = securemsg.Clone(old)
	}
	if nonFirst && old == nil && h.originality {
		// Recorded from an EV3: key 3 at PICC level, no session before.
		var err error
		if old, err = securemsg.NewChannel(securemsg.Session{
			Side: securemsg.PICC, Method: method, Key: make([]byte, 16), MAC: make([]byte, 16),
		}); err != nil {
			return nil, wire.StatusEEPROMError
		}
	}
	if nonFirst && (old == nil || old.Info().Scheme != method.Scheme()) {
		return nil, wire.StatusPermissionDenied
	}
	k := findKey(c.levelKeys(), no)
	switch {
	case k == nil && c.isSpecialKey(no):
		return nil, wire.StatusPermissionDenied // disabled until it is set
	case k == nil:
		return nil, wire.StatusNoSuchKey
	case !authenticates(no):
		return nil, wire.StatusPermissionDenied
	}
	if st := c.failuresAllow(k); st != wire.StatusOK {
		return nil, st
	}
	var err error
	if h.secret, err = k.secret(); err != nil {
		return nil, wire.StatusAuthenticationError
	}
	defer func() {
		if c.v.handshake.card != h.card || h.card == nil {
			h.secret.Wipe()
		}
	}()
	if method.Fits(h.secret.Type()) != nil {
		return nil, wire.StatusAuthenticationError
	}
	h.card, err = securemsg.NewCardHandshake(securemsg.Config{
		Method: method, KeyNo: no, Key: h.secret, Rand: c.rand, Caps: caps, CardCaps: c.capabilities(), Session: old,
	})
	if err != nil {
		return nil, wire.StatusAuthenticationError
	}
	challenge, err := h.card.First(context.Background())
	if err != nil {
		return nil, wire.StatusEEPROMError
	}
	c.v.handshake = h
	return challenge, wire.StatusAdditionalFrame
}

// beginEV2 chooses between EV2 and LRP (command reference 6.6).
func (c *Card) beginEV2(ev2, lrp key.Method, no wire.KeyNo, caps []byte, rsp *wire.Challenge) wire.Status {
	method := ev2
	if c.nvm.config.lrp() {
		method = lrp
		if lrp == key.MethodLRPFirst && (len(caps) == 0 || caps[0]&wire.CapLRP == 0) {
			c.endSession()
			return wire.StatusPermissionDenied
		}
	}
	challenge, st := c.begin(method, no, caps)
	if st != wire.StatusAdditionalFrame {
		return st
	}
	rsp.LRP = method == lrp
	copy(rsp.RndB[:], challenge[len(challenge)-len(rsp.RndB):])
	return st
}

// finish answers the second part.
func (c *Card) finish(token []byte) ([]byte, wire.Status) {
	h := c.v.handshake
	c.v.handshake = handshake{}
	defer h.wipe()
	c.call.app = c.nvm.app(h.app)
	proof, channel, err := h.card.Second(context.Background(), token)
	if err == nil {
		if st := c.countSuccess(h.key); st != wire.StatusOK {
			return nil, st
		}
		if !h.originality {
			if !h.nonFirst {
				c.v.opened++
			}
			c.open(channel, h.card.Key.Type())
		}
		return proof, wire.StatusOK
	}
	if errors.Is(err, securemsg.ErrLength) {
		return nil, wire.StatusLengthError
	}
	if st := c.countFailure(h.key); st != wire.StatusOK {
		return nil, st
	}
	c.call.keeps = c.quirks.FailedAuthKeeps
	return nil, wire.StatusAuthenticationError
}

// open begins a session.
func (c *Card) open(channel securemsg.Channel, t key.Type) {
	info := channel.Info()
	c.v.session = session{
		channel: channel, scheme: info.Scheme, key: info.KeyNo, aid: levelAID(c.call.app), block: t.BlockSize(), first: c.v.opened,
	}
}

// methodOff reports whether SetConfiguration 04 has switched a method off.
func (c *Card) methodOff(m key.Method) bool {
	switch m.Scheme() {
	case wire.SchemeD40:
		return c.nvm.config.messaging&wire.NoD40 != 0
	case wire.SchemeEV1:
		return c.nvm.config.messaging&wire.NoEV1 != 0
	}
	return false
}

// capabilities are the card's, PDCap2, as EV2First tells them.
func (c *Card) capabilities() (caps [6]byte) {
	copy(caps[:], c.nvm.config.capabilities[wire.CapPDCap2_1:])
	return caps
}

// isOriginality reports whether a key number at the selected level is one of
// the originality keys, which nobody can change.
func (c *Card) isOriginality(no wire.KeyNo) bool {
	return c.call.app == nil && c.gen.Has(wire.FeatureSignature) && no >= wire.KeyOriginalityFirst && no <= wire.KeyOriginalityLast
}

// isSpecialKey reports whether a key that is not there could be set at the
// selected level.
func (c *Card) isSpecialKey(no wire.KeyNo) bool {
	if !c.gen.Has(wire.FeatureProximity) {
		return false
	}
	vc := no >= wire.KeyVCConfig && no <= wire.KeyVCSelectEnc
	if c.call.app != nil {
		return vc && c.call.app.settings3.Has(wire.SettVCKeys)
	}
	return vc || no >= wire.KeyDAMAuth && no <= wire.KeyDAMEnc
}

// authenticates reports whether a key is one to authenticate with.
func authenticates(no wire.KeyNo) bool {
	switch no {
	case wire.KeyDAMMAC, wire.KeyDAMEnc, wire.KeyVCProximity, wire.KeyVCSelectMAC, wire.KeyVCSelectEnc:
		return false
	}
	return true
}

// secret is the key as a handle.
func (k *cardKey) secret() (*key.Secret, error) {
	return key.New(key.FromWire(k.typ), k.value, k.version)
}
