package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// message is one logical command with its answer, frames joined.
type message struct {
	class    wire.Class
	ins      byte
	p1, p2   byte
	le       int
	native   bool
	reader   bool // for the reader itself, not for the card
	garbled  bool // the command is no frame
	body     []byte
	cuts     []int // offsets into body where frames met
	rsp      []byte
	joints   []int // offsets into rsp where frames met
	frames   []part
	status   wire.Status
	answered bool
	computed bool
	reset    bool
	preset   *Preset
	failed   string // what the transport said

	// What was cut from the recording: the body from here on, -1 for nothing,
	// and the answer.
	cut       int
	cutAnswer bool

	// odd is what is strange in the order of frames, oddAt the exchange.
	odd   string
	oddAt int
}

// part is one exchange of a message.
type part struct {
	index    int
	command  []byte // after INS
	response []byte // without status
	status   wire.Status
	raw      *Exchange
}

func (m *message) first() int { return m.frames[0].index }
func (m *message) last() int  { return m.frames[len(m.frames)-1].index }

// joiner turns exchanges into messages, as they come.
type joiner struct {
	framing string // of the recording
	patient bool   // a status that was changed on the way does not end a message
	next    int
	open    *message
}

// feed adds an exchange. done are the messages that are now complete: the one
// before if the card or the reader gave it up, the present one if it has
// ended.
func (j *joiner) feed(e *Exchange) (done []*message) {
	index := j.next
	j.next++
	f := e.framing(j.framing)
	c, status := parseCommand(e.Command, f)
	p := part{index: index, command: c.Data, raw: e}
	more := !c.reader && c.class == wire.ClassNative && c.ins == wire.InsAdditionalFrame && !e.Reset
	m := j.open
	if m != nil && more && m.takesMore(c.Data) {
		m.frames = append(m.frames, p)
	} else {
		if m != nil {
			done = append(done, m)
		}
		m = &message{
			class: c.class, ins: c.ins, p1: c.p1, p2: c.p2, le: c.le, native: f == wire.FramingNative,
			reader: c.reader, garbled: status != wire.StatusOK, reset: e.Reset, cut: -1,
		}
		m.frames = append(m.frames, p)
	}
	j.open = nil
	m.answer(e)
	if m.goesOn(j.patient) {
		j.open = m
	} else {
		done = append(done, m)
	}
	return done
}

// flush is the message that the end of the recording cut off, or nil.
func (j *joiner) flush() *message {
	m := j.open
	j.open = nil
	return m
}

// command is what parseCommand finds.
type command struct {
	class  wire.Class
	ins    byte
	p1, p2 byte
	le     int
	Data   []byte
	reader bool
}

func parseCommand(b []byte, f wire.Framing) (command, wire.Status) {
	if f == wire.FramingNative {
		if len(b) == 0 {
			return command{class: wire.ClassNative, le: -1}, wire.StatusLengthError
		}
		return command{class: wire.ClassNative, ins: b[0], Data: b[1:], le: -1}, wire.StatusOK
	}
	if b[0] == classReader {
		return command{class: classReader, ins: b[1], p1: b[2], p2: b[3], Data: b[4:], le: -1, reader: true}, wire.StatusOK
	}
	c, status := wire.ParseCommand(b)
	return command{class: c.Class, ins: c.INS, p1: c.P1, p2: c.P2, le: c.Le, Data: c.Data}, status
}

// answer takes the answer of the message's last exchange.
func (m *message) answer(e *Exchange) {
	p := &m.frames[len(m.frames)-1]
	if e.Preset != nil {
		m.preset = e.Preset
	}
	m.computed = m.computed || e.Computed != ""
	m.failed = e.Failed
	if len(m.frames) > 1 && len(p.command) > 0 {
		m.cuts = append(m.cuts, len(m.body))
	}
	f := wire.FramingWrapped
	if m.native {
		f = wire.FramingNative
	}
	if s := e.CutCommand; s.Len() > 0 && m.cut < 0 {
		m.cut = len(m.body) + max(0, s.From-dataAt(e.Command, f))
	}
	m.cutAnswer = m.cutAnswer || e.CutResponse.Len() > 0
	m.body = append(m.body, p.command...)
	m.cut = min(m.cut, len(m.body))
	data, status, ok := wire.ParseAnswer(f, e.Response, m.native && m.ins == insProximity)
	m.answered = ok
	if !ok {
		return
	}
	p.response, p.status = data, status
	m.status = status
	if len(m.rsp) > 0 {
		m.joints = append(m.joints, len(m.rsp))
	}
	m.rsp = append(m.rsp, data...)
}

