package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// classic are the generations that create applications and files.
var classic = []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3}

// free is an application with every kind of file, all rights free.
const free = `
	ca 563412 0f 05            < 00   # 5 DES keys
	5a 563412                  < 00
	cd 01 00 eeee 200000       < 00   # standard, 32 bytes
	cb 02 00 eeee 200000       < 00   # backup, 32 bytes
	cc 03 00 eeee 00000000 e8030000 64000000 01 < 00  # value 0..1000, start 100, limited credit
	c1 04 00 eeee 100000 030000 < 00  # linear, 3 records of 16 bytes
	c0 05 00 eeee 040000 030000 < 00  # cyclic, 3 slots of 4 bytes
`

func each(t *testing.T, f func(t *testing.T, c *Card, a *Activation)) {
	for _, g := range classic {
		t.Run(g.String(), func(t *testing.T) {
			c := newCard(t, g)
			f(t, c, c.Present())
		})
	}
}

func TestDataBoundaries(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			bd 01 1f0000 010000 < 00 00
			bd 01 1f0000 020000 < be
			bd 01 200000 000000 < be         # length 0 with offset = size
			bd 01 200000 010000 < be
			bd 01 ffffff ffffff < be         # the sum overflows 24 bits
			bd 01 010000 ffffff < be
			bd 01 000000 000000 < 00 `+strings.Repeat("00", 32)+`
			bd 02 000000 000000 < 00 `+strings.Repeat("00", 32)+` # before the first commit
			bd 1f 000000 000000 < f0
			3d 01 000000 000000 < 7e         # length 0
			3d 01 1f0000 020000 aabb < be
			3d 01 1f0000 010000 aa < 00
			bd 01 1e0000 000000 < 00 00aa
			3d 01 ffffff 020000 aabb < be
			3d 01 000000 020000 aabbcc < 7e  # more than the header says
			bd 03 000000 000000 < 9d         # a value file
			6c 01 < 9d
			3b 01 000000 010000 aa < 9d
			bd 01 000000 < 7e
			bd 01 000000 000000 00 < 7e
		`)
	})
}

func TestBackupChangesAtCommit(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			3d 02 000000 040000 deadbeef < 00
			3d 02 040000 010000 77 < 00
			bd 02 000000 060000 < 00 000000000000
			c7 < 00
			bd 02 000000 060000 < 00 deadbeef7700
			3d 02 000000 010000 11 < 00
			a7 < 00
			bd 02 000000 010000 < 00 de
			3d 02 000000 010000 11 < 00
			bd 02 200000 000000 < be         # any error aborts
			c7 < 0c
			bd 02 000000 010000 < 00 de
			3d 02 000000 010000 11 < 00
			5a 563412 < 00                   # the same application again
			c7 < 0c
		`)
	})
}

func TestValueBoundaries(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			6c 03 < 00 64000000
			0c 03 00000080 < 9e              # negative
			dc 03 ffffffff < 9e
			0c 03 84030000 < 00              # 100 + 900: exactly the upper limit
			0c 03 01000000 < be
			c7 < 0c                          # and all of it is gone
			0c 03 84030000 < 00
			6c 03 < 00 64000000              # committed value
			c7 < 00
			6c 03 < 00 e8030000
			dc 03 e8030000 < 00
			c7 < 00
			6c 03 < 00 00000000
			dc 03 01000000 < be
			a7 < 0c
		`)
	})
}

func TestValueArithmeticIs32BitSigned(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, `
			ca 010000 0f 01 < 00
			5a 010000 < 00
			cc 01 00 eeee 00000080 ffffff7f 00000000 00 < 00   # the whole range
			0c 01 ffffff7f < 00
			0c 01 01000000 < be
			0c 01 ffffff7f < 00
			c7 < 00
			dc 01 ffffff7f < 00
			dc 01 ffffff7f < 00
			dc 01 01000000 < 00
			dc 01 01000000 < be
			6c 01 < 00 ffffff7f
			cc 02 00 eeee 05000000 04000000 04000000 00 < 9e   # lower above upper
			cc 02 00 eeee 00000000 04000000 05000000 00 < 9e   # start above upper
		`)
	})
}

// whenOff is the limited-credit value after a debit of 97 where the feature is off.
var whenOff = map[wire.Generation]string{wire.D40: "61000000", wire.EV1: "61000000", wire.EV2: "00000000", wire.EV3: "00000000"}

func TestLimitedCredit(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			1c 03 01000000 < be              # nothing debited yet
			dc 03 05000000 < 00
			1c 03 01000000 < be              # an uncommitted debit does not count
			dc 03 05000000 < 00
			0c 03 01000000 < 00
			dc 03 02000000 < 00
			c7 < 00                          # 100 - 5 + 1 - 2: 7 may come back
			f5 03 < 00 02 00 eeee 00000000 e8030000 07000000 01
			1c 03 08000000 < be
			1c 03 07000000 < 00
			1c 03 00000000 < be              # the second in a transaction
			1c 03 07000000 < 00              # exactly the limit
			c7 < 00
			6c 03 < 00 65000000
			1c 03 01000000 < be              # used up
			dc 03 05000000 < 00
			c7 < 00
			1c 03 01000000 < 00
			c7 < 00
			1c 03 01000000 < be              # whatever the amount was
			dc 03 05000000 < 00
			c7 < 00
			1c 03 00000000 < 00              # 0 is allowed and resets
			c7 < 00
			f5 03 < 00 02 00 eeee 00000000 e8030000 00000000 01
			cc 06 00 eeee 00000000 e8030000 64000000 00 < 00
			dc 06 61000000 < 00
			c7 < 00
			f5 06 < 00 02 00 eeee 00000000 e8030000 `+whenOff[c.gen]+` 00 # the feature is off
			1c 06 01000000 < 9d
		`)
	})
}

