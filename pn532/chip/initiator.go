package chip

import (
	"bytes"
	"context"
	"errors"
)

// Modulations of InListPassiveTarget (7.3.5).
const (
	typeA      = 0x00 // 106 kbit/s
	otherTypes = 0x04
)

// inListPassiveTarget: how many targets at most, modulation, data for the modulation, which for type A
// is the UID with its cascade tags. With retries without end it does not end until a card is there, or
// the host gives up.
func (c *Chip) inListPassiveTarget(ctx context.Context, in []byte) ([]byte, bool) {
	if len(in) < 2 || in[0] < 1 || in[0] > 2 || in[1] > otherTypes {
		return nil, false
	}
	uid, ok := plainUID(in[2:])
	if in[1] == typeA && !ok {
		return nil, false
	}
	c.target, c.sent, c.rest, c.powered = nil, nil, nil, true
	forever := c.retries == 0xFF
	if in[1] != typeA {
		if forever {
			<-ctx.Done()
		}
		return []byte{0}, true
	}
	t := c.field.Activate(ctx, uid, forever)
	if t == nil {
		return []byte{0}, true
	}
	c.target = &target{Target: t, uid: bytes.Clone(t.UID), selected: true}
	out := []byte{1, 1, t.ATQA[0], t.ATQA[1], t.SAK, byte(len(t.UID))}
	out = append(out, t.UID...)
	if c.autoRATS {
		out = append(out, t.ATS...)
	}
	return out, true
}

// plainUID takes the cascade tags out of a UID: 4 bytes, 88 and 7, 88 and 3 and 88 and 7.
func plainUID(in []byte) ([]byte, bool) {
	switch {
	case len(in) == 0:
		return nil, true
	case len(in) == 4:
		return in, true
	case len(in) == 8 && in[0] == 0x88:
		return in[1:], true
	case len(in) == 12 && in[0] == 0x88 && in[4] == 0x88:
		return append(bytes.Clone(in[1:4]), in[5:]...), true
	}
	return nil, false
}

// more says in a target number, and in a status, that the data go on.
const more = 0x40

// maxData is what an answer of InDataExchange carries: the content of a frame less its identifier, the code
// and the status (7.3.8).
const maxData = maxContent - 3

// maxSent is the room for a command in pieces. A chip sends each on as soon as it has it, and
// has no such limit; no card has commands so long.
const maxSent = 1 << 17

// inDataExchange: target number, data. Data that go on are kept until they are complete; an
// answer that goes on is taken by commands without data.
func (c *Chip) inDataExchange(ctx context.Context, in []byte) ([]byte, bool) {
	if len(in) == 0 {
		return nil, false
	}
	t := c.target
	if t == nil || !t.selected || in[0]&^more != 1 {
		return c.fail(NotAcceptable), true
	}
	data, goesOn := in[1:], in[0]&more != 0
	if len(c.rest) > 0 {
		if len(data) > 0 || goesOn {
			c.rest = nil
			return c.fail(NotAcceptable), true
		}
		return c.next(), true
	}
	c.sent = append(c.sent, data...)
	if len(c.sent) > maxSent {
		c.sent = nil
		return c.fail(BufferOverflow), true
	}
	if goesOn {
		return []byte{byte(OK)}, true
	}
	command := c.sent
	c.sent = nil
	if len(t.ATS) > 0 && !c.autoRATS {
		return c.fail(Timeout), true // the card waits for its RATS
	}
	answer, err := t.Transmit(ctx, command)
	if err != nil {
		var s Status
		if !errors.As(err, &s) || s == OK {
			s = Timeout
		}
		return c.fail(s), true
	}
	c.rest = bytes.Clone(answer)
	return c.next(), true
}

// next is the next piece of an answer.
func (c *Chip) next() []byte {
	n := min(len(c.rest), maxData)
	out := append([]byte{byte(OK)}, c.rest[:n]...)
	if c.rest = c.rest[n:]; len(c.rest) > 0 {
		out[0] |= more
	}
	return out
}

// inCommunicateThru: nothing in this field understands what is not wrapped in blocks.
func (c *Chip) inCommunicateThru(context.Context, []byte) ([]byte, bool) {
	return c.fail(Timeout), true
}

// inDeselect: target number, 0 for all. The card forgets what it was doing, and keeps its power.
func (c *Chip) inDeselect(_ context.Context, in []byte) ([]byte, bool) {
	return c.letGo(in, func() { c.target.selected = false })
}

// inRelease: as inDeselect, and the chip forgets the target.
func (c *Chip) inRelease(_ context.Context, in []byte) ([]byte, bool) {
	return c.letGo(in, func() { c.target = nil })
}

func (c *Chip) letGo(in []byte, how func()) ([]byte, bool) {
	if len(in) != 1 {
		return nil, false
	}
	if in[0] > 1 || in[0] == 1 && c.target == nil {
		return c.fail(NotAcceptable), true
	}
	c.sent, c.rest = nil, nil
	if c.target != nil {
		how()
	}
	return []byte{byte(OK)}, true
}

// inSelect: target number. A card that was deselected is activated anew.
func (c *Chip) inSelect(ctx context.Context, in []byte) ([]byte, bool) {
	if len(in) != 1 {
		return nil, false
	}
	switch {
	case in[0] != 1 || c.target == nil:
		return c.fail(NotAcceptable), true
	case c.target.selected:
		return []byte{byte(OK)}, true
	}
	t := c.field.Activate(ctx, c.target.uid, false)
	if t == nil {
		return c.fail(Timeout), true
	}
	*c.target = target{Target: t, uid: c.target.uid, selected: true}
	return []byte{byte(OK)}, true
}

// inPSL: target number, bit rates to and from the target: 0 is 106, 1 is 212, 2 is 424 kbit/s. They
// can be set once, right after the activation, to what the card says it can (7.3.7).
func (c *Chip) inPSL(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) != 3 || in[1] > 2 || in[2] > 2 {
		return nil, false
	}
	t := c.target
	if t == nil || !t.selected || in[0] != 1 {
		return c.fail(NotAcceptable), true
	}
	if t.psl || !c.autoRATS || !offers(t.ATS, in[1], in[2]) {
		return c.fail(NotAllowed), true
	}
	t.psl, t.brit, t.brti = true, in[1], in[2]
	return []byte{byte(OK)}, true
}

// offers reports whether TA(1) of an ATS allows the bit rates (ISO/IEC 14443-4, 5.2.4).
func offers(ats []byte, brit, brti byte) bool {
	if brit == 0 && brti == 0 {
		return true
	}
	if len(ats) < 3 || ats[1]&0x10 == 0 {
		return false
	}
	ta := ats[2]
	can := func(rate byte, bits byte) bool { return rate == 0 || bits&(1<<(rate-1)) != 0 }
	return can(brit, ta) && can(brti, ta>>4) && (brit == brti || ta&0x80 == 0)
}