const insProximity = 0xF2 // its native answer has no status

// isAuth reports whether the message is an authenticate command.
func (m *message) isAuth() bool {
	if m.class != wire.ClassNative {
		return false
	}
	switch m.ins {
	case insD40, insISO, insAES, insFirst, insNonFirst:
		return true
	}
	return false
}

// goesOn reports whether a frame AF may still belong to the message.
func (m *message) goesOn(patient bool) bool {
	if m.class != wire.ClassNative || !m.answered {
		return false
	}
	if m.isAuth() && len(m.frames) > 1 {
		return false
	}
	if m.status == wire.StatusAdditionalFrame {
		return true
	}
	// A status that was changed on the way still has its data, or the reader
	// goes on as if it were AF.
	return patient && !m.ok()
}

// takesMore reports whether frame AF with this data continues the message.
func (m *message) takesMore(data []byte) bool {
	if m.isAuth() && len(data) == 0 {
		return false
	}
	if m.status != wire.StatusAdditionalFrame && m.odd == "" {
		m.odd = fmt.Sprintf("status %v in the middle of the message, but the reader goes on with AF", m.status)
		m.oddAt = m.last()
	}
	return true
}

// done reports whether the message has come to its end.
func (m *message) done() bool { return m.answered && m.status != wire.StatusAdditionalFrame }

// ok reports success. A native command that is answered as one of ISO 7816-4
// counts, too: whether that is right is looked at later.
func (m *message) ok() bool {
	if m.class == wire.ClassISO {
		return m.status == wire.StatusISOOK
	}
	return m.status == wire.StatusOK || m.status == wire.StatusSignatureOK || m.status == wire.StatusISOOK
}

// spec is the declaration of the command, or nil.
func (m *message) spec() *wire.Spec {
	if m.reader || m.garbled {
		return nil
	}
	if m.isAuth() && (m.ins == insFirst || m.ins == insNonFirst) {
		return findSpec(m.class, m.ins, m.lrpAnswer())
	}
	return findSpec(m.class, m.ins, false)
}

// lrpAnswer reports whether the card answered an EV2 authentication with LRP.
func (m *message) lrpAnswer() bool { return m.isAuth() && len(m.frames[0].response) == 17 }

// findSpec finds a command by class and INS: of those with variants the one of
// LRP, or the common one. A frame AF is no command.
func findSpec(class wire.Class, ins byte, lrp bool) (found *wire.Spec) {
	if class == wire.ClassNative && ins == wire.InsAdditionalFrame {
		return nil
	}
	want := ""
	if lrp {
		want = "LRP"
	}
	if s := wire.Find(class, ins, want); s != nil {
		return s
	}
	for s := range wire.Commands() {
		if s.Class == class && s.INS == ins {
			return s
		}
	}
	return nil
}

// nameOfFrame says which command a frame is.
func nameOfFrame(b []byte) string {
	e := Exchange{Command: b}
	c, status := parseCommand(b, e.framing(""))
	switch {
	case len(b) == 0:
		return "nothing"
	case status != wire.StatusOK:
		return "a malformed APDU"
	case c.reader:
		return "a command to the reader"
	case c.class == wire.ClassNative && c.ins == wire.InsAdditionalFrame:
		return "a further frame (AF)"
	}
	if s := findSpec(c.class, c.ins, false); s != nil {
		return s.Name
	}
	if c.class == wire.ClassISO {
		return fmt.Sprintf("ISO command %02X", c.ins)
	}
	return fmt.Sprintf("command %02X", c.ins)
}
