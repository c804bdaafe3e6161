package trace

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/foreign"
	"github.com/go-desfire/desfire/wellknown"
	"github.com/go-desfire/desfire/wire"
)

// Application is Line.Whose of a command for another application.
const Application = foreign.Application

// judge fills in what a line says of the status of an answer.
func (m *message) judge(answer *Line) {
	answer.Note = m.failed
	switch {
	case m.answered && !isStatus(m.status):
		answer.Name, answer.Words = "no status", fmt.Sprintf("no status: no card ends an answer with %04X", uint16(m.status))
		if b := m.carried(); !m.cutAnswer {
			answer.Fields = []wire.Field{{Name: "Data", Len: len(b), Value: spacedShort(b)}}
		}
		return
	case m.answered:
		answer.Name, answer.Status, answer.Words = m.status.String(), m.status, m.status.Error()
		if m.words != nil {
			answer.Words = foreign.Status(m.words.Whose, uint16(m.status))
		}
		if (m.reader || m.other) && m.status.IsNative() {
			answer.Note, answer.Words = "answered by a DESFire card", m.status.Error()
			return
		}
		answer.Good = m.ok() || m.status == wire.StatusAdditionalFrame || m.other && m.status == samMore || m.status>>8 == 0x61
		if !m.status.Known() {
			answer.Note = m.status.Error()
		}
	case m.bare:
		answer.Name, answer.Words, answer.Good = "data", "data without a status", true
	case answerLen(m) > 0:
		answer.Name, answer.Words = "no status", "too short for a status"
		if s := wire.Native(m.frames[len(m.frames)-1].raw.Response[0]); !m.native && answerLen(m) == 1 && s.Known() {
			answer.Note = fmt.Sprintf("one byte, too short for a status; a card that speaks native frames means %s", s.Error())
		}
	default:
		answer.Name, answer.Words = "no answer", "no answer"
	}
	switch {
	case m.class != wire.ClassNative || !m.answered || m.status.IsNative() || answer.Good || answer.Note != "":
	case m.native:
		answer.Note = "answered as an APDU: the card or reader took the native frame for one"
	case m.status != wire.StatusISOWrongLength:
		answer.Note = "an answer of ISO 7816-4, not of DESFire"
	}
}

// decodeGarbled fills in what can be said of a frame whose lengths do not fit.
func (x *Explainer) decodeGarbled(m *message, command, answer *Line) {
	frame := m.frames[0].frame
	f, ok := foreign.Parse(frame)
	if command.Note = "no command frame: its lengths do not fit"; !ok {
		command.Note = "no command frame: too short"
		return
	}
	spec := findSpec(m.class, f.INS, false)
	if spec == nil {
		return
	}
	command.Name = spec.Name
	switch {
	case f.Odd != "":
		command.Note = "no command frame: " + f.Odd
	case len(frame) == 6 && frame[4] == 0:
		command.Note = "no command frame: Lc 00 stands there, though no data follow"
	}
	if _, keys := keyData(m.class, f.INS, f.Data); m.cut < 0 && !keys && !isAuthINS(f.INS) && x.scheme == wire.SchemeNone {
		fields, ok := fieldsOf(&x.know.coder, spec.New(), wire.Encoded{Bytes: f.Data, P1: m.p1, P2: m.p2, Le: m.le})
		if ok {
			command.Fields = fields
		}
		if m.ok() && !m.cutAnswer {
			if fields, ok = fieldsOf(&x.know.coder, responseOf(spec), wire.Encoded{Bytes: m.rsp, Marks: m.joints, Le: -1}); ok {
				answer.Fields = fields
			}
		}
	}
}

// foreign reports whether a command of class 00 is one that has nothing to do with
// DESFire: Windows and others ask every card for their applications.
func (m *message) foreign() bool {
	switch {
	case m.class != wire.ClassISO:
		return false
	case m.ins == insISOSelect:
		return m.p1 == byte(wire.SelectByName) && m.cut < 0 && wellknown.Elsewhere(m.body)
	}
	return m.words != nil
}

// knownAs is what the name is known as that an ISO SELECT selects.
func knownAs(m *message) []wire.Field {
	if m.class != wire.ClassISO || m.ins != insISOSelect || m.p1 != byte(wire.SelectByName) || m.cut >= 0 {
		return nil
	}
	name := wellknown.DFName(m.body)
	if name == "" {
		return nil
	}
	return []wire.Field{{Name: "KnownAs", Len: len(m.body), Value: name}}
}

const samMore = 0x90AF // a SAM has more to come

// carried is what an answer carries: all of it where its end is no status.
func (m *message) carried() []byte {
	if m.answered && !isStatus(m.status) {
		return append(slices.Clone(m.rsp), byte(m.status>>8), byte(m.status))
	}
	return m.rsp
}

// answerLen is the length of what came last instead of a status.
func answerLen(m *message) int {
	if p := m.frames[len(m.frames)-1]; m.via == "" {
		return len(p.raw.Response)
	}
	return 0
}

// describeForeign fills in what is said of a command that no DESFire card has.
func describeForeign(m *message, command, answer *Line) {
	w := m.words
	command.Whose, command.Fields = w.Whose, w.Fields
	if m.reader || m.other {
		answer.Whose = w.Whose
		if m.answered && isStatus(m.status) && !m.status.IsNative() {
			if answer.Note = ""; m.status == wire.StatusISOOK {
				answer.Name = "OK"
			} else {
				answer.Name = answer.Words
			}
		}
	}
	if w.Odd != "" {
		command.Note = w.Odd
	}
	switch {
	case m.cutAnswer:
		answer.Note = mayCutNote
	case len(m.rsp) > 0 && !w.KeepAnswer:
		answer.Fields = []wire.Field{{Name: "Data", Len: len(m.rsp), Value: fmt.Sprintf("(%d bytes)", len(m.rsp))}}
	case len(m.rsp) > 0 && (answer.Good || m.bare):
		answer.Fields = w.Answer(m.rsp)
	}
	if m.cut >= 0 {
		command.Note = mayCutNote
	}
	if m.failed != "" {
		answer.Note = m.failed
	}
}
