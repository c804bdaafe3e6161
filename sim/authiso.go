package sim

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// ISO 7816-4 authentication (command reference 6.7). Any other command between
// the three drops it.

func isoAuthCommands() []*command {
	return []*command{
		on((*Card).isoGetChallenge),
		on((*Card).isoExternalAuthenticate),
		on((*Card).isoInternalAuthenticate),
	}
}

// isoHandshake is an ISO authentication under way.
type isoHandshake struct {
	card   *securemsg.ISOCardHandshake
	secret *key.Secret // from EXTERNAL AUTHENTICATE on
	key    wire.ISOKeyRef
	done   bool // EXTERNAL AUTHENTICATE has succeeded
}

func (h *isoHandshake) wipe() {
	if h.card != nil {
		h.card.Wipe()
	}
	if h.secret != nil {
		h.secret.Wipe()
	}
}

func (c *Card) isoGetChallenge(m *wire.ISOGetChallenge, rsp *wire.Data) wire.Status {
	c.endSession()
	if c.quirks.ChallengeAborts {
		c.v.pending.clear()
	}
	h := securemsg.NewISOCardHandshake(c.rand, c.quirks.ISOAuthZeroIV)
	challenge, err := h.Challenge(m.Length)
	if err != nil {
		return wire.StatusISOWrongLength
	}
	c.v.iso = isoHandshake{card: h}
	rsp.Data = append(rsp.Data[:0], challenge...)
	return wire.StatusOK
}

func (c *Card) isoExternalAuthenticate(m *wire.ISOExternalAuthenticate, _ *wire.Empty) wire.Status {
	if len(m.Token) == 8 && c.v.vc.given {
		return c.authenticateVC(m.Token)
	}
	h := c.call.iso
	c.endSession()
	no := wire.KeyNo(m.Key &^ wire.ISOKeyOfApplication)
	if h.card == nil || h.done {
		return wire.StatusISOConditionsOfUse
	}
	if (m.Key&wire.ISOKeyOfApplication != 0) != (c.call.app != nil) {
		return wire.StatusISOWrongP1P2 // a key of the level that is not selected
	}
	k := findKey(c.levelKeys(), no)
	if k == nil || !authenticates(no) || c.isOriginality(no) {
		return wire.StatusISOWrongP1P2
	}
	secret, err := k.secret()
	if err != nil {
		return wire.StatusISOWrongP1P2
	}
	defer func() {
		if c.v.iso.secret != secret {
			secret.Wipe()
		}
	}()
	if m.Algorithm != wire.AlgorithmContext && byte(m.Algorithm) != securemsg.ISOAlgorithm(secret.Type()) {
		return wire.StatusISOWrongP1P2
	}
	switch err := h.card.External(context.Background(), no, secret, m.Token); {
	case errors.Is(err, securemsg.ErrLength):
		return wire.StatusISOWrongLength
	case err != nil:
		return wire.StatusISOSecurityStatus
	}
	c.v.iso = isoHandshake{card: h.card, secret: secret, key: m.Key, done: true}
	return wire.StatusOK
}

func (c *Card) isoInternalAuthenticate(m *wire.ISOInternalAuthenticate, rsp *wire.Data) wire.Status {
	h := c.call.iso
	if h.card == nil || !h.done {
		return wire.StatusISOConditionsOfUse
	}
	if m.Key != h.key {
		return wire.StatusISOWrongP1P2
	}
	answer, channel, err := h.card.Internal(context.Background(), m.RndPCD)
	if err != nil {
		return wire.StatusISOWrongLength
	}
	rsp.Data = append(rsp.Data[:0], answer...)
	c.open(channel, h.secret.Type())
	return wire.StatusOK
}
