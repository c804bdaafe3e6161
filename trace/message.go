package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/foreign"
	"github.com/go-desfire/desfire/wire"
)

// message is one logical command with its answer, frames joined.
type message struct {
	class    wire.Class
	ins      byte
	p1, p2   byte
	le       int
	native   bool
	reader   bool             // for the reader itself, not for the card
	other    bool             // for another card or application
	words    *foreign.Command // of a command that no DESFire card has
	via      string           // what the reader put around the frames
	garbled  bool             // the command is no frame
	body     []byte
	cuts     []int // offsets into body where frames met
	rsp      []byte
	joints   []int // offsets into rsp where frames met
	frames   []part
	status   wire.Status
	answered bool
	bare     bool // an answer without a status came
	waits    bool // the reader has the answer and wants to be asked
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
	frame    []byte // as the card got it
	command  []byte // after INS
	response []byte // without status
	status   wire.Status
	raw      *Exchange

	// Where the frames of the card lie in those of the exchange.
	at                 int
	answerAt, answerTo int
}

func (m *message) first() int { return m.frames[0].index }
func (m *message) last() int  { return m.frames[len(m.frames)-1].index }

// joiner turns exchanges into messages, as they come.
type joiner struct {
	framing string // of the recording
	opener  opener
	patient bool // a status that was changed on the way does not end a message
	next    int
	open    *message
	now     *message // that the exchange fed last belongs to
}

// feed adds an exchange. done are the messages that are now complete: the one
// before if the card or the reader gave it up, the present one if it has
// ended. What is for the reader alone does not end a message of the card.
func (j *joiner) feed(e *Exchange) (done []*message) {
	index := j.next
	j.next++
	v := j.opener.open(e, j.framing)
	if v.reader || v.other {
		j.now = newMessage(&v, e, index)
		if m := j.open; m != nil && (v.resets || e.Reset) {
			j.open, done = nil, append(done, m)
		}
		return append(done, j.now)
	}
	m := j.open
	if m != nil && !e.Reset && m.belongs(&v) {
		m.add(&v, e, index)
	} else {
		if m != nil {
			done = append(done, m)
		}
		m = newMessage(&v, e, index)
	}
	j.open, j.now = nil, m
	if m.goesOn(j.patient) {
		j.open = m
	} else {
		done = append(done, m)
	}
	return done
}

// belongs reports whether an exchange goes on with the message.
func (m *message) belongs(v *envelope) bool {
	if m.waits || v.fetches {
		return m.waits && v.fetches
	}
	c, _ := parseCommand(v.frame, v.framing)
	return c.class == wire.ClassNative && c.ins == wire.InsAdditionalFrame && m.takesMore(c.Data)
}

// newMessage begins a message.
func newMessage(v *envelope, e *Exchange, index int) *message {
	c, status := parseCommand(v.frame, v.framing)
	m := &message{
		class: c.class, ins: c.ins, p1: c.p1, p2: c.p2, le: c.le, native: v.framing == wire.FramingNative,
		reader: v.reader, other: v.other, words: v.words, via: v.via, garbled: status != wire.StatusOK, reset: e.Reset || v.resets, cut: -1,
	}
	if v.words != nil {
		m.garbled = false
		m.class, m.ins, m.p1, m.p2, m.le, c.Data = wire.Class(v.words.Class), v.words.INS, v.words.P1, v.words.P2, v.words.Le, v.words.Data
	}
	m.append(v, e, part{index: index, frame: v.frame, command: c.Data, raw: e})
	return m
}

// add adds an exchange to a message.
func (m *message) add(v *envelope, e *Exchange, index int) {
	c, _ := parseCommand(v.frame, v.framing)
	if v.fetches {
		c.Data = nil
	}
	m.append(v, e, part{index: index, frame: v.frame, command: c.Data, raw: e})
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
}

// parseCommand takes a frame for a card apart.
func parseCommand(b []byte, f wire.Framing) (command, wire.Status) {
	switch {
	case f != wire.FramingNative:
	case len(b) == 0:
		return command{class: wire.ClassNative, le: -1}, wire.StatusLengthError
	default:
		return command{class: wire.ClassNative, ins: b[0], Data: b[1:], le: -1}, wire.StatusOK
	}
	c, status := wire.ParseCommand(b)
	return command{class: c.Class, ins: c.INS, p1: c.P1, p2: c.P2, le: c.Le, Data: c.Data}, status
}

// append takes the command and the answer of an exchange.
func (m *message) append(v *envelope, e *Exchange, p part) {
	if len(m.frames) > 0 && len(p.command) > 0 {
		m.cuts = append(m.cuts, len(m.body))
	}
	if e.Preset != nil {
		m.preset = e.Preset
	}
	m.computed = m.computed || e.Computed != ""
	if m.failed = e.Failed; m.failed == "" {
		m.failed = v.failed
	}
	m.waits = v.waits
	if s := e.CutCommand; s.Len() > 0 && m.cut < 0 {
		m.cut = len(m.body) + max(0, s.From-v.at-m.dataAt(v))
	}
	m.cutAnswer = m.cutAnswer || e.CutResponse.Len() > 0
	m.body = append(m.body, p.command...)
	m.cut = min(m.cut, len(m.body))
	f := wire.FramingWrapped
	if m.native && !m.reader && !m.other {
		f = wire.FramingNative
	}
	data, status, ok := parseAnswer(f, v.answer, m.native && m.ins == insProximity)
	if w := m.words; w != nil && (w.Bare && (m.native || w.Class == chipClass) && m.via == "" || (w.Bare || m.reader || m.other) && !(ok && isStatus(status))) {
		data, status, ok = v.answer, 0, false // an answer without a status
		m.bare = len(v.answer) > 0
	}
	if (m.reader || m.other) && !m.words.Bare && m.via == "" && len(v.answer) == 1 && wire.Native(v.answer[0]).Known() {
		data, status, ok, m.bare = nil, wire.Native(v.answer[0]), true, false // a DESFire card got it
	}
	p.response, p.status = data, status
	p.at, p.answerAt, p.answerTo = v.at, v.answerAt, v.answerAt+len(v.answer)
	m.rsp = append(m.rsp, data...)
	if len(m.frames) > 0 && ok && len(m.rsp) > len(data) {
		m.joints = append(m.joints, len(m.rsp)-len(data))
	}
	m.frames = append(m.frames, p)
	if m.answered = ok; ok {
		m.status = status
	}
}

// dataAt is where the data of the frame in an envelope begin.
func (m *message) dataAt(v *envelope) int {
	if v.words != nil {
		return v.words.At
	}
	return dataAt(v.frame, v.framing)
}

const insProximity = 0xF2 // its native answer has no status

// isAuth reports whether the message is an authenticate command.
func (m *message) isAuth() bool {
	if m.class != wire.ClassNative || m.words != nil {
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
	if m.waits {
		return true
	}
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
	if m.words != nil || m.garbled {
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
	var o opener
	v := o.open(&Exchange{Command: b}, "")
	c, status := parseCommand(v.frame, v.framing)
	switch {
	case len(b) == 0:
		return "nothing"
	case v.words != nil:
		return v.words.Name
	case status != wire.StatusOK:
		return "a malformed APDU"
	case c.class == wire.ClassNative && c.ins == wire.InsAdditionalFrame:
		return "a further frame (AF)"
	}
	if s := findSpec(c.class, c.ins, false); s != nil {
		return s.Name
	}
	return fmt.Sprintf("command %02X", c.ins)
}
