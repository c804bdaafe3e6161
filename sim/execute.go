package sim

import (
	"slices"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// execute runs a whole command, the body of which is c.in.
func (c *Card) execute(row *command) []byte {
	channel := c.v.session.channel
	if row.sealed != nil {
		return c.executeSealed(row, channel)
	}
	if row.spec.Rule == wire.RulePlain || channel == nil {
		return c.executePlain(row)
	}
	head, err := c.coder.DecodeHead(c.in, row.msg)
	announced := c.coder.Announced()
	if st := c.judge(row); st != wire.StatusOK {
		return c.fail(st)
	}
	mode, head, st := c.commandMode(row, head, err)
	if st != wire.StatusOK {
		return c.fail(st)
	}
	m := securemsg.Message{
		Code: row.spec.INS, Head: c.in[:head], Data: c.in[head:], Marks: c.marks, Mode: mode, Len: -1,
	}
	switch {
	case announced >= 0:
		m.Len = announced
	case row.length != nil:
		m.Len = row.length(c)
	}
	if mode == wire.CommFull && m.Len < 0 {
		m.Len = c.findLength(row, channel, m)
	}
	c.plain, err = channel.Open(append(c.plain[:0], m.Head...), m)
	if err != nil {
		c.endSession() // D40 too: the channel is dead
		return c.fail(openStatus(err))
	}
	if err := c.coder.Decode(c.plain, c.meaningful(row), row.msg); err != nil {
		return c.fail(formatStatus(err))
	}
	return c.run(row, channel)
}

// executePlain runs a command that nothing protects.
func (c *Card) executePlain(row *command) []byte {
	if row.spec.Rule == wire.RuleFull {
		// What is enciphered in sessions has another length there: the key is
		// missing, not the length wrong.
		if _, err := c.coder.DecodeHead(c.in, row.msg); err == nil {
			if st := c.judge(row); st != wire.StatusOK {
				return c.fail(st)
			}
		}
	}
	if err := c.coder.Decode(c.in, c.meaningful(row), row.msg); err != nil {
		return c.fail(formatStatus(err))
	}
	if st := c.judge(row); st != wire.StatusOK {
		return c.fail(st)
	}
	return c.run(row, nil)
}

// commandMode is how a judged command of a session is protected, and how many of
// its bytes are header. err is what decoding the header said, which is no error
// yet: a layout may be all header, with the MAC behind it.
func (c *Card) commandMode(row *command, head int, err error) (wire.CommMode, int, wire.Status) {
	scheme, rule := c.v.session.scheme, row.spec.Rule
	mode := rule.Protection(scheme, false, c.call.mode)
	if row.spec.INS == wire.InsChangeFileSettings && c.call.free {
		mode = c.freeChangeMode(len(c.in) - head)
	}
	if row.spec.INS == wire.InsRestoreTransfer && scheme == wire.SchemeEV1 && len(c.in) == 2+8 {
		// The command reference's table has no MAC in it, the published bytes
		// have (testdata/vectors/crypto.json, ev1-keyset-4).
		mode = wire.CommMAC
	}
	if c.valueWithoutMAC(mode, len(c.in)-head) {
		mode = wire.CommPlain
	}
	switch {
	case mode == wire.CommPlain && err != nil:
		return mode, head, formatStatus(err)
	case (rule == wire.RuleMAC || rule == wire.RuleReaderID) && scheme == wire.SchemeD40 && err == nil && head == len(c.in):
		mode = wire.CommPlain // no data, so no MAC; readers differ
	case mode == wire.CommMAC && (rule == wire.RuleManage || rule == wire.RuleMAC || rule == wire.RuleReaderID):
		head = 0
	}
	return mode, head, wire.StatusOK
}

// findLength finds how long enciphered data is that may have several lengths. D40
// and EV1 do not tell, and a checksum alone fits a wrong length once in 256
// times: the layout has to fit as well. -1 if nothing does.
func (c *Card) findLength(row *command, channel securemsg.Channel, m securemsg.Message) int {
	if s := c.v.session.scheme; s != wire.SchemeD40 && s != wire.SchemeEV1 {
		return -1
	}
	for m.Len = range len(m.Data) {
		trial := securemsg.Clone(channel)
		plain, err := trial.Open(slices.Clone(m.Head), m)
		securemsg.Wipe(trial)
		if err != nil || c.coder.Decode(plain, nil, row.msg) != nil {
			continue
		}
		if x, ok := row.msg.(*wire.SetConfiguration); ok {
			if ats, ok := x.Setting.(*wire.ATS); ok && (len(ats.ATS) == 0 || int(ats.ATS[0]) != len(ats.ATS)) {
				continue
			}
		}
		return m.Len
	}
	return -1
}

// executeSealed runs a command with a form of its own.
func (c *Card) executeSealed(row *command, channel securemsg.Channel) []byte {
	head, err := c.coder.DecodeHead(c.in, row.msg)
	if err != nil {
		return c.fail(formatStatus(err))
	}
	if st := c.judge(row); st != wire.StatusOK {
		return c.fail(st)
	}
	if st := row.sealed(c, channel, c.in[:head], c.in[head:]); st != wire.StatusOK {
		return c.fail(st)
	}
	if c.call.unsealed {
		channel = nil
	}
	return c.respond(row, channel, row.spec.Success)
}

// meaningful are the frame boundaries of the command, where they mean
// something.
func (c *Card) meaningful(row *command) []int {
	if row.frames == 0 {
		return nil
	}
	return c.marks
}

// judge checks the level, then what the row's own judge looks at.
func (c *Card) judge(row *command) wire.Status {
	c.call.app, c.call.ins = c.selected(), row.spec.INS
	switch {
	case row.spec.Level == wire.LevelPICC && c.call.app != nil,
		row.spec.Level == wire.LevelApp && c.call.app == nil:
		return wire.StatusPermissionDenied
	}
	if row.judge != nil {
		return row.judge(c)
	}
	return wire.StatusOK
}

// run executes a decoded and judged command, and answers.
func (c *Card) run(row *command, channel securemsg.Channel) []byte {
	st := row.run(c)
	switch st {
	case wire.StatusOK:
		if c.call.unsealed {
			channel = nil
		}
		st = row.spec.Success
		if c.call.success != 0 {
			st = c.call.success
		}
		return c.respond(row, channel, st)
	case wire.StatusAdditionalFrame: // a handshake goes on
		c.v.chain = chain{kind: handshakeChain, row: row}
		return c.respond(row, nil, st)
	}
	return c.fail(st)
}
