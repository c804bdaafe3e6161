package sim

import (
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Measured on an EV2 2K, an EV2 8K and an EV3 8K, and AN12752 table 4.
func TestMemoryAccounting(t *testing.T) {
	free := func(c *Card, want int) {
		t.Helper()
		script(t, c.Present(), fmt.Sprintf("6e < 00 %02x%02x00", want&0xFF, want>>8))
	}
	c := newCard(t, wire.EV2, func(c *Config) { c.Storage = 2048 })
	free(c, 2560)
	a := c.Present()
	script(t, a, "ca 010000 0f 01 < 00")
	free(c, 2560-96)
	a = c.Present()
	script(t, a, "ca 020000 0f 0e < 00")
	free(c, 2560-96-352)
	a = c.Present()
	script(t, a, `
		5a 010000 < 00
		cd 01 00 eeee 010000 < 00`)
	free(c, 2560-96-352-32)
	a = c.Present()
	script(t, a, `
		5a 010000 < 00
		cd 02 00 eeee 210000 < 00`)
	free(c, 2560-96-352-32-64)
	a = c.Present()
	script(t, a, `
		5a 010000 < 00
		c1 03 00 eeee 400000 100000 < 00`)
	left := 2560 - 96 - 352 - 32 - 64 - 1088
	free(c, left)
	a = c.Present()
	script(t, a, `
		5a 010000 < 00
		df 03 < 00                         # what is deleted does not come back
		cb 04 00 eeee ffffff < 0e
		c1 04 00 eeee ffffff ffffff < 0e
		cd 04 00 eeee ffffff < 0e`)
	free(c, left)

	c = newCard(t, wire.EV2)
	a = c.Present()
	script(t, a, `
		ca 563412 0f 2e 4523 6173747261 < 00   # 14 keys, FID, DF name "astra"
		5a 563412 < 00
		cd 01 0100 00 eeee 000100 < 00`)
	free(c, 7520)

	free(newCard(t, wire.EV3), 8192)
	free(newCard(t, wire.EV1, func(c *Config) { c.Storage = 4096 }), 4864)
}

// A card that is full refuses applications, and says so.
func TestFull(t *testing.T) {
	c := newCard(t, wire.EV3, func(c *Config) { c.Storage = 2048 })
	a := c.Present()
	for i := range 2560 / 96 {
		script(t, a, fmt.Sprintf("ca %02x0000 0f 01 < 00", i+1))
	}
	before := image(c)
	script(t, a, "ca ff0000 0f 01 < 0e")
	sameImage(t, image(c), before)
}