func TestRecords(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			bb 05 000000 000000 < be         # empty
			3b 05 000000 040000 41414141 < 00
			bb 05 000000 000000 < be         # still
			c7 < 0c                          # and the error aborted
			3b 05 000000 020000 4141 < 00
			3b 05 020000 020000 4242 < 00    # the same new record
			c7 < 00
			bb 05 000000 000000 < 00 41414242
			3b 05 010000 010000 33 < 00
			c7 < 00
			bb 05 000000 000000 < 00 41414242 00330000   # oldest first, the rest zero
			bb 05 000000 010000 < 00 00330000
			bb 05 010000 010000 < 00 41414242
			bb 05 010000 020000 < be
			bb 05 020000 010000 < be         # RecNo = CurrentRecords
			bb 05 000000 030000 < be
			3b 05 000000 040000 44444444 < 00
			bb 05 000000 000000 < 00 41414242 00330000   # the oldest goes at commit only
			c7 < 00
			bb 05 000000 000000 < 00 00330000 44444444   # 3 slots hold 2
			f5 05 < 00 04 00 eeee 040000 030000 020000
			3b 05 000000 050000 4444444444 < be
			eb 05 < 00
			bb 05 000000 000000 < 00 00330000 44444444   # cleared at commit
			3b 05 000000 010000 01 < 9d      # not after a clear
			c7 < 0c
			eb 05 < 00
			c7 < 00
			bb 05 000000 000000 < be
			f5 05 < 00 04 00 eeee 040000 030000 000000
		`)
		for i := range 3 {
			script(t, a, fmt.Sprintf(`
				3b 04 000000 100000 %032x < 00
				c7 < 00`, i+1))
		}
		script(t, a, `
			3b 04 000000 010000 04 < be      # the linear file is full
			bb 04 000000 010000 < 00 `+fmt.Sprintf("%032x", 3)+`
			f5 04 < 00 03 00 eeee 100000 030000 030000
		`)
	})
}

func TestNothingPending(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, `
			c7 < 9d
			a7 < 9d
		`+free+`
			c7 < 0c
			a7 < 0c
			dc 03 01000000 < 00
			0c 03 01000000 < 00
			c7 < 00
			c7 < 0c
		`)
	})
}

func TestApplicationLimit(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		for i := range 28 {
			script(t, a, fmt.Sprintf("ca %02x0000 0f 01 < 00", i+1))
		}
		want := "00"
		if c.Generation() == wire.D40 || c.Generation() == wire.EV1 {
			want = "ce"
		}
		script(t, a, "ca 1d0000 0f 01 < "+want)
		script(t, a, "ca 010000 0f 01 < de")
	})
}

func TestFileLimit(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		n := 32
		if c.Generation() == wire.D40 {
			n = 16
		}
		script(t, a, `
			ca 010000 0f 01 < 00
			5a 010000 < 00`)
		ids := ""
		for i := range n {
			script(t, a, fmt.Sprintf("cd %02x 00 eeee 010000 < 00", i))
			ids += fmt.Sprintf("%02x", i)
		}
		script(t, a, fmt.Sprintf(`
			cd %02x 00 eeee 010000 < 9e
			cd 00 00 eeee 010000 < de
			6f < 00 %s`, n, ids))
	})
}

func TestChainInterrupted(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			3d 01 000000 200000 aabb < af
			5a 563412 < ca
			5a 563412 < 00
			af < 1c
			60 < af `+version(c, 0)+`
			5a 563412 < ca
			60 < af `+version(c, 0)+`
			af 00 < 7e
			af < 1c
			1f < 1c
		`)
	})
}

// version is a block of GetVersion in hexadecimal.
func version(c *Card, block int) string {
	v := c.Image().GetVersion
	return []string{fmt.Sprintf("%x", []byte(v.Hardware)), fmt.Sprintf("%x", []byte(v.Software)), fmt.Sprintf("%x%x", c.UID(), []byte(v.Production))}[block]
}

func TestFraming(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free+`
			90 6c 00 00 01 03 00 < 64000000 9100   # wrapped and native in one session
			6c 03 < 00 64000000
			90 6c 00 00 01 03 < 64000000 9100      # without Le
			90 6c 01 00 01 03 00 < 6a86
			90 6c 00 01 01 03 00 < 6a86
			90 6c 00 00 05 03 00 < 6700            # Lc says more than comes
			90 6c 00 00 01 03 00 00 < 6700
			90 6c 00 < 6700
			90 1f 00 00 00 < 911c
			90 60 00 00 00 < `+version(c, 0)+`91af
			af < af `+version(c, 1)+`
			90 af 00 00 00 < `+version(c, 2)+`9100
			00 44 00 00 00 < 6d00
			ff ca 00 00 00 < 6e00
			80 ca 9f 7f 00 < 6e00
			ff < 1c
		`)
	})
}
