package trace

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// whyCut says why a part of the message is cut.
func (m *message) whyCut() string {
	if m.words != nil || m.spec() == nil {
		return mayCutNote
	}
	return cutNote
}

// isCut reports whether a part of the message was cut from the recording.
func (m *message) isCut() bool { return m.cut >= 0 || m.cutAnswer }

// overcut notes an exchange of which more was cut than a recorder cuts: what
// is missing there would make a forged recording look right.
func (v *verifier) overcut(i int, e *Exchange) {
	command, response := v.cutter.spans(e)
	if v.follow {
		if v.spans == nil {
			v.spans = make(map[int][2]Span)
		}
		v.spans[i] = [2]Span{command, response}
	}
	if command.holds(e.CutCommand) && response.holds(e.CutResponse) {
		return
	}
	if v.over == nil {
		v.over = make(map[int]bool)
	}
	v.over[i] = true
}

// blanked follows a message of which too much was cut. It reports whether m is
// one.
func (v *verifier) blanked(m *message) bool {
	if m.reader || m.other { // none of the card's
		return false
	}
	for _, p := range m.frames {
		if v.over[p.index] {
			v.endSession()
			v.foreign = fmt.Sprintf("of exchange %d more was cut than carries keys", p.index)
			v.reason(p.index, CheckWhole, "%s: more was cut than carries keys", m.label())
			v.opened(m, nil, "not checked: too much of it was cut")
			return true
		}
	}
	return false
}

// inSessionCut follows a message of a session of which the cryptogram with a
// key was cut. All but that can still be checked under EV2 and LRP.
func (v *verifier) inSessionCut(m *message, spec *wire.Spec, rule wire.Rule) {
	scheme := v.sessions[0].scheme
	if !m.done() {
		v.lost(m, spec, rule)
		return
	}
	v.res.Cut = append(v.res.Cut, Failure{m.first(), checkOfCut(m, scheme), m.label() + ": its protection was not checked, the recorder cut it since it would tell a key", true})
	switch {
	case scheme == wire.SchemeD40: // messages do not depend on each other
		v.opened(m, nil, cutNote)
		if m.ok() {
			v.after(m, &attempt{assumption: assumption{bare: v.endsItself(m)}})
		}
	case scheme == wire.SchemeEV1 || m.cutAnswer:
		own := v.endsItself(m)
		v.opened(m, nil, cutNote)
		if v.endSession(); own || !m.ok() {
			return
		}
		v.learnFiles(m, m.body, m.rsp)
		v.foreign = fmt.Sprintf("what carries the key of exchange %d was cut, after which the session cannot be followed", m.first())
		v.tail = true
	default:
		v.answerOfCut(m, spec, rule)
	}
}

// checkOfCut is the check that a cut leaves out.
func checkOfCut(m *message, scheme wire.Scheme) Check {
	mac := scheme == wire.SchemeEV2 || scheme == wire.SchemeLRP
	switch {
	case m.cut < 0:
		return CheckAnswerMAC
	case mac:
		return CheckCommandMAC
	}
	return CheckCommandCRC
}

const (
	cutNote    = "cut: it would tell a key"
	mayCutNote = "cut: it may hold a key" // for all that is known of the command
)

// endsItself reports whether a key change ends the session that it is done in.
func (v *verifier) endsItself(m *message) bool {
	return isKeyChange(m.ins) && len(m.rsp) == 0 && m.cut > keyNoAt(m) && v.mayBeBare(m, v.sessions[0])
}

func isKeyChange(ins byte) bool { return ins == insChangeKey || ins == insChangeKey2 }

// answerOfCut checks the answer to a command of EV2 or LRP whose own MAC was
// cut.
func (v *verifier) answerOfCut(m *message, spec *wire.Spec, rule wire.Rule) {
	own := v.endsItself(m)
	var best *attempt
	for _, s := range v.sessions {
		w := v.view(m, spec)
		w.cmdMode, w.rspMode = rule.Protection(s.scheme, false, 0), rule.Protection(s.scheme, true, 0)
		w.bare = own
		o := outcome{fits: true, st: s.st, cmd: m.body[:max(0, m.cut)], rsp: m.rsp}
		o.st.ctr++
		if s.scheme == wire.SchemeLRP && w.cmdMode > wire.CommMAC {
			o.st.enc += uint32(max(0, len(m.body)-m.cut-macEV2) / blockAES)
		}
		if m.ok() && !own {
			s.answerEV2(&w, &o)
		}
		moved := *s
		moved.st = o.st
		t := &attempt{outcome: o, assumption: assumption{rule: rule, bare: own}, session: s, view: w, equals: []*session{&moved}}
		if best == nil || t.better(&best.outcome) {
			best = t
		}
	}
	if !m.ok() && len(m.rsp) == 0 {
		v.refused(m, best)
		return
	}
	v.judge(m, best)
}

// unfollowed says once for a session that nothing in it can be checked any
// more, because of what was cut before.
func (v *verifier) unfollowed(m *message) {
	if v.tail && v.foreign != "" && m.isCut() {
		v.reason(m.first(), CheckFollowing, "%s: not checked, nor what follows it in this session: %s", m.label(), v.foreign)
		v.tail = false
	}
}

// cutFields are the fields of a half of which everything from at on was cut.
func cutFields(fields []wire.Field, at, n int) []wire.Field {
	fields = slices.DeleteFunc(fields, func(f wire.Field) bool { return f.Offset >= at || f.Offset+f.Len > at })
	return append(fields, wire.Field{Name: "Cut", Offset: at, Len: n - at, Value: fmt.Sprintf("(%d bytes)", n-at)})
}

// emptied is the plain body of a command that carries keys with zeros in the
// place of what it carries.
func emptied(ins byte, body []byte) []byte {
	from, _ := keyData(wire.ClassNative, ins, body)
	head := append([]byte(nil), body[:min(from, len(body))]...)
	n := 0
	switch ins {
	case insCreateTMAC:
		n = wire.TMKeySize + 1
	case insConfig:
		n = wire.DefaultKeySize + 1
	case insDelegated:
		n = wire.EncKSize + len(wire.CreateDelegatedApplication{}.DAMMAC)
	}
	return append(head, make([]byte, n)...)
}
