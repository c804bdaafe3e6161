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
