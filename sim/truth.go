package sim

import "github.com/go-desfire/desfire/wire"

// Truth is the volatile state of a card as far as a reader could know it. Tests
// compare it with what the reader believes.
type Truth struct {
	App     wire.AID    // selected; zero is the PICC level
	Scheme  wire.Scheme // of the session; none without one
	KeyNo   wire.KeyNo  // of the session
	Counter uint16      // command counter of an EV2 or LRP session
	Pending bool        // changes wait for CommitTransaction
}

// Truth is the state of the present activation.
func (c *Card) Truth() Truth {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := Truth{App: c.v.aid, Pending: c.v.pending.started(&c.quirks)}
	if ch := c.v.session.channel; ch != nil {
		info := ch.Info()
		t.Scheme, t.KeyNo, t.Counter = info.Scheme, info.KeyNo, info.Counter
	}
	return t
}
