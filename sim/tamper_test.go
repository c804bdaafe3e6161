package sim

import (
	"testing"

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
