package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// Line is one half of a message in words.
type Line struct {
	Exchange int  // index of its first exchange
	Answer   bool // from the card
	Name     string
	Spec     *wire.Spec // commands: the declaration, nil if there is none
	More     bool       // a further frame of the message, see Step
	Fields   []wire.Field
	Sealed   bool          // there is more in it, enciphered
	Behind   int           // bytes of a MAC behind the data, as lengths tell
	Channel  string        // "ev2 mac"; empty outside a session
	Raw      []byte        // the first frame, up to what was cut of it
	Cut      int           // how many bytes that is
	Data     []byte        // answers: what they carry, nil if that was cut
	Frames   int           // how many frames there were
	Took     time.Duration // answers: until the last frame, if known
	Status   wire.Status   // answers, 0 if none came
	Words    string        // answers: the status in words, or what came instead
	Good     bool          // answers: nothing was refused, and there is a status where one belongs
	Whose    string        // whom a command is for that is none of a DESFire card: "reader", "SAM"
	Via      string        // what the reader put around the frame, such as "Direct Transmit, InDataExchange"
	Note     string
}

// What a line shows of a frame, in bytes, and of the value of a field, in
// characters.
const (
	maxShown = 32
	maxValue = 64
)

// String is the line, for example
//
//	-> ReadData  FileNo=2 Offset=16 Length=32   ev2 mac   90 BD 00 00 0F ...
func (l Line) String() string {
	arrow := "-> "
	if l.Answer {
		arrow = "<- "
	}
	name := l.Name
	if l.More && !l.Answer {
		name += " (more)"
	}
	parts := []string{arrow + joinFields(name, l.Fields, maxValue)}
	if l.Channel != "" {
		parts = append(parts, l.Channel)
	}
	if l.Via != "" {
		parts = append(parts, "via "+l.Via)
	}
	if len(l.Raw) > 0 {
		raw := spaced(l.Raw[:min(len(l.Raw), maxShown)])
		if len(l.Raw) > maxShown {
			raw += fmt.Sprintf(" ... (%d bytes)", len(l.Raw))
		}
		if l.Cut > 0 {
			raw += fmt.Sprintf(" (%d bytes cut)", l.Cut)
		}
		if l.Frames > 1 {
			raw += " +" + plural(l.Frames-1, "frame")
		}
		parts = append(parts, raw)
	}
	if l.Took > 0 {
		parts = append(parts, fmt.Sprintf("%.1f ms", float64(l.Took)/float64(time.Millisecond)))
	}
	if l.Note != "" {
		parts = append(parts, "["+l.Note+"]")
	}
	return strings.Join(parts, "   ")
}

// Refused reports whether the line is the answer that refuses a command.
func (l Line) Refused() bool { return l.Answer && l.Status != 0 && !l.Good }

func spaced(b []byte) string { return fmt.Sprintf("% X", b) }

// Explainer says in words what passes, message by message or frame by frame,
// without keys. The zero value is ready. It is not safe for concurrent use.
type Explainer struct {
	// Framing is that of exchanges that do not say it and whose bytes do not
	// tell: Native or ISO, Native if empty.
	Framing string

	// KeepKeys shows the frames that carry keys, which are cut else. See
	// RecorderConfig.
	KeepKeys bool

	cut     cutter
	know    knowledge
	join    joiner
	scheme  wire.Scheme
	keyNo   int
	block   int // of an EV1 session
	started bool
}

// Explain explains a whole recording.
func Explain(rec *Recording) []Line {
	x := Explainer{Framing: rec.Framing}
	return x.All(rec)
}

// All explains a whole recording, two lines a message, in the order in which
// the messages begin.
func (x *Explainer) All(rec *Recording) []Line {
	var lines []Line
	for i := range rec.Exchanges {
		lines = append(lines, x.Feed(&rec.Exchanges[i])...)
	}
	lines = append(lines, x.Flush()...)
	pairs := slices.Collect(slices.Chunk(lines, 2))
	slices.SortStableFunc(pairs, func(a, b []Line) int { return cmp.Compare(a[0].Exchange, b[0].Exchange) })
	return slices.Concat(pairs...)
}

