package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// quirky is a card with changed quirks.
func quirky(t *testing.T, g wire.Generation, change func(*Quirks)) *Card {
	return newCard(t, g, func(c *Config) {
		q := QuirksOf(g)
		change(&q)
		c.Quirks = &q
	})
}

func TestQuirks(t *testing.T) {
	script(t, quirky(t, wire.EV1, func(q *Quirks) { q.StatusMoreWithoutChain = wire.StatusCommandAborted }).Present(), "af < ca")
	script(t, quirky(t, wire.EV1, func(q *Quirks) { q.StatusWrongP1P2 = wire.StatusLengthError }).Present(), "90 60 01 00 00 < 917e")
	script(t, quirky(t, wire.EV3, func(q *Quirks) { q.ISOKeepsChain = false }).Present(), `
		60 < af 04010133001a05
		00 a4 04 00 07 d2760000850100 00 < 6985`)
	script(t, quirky(t, wire.EV1, func(q *Quirks) { q.AbsentKeyInRights = false }).Present(), `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		cd 01 00 1000 010000 < 9e
		cd 01 00 0000 010000 < 00`)
	script(t, quirky(t, wire.EV1, func(q *Quirks) { q.SelectFailureKeeps = false }).Present(), `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		5a 020000 < a0
		6f < 9d`)
	script(t, quirky(t, wire.EV2, func(q *Quirks) { q.SettingsShowFlags = true }).Present(), `
		ca 010000 0f 31 04 10e1 < 00
		5a 010000 < 00
		45 < 00 0f31`)
	script(t, newCard(t, wire.EV3).Present(), `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		cd 01 40 eeee 200000 < 00
		f5 01 < 00 00 40 eeee 200000 00 ffff
		5f 01 00 eeee < 00
		f5 01 < 00 00 00 eeee 200000`)
	script(t, quirky(t, wire.EV3, func(q *Quirks) { q.SDMBlockAtCreate = false }).Present(), `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		cd 01 40 eeee 200000 < 00
		f5 01 < 00 00 40 eeee 200000`)
	script(t, quirky(t, wire.EV3, func(q *Quirks) { q.SDMAtCreate = false }).Present(), `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		cd 01 40 0000 010000 < 9e
		cd 01 00 0000 010000 < 00`)
	script(t, newCard(t, wire.D40).Present(), `
		ca 010000 0f 01 < 00
		00 a4 04 0c 03 010000 < 9000
		00 a4 04 0c 03 020000 < 6a82
		6f < 00`)
	script(t, quirky(t, wire.EV1, func(q *Quirks) { q.PlainFrame = 32 }).Present(), free+`
		bd 01 000000 000000 < 00 `+hexOf(make([]byte, 32))+`
		3d 01 000000 200000 `+hexOf(pattern(32))+` < 00`)
	script(t, quirky(t, wire.EV3, func(q *Quirks) { q.ISORecordBase = 0 }).Present(), free+`
		3b 04 000000 010000 07 < 00
		c7 < 00
		00 b2 01 24 00 < 6a83
		00 b2 00 24 00 < 07000000000000000000000000000000 9000`)
	c := quirky(t, wire.EV1, func(q *Quirks) { q.StreamedWrites = false })
	a := c.Present()
	script(t, a, free+"3d 01 000000 200000 aabb < af")
	script(t, c.Present(), "5a 563412 < 00\nbd 01 000000 020000 < 00 0000")
}

func TestQuirksOfSessions(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV1}
	c, p := personalised(t, x, wire.CommMAC)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.refused(wire.StatusLengthError, &wire.Debit{File: 3, Amount: 1}, wire.CommPlain)
	c.quirks.ValueWithoutMAC = true
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, wire.CommPlain)

	x = channelCase{key.MethodEV2First, key.TypeAES, wire.EV2}
	c, p = personalised(t, x, wire.CommPlain)
	c.quirks.FirstAbortsTransaction = true
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, wire.CommPlain)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)

	c = quirky(t, wire.EV1, func(q *Quirks) { q.FormatEndsSession = true })
	p = newPCD(t, c)
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	p.ok(&wire.FormatPICC{}, nil, 0)
	p.ch = nil
	p.refused(wire.StatusAuthenticationError, &wire.FormatPICC{}, 0)
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	p.refused(wire.StatusPICCIntegrityError, &wire.GetDFNames{}, 0) // three EV1 8K
}
