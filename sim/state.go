package sim

import (
	"time"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// volatile is everything that a card forgets when its field goes. An
// activation starts with the zero value.
type volatile struct {
	aid     wire.AID  // the selected application; zero is the PICC level
	second  wire.AID  // the secondary application, zero for none
	expires time.Time // the transaction timer, zero for none
	session session
	chain   chain
	pending transaction
	opened  uint64 // sessions, see session.first

	handshake handshake         // of the open chain
	aside     securemsg.Channel // of a broken NonFirst: see Quirks.BrokenNonFirstResumes
	iso       isoHandshake      // goes on with the next command only
	delays    int               // answers AD given since the last attempt

	ef            wire.FileNo // the selected elementary file
	efSelected    bool
	sdm           sdmRead
	proximity     proximity
	proximityDone bool
	vc            vcChallenge
	vcDone        bool // the virtual card's reader is authenticated
}

// session is the state of authentication; without a channel there is none.
type session struct {
	channel securemsg.Channel
	scheme  wire.Scheme
	key     wire.KeyNo
	aid     wire.AID // whose key it is
	block   int      // of the cipher, bytes
	first   uint64   // counts sessions; NonFirst goes on with the number
}

// authenticated reports whether key no, of the level that the command is about,
// is the authenticated one.
func (c *Card) authenticated(no wire.KeyNo) bool {
	s := &c.v.session
	return s.channel != nil && s.key == no && s.aid == levelAID(c.call.app)
}

func levelAID(a *application) wire.AID {
	if a == nil {
		return wire.PICC
	}
	return a.aid
}

// What clears which part of the volatile state (command reference 20.2, 20.3):
//
//	event                                    session   transaction   chain
//	field lost, activation                   x         x             x
//	SelectApplication, ISO SELECT of a DF    x         x             x
//	start of any authentication              x         -             x
//	error status in an EV1 or EV2 session    x         x             x
//	any other error status                   -         x             x
//	ChangeKey of the own key, RollKeySet     x         -             -
//	DeleteApplication of the selected one    x         x             x
//	FormatPICC                               -         x             x
//	Commit, Abort                            -         x             -

// deselect goes to an application, or the PICC level.
func (c *Card) deselect(aid wire.AID) {
	c.v.aid, c.v.second, c.v.aside = aid, wire.PICC, nil
	c.endSession()
	c.v.pending.clear()
	c.v.ef, c.v.efSelected = 0, false
	c.v.expires = time.Time{}
	if n := c.nvm.config.capabilities[wire.CapPDCap2_2]; n > 0 && c.gen == wire.EV3 && aid != wire.PICC {
		c.v.expires = c.clock().Add(time.Duration(n) * c.quirks.TimerUnit)
	}
}

// expired reports whether the transaction timer has run out, which is like a
// loss of power (hardware notes 3).
func (c *Card) expired() bool { return !c.v.expires.IsZero() && c.clock().After(c.v.expires) }

// endSession forgets the authentication. Its channel may still have to answer the
// command that ends it, and is wiped after that.
func (c *Card) endSession() {
	if ch := c.v.session.channel; ch != nil {
		c.ended = append(c.ended, ch)
	}
	c.v.session = session{}
}

// wipeEnded overwrites the keys of what an exchange has ended: sessions, and
// authentications that were broken off.
func (c *Card) wipeEnded() {
	if c.v.chain.kind != handshakeChain {
		if c.v.handshake.aside != nil {
			c.v.aside = c.v.handshake.aside
		}
		c.v.handshake.wipe()
		c.v.handshake = handshake{}
	}
	if c.call.iso.card != c.v.iso.card {
		c.call.iso.wipe()
	}
	c.call.iso = isoHandshake{}
	if len(c.ended) > 0 {
		clear(c.plain[:cap(c.plain)])
	}
	for i, ch := range c.ended {
		securemsg.Wipe(ch)
		c.ended[i] = nil
	}
	c.ended = c.ended[:0]
}

// powerOff forgets everything volatile, and overwrites the keys in it.
func (c *Card) powerOff() {
	c.endSession()
	c.v.handshake.wipe()
	c.v.iso.wipe()
	c.v = volatile{}
	c.wipeEnded()
}

// afterError is what an error status does to the volatile state.
func (c *Card) afterError() {
	if !c.call.keeps {
		c.v.pending.clear()
	}
	c.v.chain.clear()
	if s := c.v.session.scheme; s != wire.SchemeNone && s != wire.SchemeD40 && c.quirks.ErrorEndsSession {
		c.endSession()
	}
}