// Feed takes the next exchange and returns two lines for each message that is
// complete now: usually the one it belongs to, none in the middle of a chain.
func (x *Explainer) Feed(e *Exchange) []Line {
	var lines []Line
	done, _ := x.feed(e)
	for _, m := range done {
		lines = append(lines, x.explain(m)...)
	}
	return lines
}

// feed takes an exchange, cut. now is the message it belongs to.
func (x *Explainer) feed(e *Exchange) (done []*message, now *message) {
	if !x.started {
		x.started, x.know.files, x.keyNo = true, files{}, -1
		x.join.framing, x.cut.framing = x.Framing, x.Framing
	}
	kept := *e
	if !x.KeepKeys {
		x.cut.cut(&kept)
	}
	return x.join.feed(&kept), x.join.now
}

// Flush returns the lines of a message that was not finished.
func (x *Explainer) Flush() []Line {
	if m := x.join.flush(); m != nil {
		return x.explain(m)
	}
	return nil
}

func (x *Explainer) explain(m *message) []Line {
	x.start(m)
	command, answer := x.describe(m)
	x.follow(m)
	return []Line{command, answer}
}

// start follows what was before a message.
func (x *Explainer) start(m *message) {
	if m.reset {
		x.scheme, x.know.app = wire.SchemeNone, new([3]byte)
	}
	if m.preset != nil {
		x.begin(m)
	}
}

// describe makes the two lines of a message.
func (x *Explainer) describe(m *message) (command, answer Line) {
	command = Line{Exchange: m.first(), Name: m.label(), Spec: m.spec(), Frames: commandFrames(m), Via: m.via}
	command.frame(m.frames[0].raw.Command, m.frames[0].raw.CutCommand)
	answer = Line{Exchange: m.last(), Answer: true, Frames: answerFrames(m)}
	if raw := m.frames[len(m.frames)-answer.Frames].raw; len(raw.Response) > 0 {
		answer.frame(raw.Response, raw.CutResponse)
	}
	m.judge(&answer)
	if !m.cutAnswer {
		answer.Data = m.carried()
	}
	for _, p := range m.frames {
		answer.Took += time.Duration(p.raw.Took) * time.Microsecond
	}
	switch {
	case m.words != nil:
		describeForeign(m, &command, &answer)
	case m.garbled:
		x.decodeGarbled(m, &command, &answer)
	default:
		x.decode(m, &command, &answer)
	}
	return command, answer
}

// frame lets the line show a frame.
func (l *Line) frame(b []byte, cut Span) {
	if l.Raw = b; cut.Len() > 0 {
		l.Raw, l.Cut = b[:cut.From:cut.From], cut.Len()
	}
}

// commandFrames counts the frames that carry the command.
func commandFrames(m *message) int {
	n := 1
	for _, p := range m.frames[1:] {
		if len(p.command) > 0 {
			n++
		}
	}
	return n
}

// answerFrames counts the frames that carry the answer.
func answerFrames(m *message) int {
	if m.isAuth() {
		return len(m.frames)
	}
	return len(m.frames) - commandFrames(m) + 1
}

