package sim

import (
	"errors"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// command is one row of the card's command table. Command and response are
// decoded into, and encoded from, the same values every time.
type command struct {
	spec *wire.Spec
	msg  wire.Command
	rsp  wire.Message
	// judge looks at the clear part: does the file exist, may it be accessed,
	// with which mode. Nil where no file is accessed.
	judge func(c *Card) wire.Status
	// run executes; StatusOK means the success status of the Spec.
	run func(c *Card) wire.Status
	// step goes on with a handshake: data is the reader's next frame.
	step func(c *Card, data []byte) ([]byte, wire.Status)
	// sealed executes a command that secure messaging has a form of its own for;
	// channel is nil outside a session.
	sealed func(c *Card, channel securemsg.Channel, head, data []byte) wire.Status
	// length is how long the protected part is, -1 if that varies.
	length func(c *Card) int
	// stream stores the first part of a chained command as it comes.
	stream func(c *Card, data []byte) wire.Status
	// frames is how many frames the command has where their boundaries carry
	// meaning; 0 for any.
	frames int
	// whole: command and answer have one frame each; blocks are chained below.
	whole bool
}

// call is what the card knows about the command it executes.
type call struct {
	room     int // bytes that an answer may have in one APDU
	ins      byte
	app      *application
	file     *file
	mode     wire.CommMode // effective mode of the file
	free     bool          // the file is accessed without a key
	framing  wire.Framing
	keeps    bool         // an error drops nothing that pends
	unsealed bool         // a success goes without protection: the session is gone
	success  wire.Status  // instead of that of the Spec; zero for none
	iso      isoHandshake // that the command before has left
}

// on makes a row for a command.
func on[C wire.Request[R], R wire.Message](run func(c *Card, m C, rsp R) wire.Status) *command {
	var zero C
	spec := zero.Spec()
	m := spec.New().(C)
	rsp := m.Response()
	return &command{
		spec: spec, msg: m, rsp: rsp, whole: spec.Exchange == wire.Single,
		run: func(c *Card) wire.Status { return run(c, m, rsp) },
	}
}

// fileRequest is a request that names a file.
type fileRequest[R wire.Message] interface {
	wire.Request[R]
	wire.OnFile
}

// onFile makes a row for a command that accesses a file under its rights.
// fits judges the other fields of the clear part; nil if there are none.
func onFile[C fileRequest[R], R wire.Message](
	op operation, fits func(*Card, C) wire.Status, run func(c *Card, m C, rsp R) wire.Status,
) *command {
	row := on(run)
	m := row.msg.(C)
	row.judge = func(c *Card) wire.Status {
		if st := c.access(op, m.OnFile()); st != wire.StatusOK {
			return st
		}
		if fits != nil {
			return fits(c, m)
		}
		return wire.StatusOK
	}
	return row
}

// build fills the command table for the card's generation.
func (c *Card) build() {
	for _, rows := range [...][]*command{
		authCommands(), isoAuthCommands(), piccCommands(), uidCommands(), configurationCommands(),
		applicationCommands(), keyCommands(), keySetCommands(), fileCommands(), settingsCommands(), dataCommands(), valueCommands(),
		recordCommands(), transactionCommands(), tmacCommands(), isoCommands(),
		proximityCommands(), delegatedCommands(), sdmCommands(),
	} {
		for _, row := range rows {
			if !row.spec.In(c.gen) || row.spec.Needs == wire.FeatureTagTamper && !c.nvm.hasTamper() {
				continue
			}
			if row.spec.Class == wire.ClassISO {
				c.iso[row.spec.INS] = row
			} else {
				c.native[row.spec.INS] = row
			}
		}
	}
}

// exchange answers one frame.
func (c *Card) exchange(cmd []byte) []byte {
	f, st := wire.ParseCommand(cmd)
	c.call = call{framing: f.Framing, iso: c.v.iso}
	c.v.iso = isoHandshake{}
	if f.Framing == wire.FramingNative && (!c.gen.Has(wire.FeatureClassic) || c.native[f.INS] == nil && f.INS != wire.InsAdditionalFrame && isAPDU(cmd)) {
		c.call.framing = wire.FramingWrapped
		return c.fail(wire.StatusISOClassNotSupported)
	}
	if st != wire.StatusOK {
		return c.fail(st)
	}
	c.call.room = 256
	if f.Extended {
		c.call.room = 65536
	}
	if f.Extended && !c.takesExtended() {
		return c.fail(wire.StatusISOWrongLength)
	}
	if f.Framing == wire.FramingWrapped && f.Class == wire.ClassISO {
		return c.isoCommand(f)
	}
	if f.P1 != 0 || f.P2 != 0 {
		return c.fail(c.quirks.StatusWrongP1P2)
	}
	return c.nativeCommand(f)
}

// isAPDU reports whether a frame has the form of a short command APDU: if it is
// no command of the card, it is an APDU of another class.
func isAPDU(cmd []byte) bool {
	n := len(cmd)
	return n == 4 || n == 5 || n > 5 && (n == 5+int(cmd[4]) || n == 6+int(cmd[4]))
}

// takesExtended reports whether the card knows extended APDUs: EV1 from
// software 1.3, EV2, EV3 (command reference 2.3).
func (c *Card) takesExtended() bool {
	switch c.gen {
	case wire.EV1:
		return c.nvm.version.Software[4] >= 3
	case wire.EV2, wire.EV3:
		return true
	}
	return false
}

// nativeCommand answers a frame of a native command, bare or wrapped.
func (c *Card) nativeCommand(f wire.Frame) []byte {
	if f.INS == wire.InsAdditionalFrame {
		return c.more(f)
	}
	if c.v.chain.kind != noChain {
		c.call.keeps = c.v.handshake.aside != nil
		return c.fail(wire.StatusCommandAborted)
	}
	row := c.native[f.INS]
	if row == nil {
		return c.fail(wire.StatusIllegalCommand)
	}
	if st := c.stateAllows(row); st != wire.StatusOK {
		return c.fail(st)
	}
	c.v.sdm.follow(f.INS)
	c.in, c.marks = append(c.in[:0], f.Data...), c.marks[:0]
	return c.gather(row)
}

// isoCommand answers an ISO 7816-4 command.
func (c *Card) isoCommand(f wire.Frame) []byte {
	if c.v.chain.kind != noChain {
		if !c.quirks.ISOKeepsChain {
			return c.fail(wire.StatusISOConditionsOfUse)
		}
		c.v.chain.clear()
	}
	row := c.iso[f.INS]
	c.call.ins = f.INS
	if row == nil {
		return c.fail(wire.StatusISOInsNotSupported)
	}
	if st := c.stateAllows(row); st != wire.StatusOK {
		return c.fail(wire.StatusISOConditionsOfUse)
	}
	c.v.sdm.follow(f.INS)
	err := c.coder.DecodeISO(wire.Encoded{Bytes: f.Data, P1: f.P1, P2: f.P2, Le: f.Le}, row.msg)
	if err != nil {
		return c.fail(isoFormatStatus(f.INS, err))
	}
	c.call.app = c.selected()
	st := row.run(c)
	if st != wire.StatusOK && !warning(st) {
		return c.fail(st)
	}
	if st == wire.StatusOK {
		st = row.spec.Success
	}
	if c.call.mode == wire.CommMAC { // the CMAC is over the answer and 00; the command does not count
		return c.respond(row, c.v.session.channel, st)
	}
	return c.respond(row, nil, st)
}

// warning reports whether an ISO status comes with an answer all the same.
func warning(st wire.Status) bool { return st>>8 == 0x62 }

// fail answers an error, with what it does to the card's state.
func (c *Card) fail(st wire.Status) []byte {
	c.afterError()
	c.frame = wire.AppendAnswer(c.frame[:0], c.call.framing, nil, st, false)
	return c.frame
}

// formatStatus is the status for a message that does not fit its layout.
func formatStatus(err error) wire.Status {
	var f *wire.FormatError
	if errors.As(err, &f) && f.Length {
		return wire.StatusLengthError
	}
	return wire.StatusParameterError
}

// isoFormatStatus is formatStatus for ISO commands.
func isoFormatStatus(ins byte, err error) wire.Status {
	var f *wire.FormatError
	switch {
	case !errors.As(err, &f) || !f.Length:
		return wire.StatusISOWrongP1P2
	case ins == wire.InsISOSelect:
		return wire.StatusISOLcInconsistent
	}
	return wire.StatusISOWrongLength
}

// openStatus is the status for a message that secure messaging refuses.
func openStatus(err error) wire.Status {
	if errors.Is(err, securemsg.ErrLength) {
		return wire.StatusLengthError
	}
	return wire.StatusIntegrityError
}
