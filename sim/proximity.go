package sim

import (
	"io"

	"github.com/go-desfire/desfire/wire"
)

// Proximity check (command reference 11, hardware notes 9). The order of the
// MAC's input has five sources and no recording that confirms it.

func proximityCommands() []*command {
	return []*command{
		on((*Card).preparePC),
		on((*Card).proximityCheck),
		on((*Card).verifyPC),
	}
}

// proximity is a check under way.
type proximity struct {
	prepared bool
	key      []byte
	times    []byte // Option, PubRespTime, PPS1
	rounds   []byte // the card's part, the reader's part, of each round
	n        int    // bytes of the reader's random so far
}

const pcRandom = 8 // bytes of each side's random

// preparePC begins a check and ends the session. Without a proximity key it is
// refused, unless an EV2 session is open, where an EV3 answered.
func (c *Card) preparePC(_ *wire.PreparePC, rsp *wire.PCTimes) wire.Status {
	k := findKey(c.levelKeys(), wire.KeyVCProximity)
	if k == nil {
		k = findKey(c.nvm.keys, wire.KeyVCProximity)
	}
	value := make([]byte, 16)
	switch {
	case k != nil:
		value = k.value
	case c.v.session.scheme != wire.SchemeEV2 || !c.quirks.PreparePCInSession:
		return wire.StatusStateError
	}
	c.endSession()
	if c.quirks.PreparePCAborts {
		c.v.pending.clear()
	}
	*rsp = wire.PCTimes{Option: 1, PubRespTime: c.quirks.PubRespTime, PPS1: c.quirks.PPS1}
	c.v.proximity = proximity{prepared: true, key: value, times: []byte{
		rsp.Option, byte(rsp.PubRespTime >> 8), byte(rsp.PubRespTime), rsp.PPS1,
	}}
	return wire.StatusOK
}

// proximityCheck exchanges parts of the random numbers.
func (c *Card) proximityCheck(m *wire.ProximityCheck, rsp *wire.Data) wire.Status {
	p := &c.v.proximity
	switch n := len(m.RndC); {
	case !p.prepared:
		return wire.StatusStateError
	case n == 0 || p.n+n > pcRandom:
		*p = proximity{}
		return wire.StatusLengthError
	}
	rsp.Data = append(rsp.Data[:0], m.RndC...)
	if _, err := io.ReadFull(c.rand, rsp.Data); err != nil {
		return wire.StatusEEPROMError
	}
	p.n += len(m.RndC)
	first, second := rsp.Data, m.RndC
	if c.quirks.ProximityReaderFirst {
		first, second = second, first
	}
	p.rounds = append(append(p.rounds, first...), second...)
	return wire.StatusOK
}

// verifyPC ends the check, well or badly.
func (c *Card) verifyPC(m *wire.VerifyPC, rsp *wire.PCMAC) wire.Status {
	p := c.v.proximity
	c.v.proximity = proximity{}
	if !p.prepared || p.n != pcRandom {
		return wire.StatusStateError
	}
	if want := macT(p.key, []byte{0xFD}, p.times, p.rounds); !sameMAC(want, m.MAC[:]) {
		return wire.StatusIntegrityError
	}
	rsp.MAC = macT(p.key, []byte{0x90}, p.times, p.rounds)
	c.v.proximityDone = true
	return wire.StatusOK
}

// stateAllows answers 0B while a proximity check runs, and where one, or the
// authentication of a virtual card, is missing that is mandatory.
func (c *Card) stateAllows(row *command) wire.Status {
	switch row.spec.INS {
	case wire.InsProximityCheck, wire.InsVerifyPC:
		return wire.StatusOK
	}
	if c.v.proximity.prepared {
		return wire.StatusStateError
	}
	flags := c.nvm.config.flags
	missing := flags&wire.PICCProximity != 0 && !c.v.proximityDone || flags&wire.PICCVirtualCard != 0 && !c.v.vcDone
	if missing && row.spec.Level == wire.LevelApp {
		return wire.StatusStateError
	}
	return wire.StatusOK
}