// decode fills in the fields.
func (x *Explainer) decode(m *message, command, answer *Line) {
	spec := m.spec()
	if spec == nil {
		command.Fields = []wire.Field{{Name: "Data", Len: len(m.body), Value: spacedShort(m.body)}}
		if m.cut >= 0 {
			command.Fields, command.Note = cutFields(nil, m.cut, len(m.body)), mayCutNote
		}
		return
	}
	cmd := spec.New()
	if m.isAuth() {
		command.Fields, _ = fieldsOf(&x.know.coder, cmd, wire.Encoded{Bytes: m.frames[0].command, Le: -1})
		if len(m.frames) > 1 {
			command.Note = "challenge and token exchanged"
		}
		return
	}
	body, rsp := m.body, m.rsp
	var o lengths
	if x.scheme != wire.SchemeNone && spec.Rule != wire.RulePlain {
		o = x.infer(m, spec)
		command.Channel = fmt.Sprintf("%v %s", x.scheme, o.name)
		answer.Channel = command.Channel
		command.Behind, answer.Behind = o.command, o.answer
		if !m.ok() {
			answer.Channel, answer.Behind = "", 0
		}
		body, rsp = body[:len(body)-o.command], rsp[:max(0, len(rsp)-o.answer)]
	}
	e := wire.Encoded{Bytes: body, Marks: m.cuts, P1: m.p1, P2: m.p2, Le: m.le}
	fields, ok := fieldsOf(&x.know.coder, cmd, e)
	command.Fields = append(fields, knownAs(m)...)
	switch {
	case o.sealed:
		command.Fields, command.Sealed = clearFields(fields, o.head), true
	case !ok:
		command.Note = "does not fit the command's layout"
	}
	switch {
	case m.cut >= 0:
		command.Fields, command.Note = cutFields(command.Fields, m.cut, len(m.body)), cutNote
	case x.scheme == wire.SchemeNone && !ok:
		if from, keys := keyData(m.class, m.ins, m.body); keys {
			command.Fields = clearFields(fields, from)
		}
	}
	if m.cutAnswer {
		answer.Note = cutNote
		return
	}
	if !m.ok() && m.answered && len(rsp) > 0 && x.scheme == wire.SchemeNone && isStatus(m.status) { // what came before it broke off
		answer.Fields, _ = fieldsOf(&x.know.coder, responseOf(spec), wire.Encoded{Bytes: rsp, Marks: m.joints, Le: -1})
	}
	answer.Sealed = m.ok() && o.sealedAnswer && len(m.rsp) > 0
	if m.ok() && !o.sealedAnswer {
		if answer.Fields, ok = fieldsOf(&x.know.coder, responseOf(spec), wire.Encoded{Bytes: rsp, Marks: m.joints, Le: -1}); !ok {
			answer.Note = "does not fit the answer's layout"
		}
		x.know.learnFiles(m, body, rsp)
	}
}

// clearFields keeps the fields before head: what follows is enciphered.
func clearFields(fields []wire.Field, head int) []wire.Field {
	return slices.DeleteFunc(fields, func(f wire.Field) bool { return f.Offset+f.Len > head })
}

func spacedShort(b []byte) string {
	if len(b) > maxShown {
		return fmt.Sprintf("%X...", b[:maxShown])
	}
	return fmt.Sprintf("%X", b)
}

// begin starts the session of a preset.
func (x *Explainer) begin(m *message) {
	if s, err := m.preset.takeOver(); err == nil {
		x.scheme, x.keyNo, x.block = s.scheme, s.keyNo, s.typ.BlockSize()
	}
}

// follow keeps track of the session.
func (x *Explainer) follow(m *message) {
	switch {
	case m.reader, m.other, m.garbled:
	case m.isAuth():
		x.scheme = wire.SchemeNone
		h, complete := m.handshakeOf()
		if !complete || m.status != wire.StatusOK {
			return
		}
		x.keyNo = h.keyNo
		switch {
		case m.ins == insD40:
			x.scheme = wire.SchemeD40
		case m.ins == insISO, m.ins == insAES:
			x.scheme = wire.SchemeEV1
			if x.block = 8; m.ins == insAES {
				x.block = 16
			}
		case m.lrpAnswer():
			x.scheme = wire.SchemeLRP
		default:
			x.scheme = wire.SchemeEV2
		}
	case m.class == wire.ClassISO:
		switch {
		case m.ins == insInternal && m.ok():
			x.scheme, x.keyNo, x.block = wire.SchemeEV1, -1, 8
			if m.p1 == byte(wire.AlgorithmAES) {
				x.block = 16
			}
		case m.ins == insISOSelect && m.ok() && m.p1 != byte(wire.SelectEF), m.ins == insChallenge, m.ins == insExternal:
			x.scheme = wire.SchemeNone
			if m.ins == insISOSelect {
				x.know.app = nil
			}
		}
	case m.ins == insSelect:
		x.scheme = wire.SchemeNone
		if m.status == wire.StatusOK && len(m.body) >= 3 {
			x.know.app = (*[3]byte)(slices.Clone(m.body[:3]))
		}
	case !m.ok() && x.scheme != wire.SchemeD40:
		x.scheme = wire.SchemeNone
	case m.ins == insRollKeySet, m.ins == insPreparePC && m.ok():
		x.scheme = wire.SchemeNone
	case (m.ins == insChangeKey || m.ins == insChangeKey2) && len(m.body) > 1 && int(m.body[keyNoAt(m)]&0x3F) == x.keyNo&0x3F:
		x.scheme = wire.SchemeNone
	}
}
