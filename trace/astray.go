package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// astray looks whether a message outside any session is protected all the same:
// under a session that something has ended, or under one that the recording
// does not show. It returns a note.
func (v *verifier) astray(m *message) string {
	if m.class != wire.ClassNative || m.isCut() || !isKeyChange(m.ins) && !v.looksSealed(m) {
		return ""
	}
	what := "there is no session that could check what protects it"
	mistake := false
	if len(v.ended) > 0 {
		what = v.endedBy + " had ended the session"
		sessions := v.sessions
		v.sessions = v.ended
		best := v.attempts(m, m.spec(), m.spec().Rule)
		v.sessions = sessions
		if mistake = best.good() && !m.ok(); mistake {
			what += " that it is right for"
		} else {
			what += ", and nothing else could check what protects it"
		}
	}
	if m.done() && !m.ok() {
		what += "; " + cardRefused(m)
	}
	if mistake {
		v.fail(m.lastCommand(), CheckSession, "%s: %s", m.label(), what)
	} else {
		v.reason(m.lastCommand(), CheckSession, "%s: %s", m.label(), what)
	}
	return "not checked: " + what
}

// malformed follows a frame that is none: what it was meant to be cannot be
// checked, in a session or where it was to change a key.
func (v *verifier) malformed(m *message) {
	v.opened(m, nil, "no command frame")
	raw := m.frames[0].frame
	var spec *wire.Spec
	if len(raw) > 1 && raw[0] == byte(wire.ClassNative) {
		spec = findSpec(wire.ClassNative, raw[1], false)
	}
	name := "command"
	if spec != nil {
		name = spec.Name
	}
	if len(v.sessions) == 0 && v.foreign == "" && (spec == nil || !isKeyChange(spec.INS)) {
		return
	}
	what := "its frame is malformed, so that nothing in it can be checked"
	if m.done() && !m.ok() {
		what += "; " + cardRefused(m)
	}
	v.reason(m.first(), CheckCommandLength, "%s: %s", name, what)
	v.uncertain = v.uncertain || len(v.sessions) > 0
}

// forOthers follows a message that is not for the card. One that a card of this
// kind answers all the same, in a session, is no message for others.
func (v *verifier) forOthers(m *message) {
	note := "for " + m.words.Whom()
	if m.other && len(v.sessions) > 0 && m.status>>8 == 0x91 {
		v.reason(m.first(), CheckSession, "a command %s, which the card answered with %04X %s: nothing in it was checked", note, uint16(m.status), m.status.String())
	}
	v.opened(m, nil, note)
}

// ending says what the message that is being followed does to a session.
func (v *verifier) ending() string {
	switch {
	case v.now == nil:
		return ""
	case v.now.reset:
		return fmt.Sprintf("the activation before exchange %d", v.now.first())
	}
	return fmt.Sprintf("%s of exchange %d", v.now.label(), v.now.first())
}

// looksSealed reports whether a message has more bytes than its layout, in a
// number that secure messaging adds.
func (v *verifier) looksSealed(m *message) bool {
	spec := m.spec()
	if spec == nil || spec.Rule == wire.RulePlain || m.isAuth() || !m.done() {
		return false
	}
	w := v.view(m, spec)
	longer := func(b []byte, want int, value func() wire.Message) bool {
		n := len(b)
		if want >= 0 {
			return n-want == macD40 || n-want == macEV1 || n > want && n%blockDES == 0
		}
		for _, mac := range [...]int{macD40, macEV1} {
			if n >= mac && v.coder.Decode(b[:n-mac], nil, value()) == nil && v.coder.Decode(b, nil, value()) != nil {
				return true
			}
		}
		return false
	}
	switch {
	case spec.Rule == wire.RuleFull && v.coder.Decode(m.body, nil, spec.New()) != nil:
		n := len(m.body) - w.head
		return n > 0 && n%blockDES == 0
	case w.want >= 0:
		if longer(m.body[w.head:], w.want, nil) {
			return true
		}
	case longer(m.body, -1, func() wire.Message { return spec.New() }):
		return true
	}
	return m.ok() && longer(m.rsp, w.rspWant, func() wire.Message { return responseOf(spec) })
}
