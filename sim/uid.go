package sim

import (
	"crypto/sha256"

	"github.com/go-desfire/desfire/wire"
)

func uidCommands() []*command {
	signature := on((*Card).readSignature)
	return []*command{
		on((*Card).getCardUID),
		signature,
		on((*Card).getTTStatus),
	}
}

// getTTStatus answers the state of the tamper loop, which a part has or has not
// from the factory. Which key it takes is configured by an option that is not
// public: none.
func (c *Card) getTTStatus(_ *wire.GetTTStatus, rsp *wire.TTStatus) wire.Status {
	rsp.Permanent, rsp.Current = c.nvm.config.tamper[0], c.nvm.config.tamper[1]
	return wire.StatusOK
}

// hasTamper reports whether the card is an NTAG 424 DNA TagTamper.
func (m *memory) hasTamper() bool {
	v := wire.Version{Hardware: wire.ChipVersion{Type: m.version.Hardware[1], SubType: m.version.Hardware[2]}}
	return m.generation.Has(wire.FeatureTagTamper) && v.TagTamper()
}

// getCardUID answers the real identifier, whatever the card shows.
func (c *Card) getCardUID(m *wire.GetCardUID, rsp *wire.CardUID) wire.Status {
	*rsp = wire.CardUID{UID: c.uid[:]}
	switch {
	case m.WithOption && c.gen != wire.EV3:
		return wire.StatusLengthError
	case c.v.session.channel == nil:
		return wire.StatusAuthenticationError
	case m.WithNUID:
		// Four bytes made of the seven; the rule is not public.
		rsp.NUID = []byte{c.uid[3]&0xF0 | 0x0F, c.uid[4], c.uid[5], c.uid[6]}
	}
	return wire.StatusOK
}

// readSignature answers the originality signature. A simulated card cannot have
// a genuine one: without Config.Signature it is 56 bytes made of the UID that
// no check accepts.
func (c *Card) readSignature(m *wire.ReadSignature, rsp *wire.Signature) wire.Status {
	if m.Address != 0 {
		return wire.StatusParameterError
	}
	if c.v.session.channel != nil {
		c.call.success = c.quirks.StatusSignatureInSession
	} else if c.nvm.config.flags&wire.PICCRandomID != 0 {
		return wire.StatusAuthenticationError
	}
	rsp.Signature = c.nvm.signature
	return wire.StatusOK
}

func madeSignature(uid [7]byte) (s [56]byte) {
	a := sha256.Sum256(append([]byte("not genuine 1 "), uid[:]...))
	b := sha256.Sum256(append([]byte("not genuine 2 "), uid[:]...))
	copy(s[:], append(a[:28], b[:28]...))
	return s
}
