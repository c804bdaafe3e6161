package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A part with a tamper loop tells its state, as a recorded one did; others do
// not know the command. The image keeps it.
func TestTagTamper(t *testing.T) {
	script(t, newCard(t, wire.NTAG424).Present(), `
		00a4040007d276000085010100 < 9000
		90f7000000 < 911c`)
	store := new(MemoryStore)
	c := newCard(t, wire.NTAG424, func(cfg *Config) {
		cfg.Hardware, cfg.Store = unhex(t, "04040830001105"), store
	})
	script(t, c.Present(), `
		00a4040007d276000085010100 < 9000
		90f7000000 < 49499100`)
	next := c.nvm.edit()
	next.config.tamper = [2]byte{'O', 'C'}
	if st := c.commit(next); st != wire.StatusOK {
		t.Fatal(st)
	}
	again, err := New(&Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	script(t, again.Present(), `
		00a4040007d276000085010100 < 9000
		90f7000000 < 4f439100`)
}

// In a session the answer is enciphered, in EV2 as in LRP, and the version tells
// that the part has the loop.
func TestTagTamperInSessions(t *testing.T) {
	for m, lrp := range map[key.Method]bool{key.MethodEV2First: false, key.MethodLRPFirst: true} {
		c := newCard(t, wire.NTAG424, func(cfg *Config) { cfg.Hardware = unhex(t, "04040830001105") })
		c.nvm.config.tamper = [2]byte{'O', 'C'}
		if lrp {
			lrpMode(t, c)
		}
		p := newPCD(t, c)
		p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
		p.in(m, 0, key.Zero(key.TypeAES))
		for range 2 { // the second has other counters
			var s wire.TTStatus
			p.ok(&wire.GetTTStatus{}, &s, 0)
			if s != (wire.TTStatus{Permanent: 'O', Current: 'C'}) {
				t.Errorf("%v: %+v", m, s)
			}
		}
		var v wire.Version
		p.ok(&wire.GetVersion{}, &v, 0)
		if !v.TagTamper() || v.Product() != "NTAG 424 DNA TagTamper" {
			t.Errorf("%v: %s", m, v.Product())
		}
	}
}
