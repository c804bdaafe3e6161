package trace

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// opened adds a message to the result, plain where it could be opened.
func (v *verifier) opened(m *message, best *attempt, note string) {
	o := Opened{First: m.first(), Last: m.last(), Name: m.label(), Spec: m.spec(), Status: m.status, Answered: m.answered, Note: note}
	var command, answer Line
	m.judge(&answer)
	if m.words != nil {
		describeForeign(m, &command, &answer)
		o.Fields, o.Answer = command.Fields, answer.Fields
	}
	o.Words = answer.Name
	cmd, rsp := m.body, m.rsp
	complete := true
	if best != nil && best.session != nil {
		o.Scheme = best.session.scheme
		o.Mode = best.view.cmdMode
		if best.view.rspMode > o.Mode {
			o.Mode = best.view.rspMode
		}
		cmd, rsp, complete = best.cmd, best.rsp, best.opened
	}
	if spec := o.Spec; spec != nil {
		v.openedCommand(&o, m, spec, cmd, complete)
		if m.ok() && !m.isAuth() {
			v.openedAnswer(&o, m, spec, rsp)
		}
	}
	v.res.Messages = append(v.res.Messages, o)
	if v.follow {
		v.followed[len(v.followed)-1].checked(best)
	}
}

// openedCommand fills in the command.
func (v *verifier) openedCommand(o *Opened, m *message, spec *wire.Spec, cmd []byte, complete bool) {
	e := wire.Encoded{Bytes: cmd, Marks: m.cuts, P1: m.p1, P2: m.p2, Le: m.le}
	if m.isAuth() {
		e = wire.Encoded{Bytes: m.frames[0].command, Le: -1}
	}
	from, keys := keyData(m.class, m.ins, cmd)
	value := spec.New()
	var ok bool
	o.Fields, ok = fieldsOf(&v.coder, value, e)
	switch {
	case m.cut >= 0:
		o.Fields = cutFields(o.Fields, m.cut, len(m.body))
	case m.isAuth():
		if ok {
			o.Command = value
		}
		return
	case ok && complete && (!keys || v.keep && !isKeyChange(m.ins)):
		o.Plain, o.Command = slices.Clone(cmd), value
		return
	}
	if keys {
		hideFrom(o.Fields, from)
		value = spec.New()
		if v.coder.Decode(emptied(m.ins, cmd), nil, value) == nil {
			o.Command = value
		}
	}
}

// openedAnswer fills in the answer.
func (v *verifier) openedAnswer(o *Opened, m *message, spec *wire.Spec, rsp []byte) {
	switch {
	case m.cutAnswer:
		o.Answer = cutFields(nil, 0, len(m.rsp))
	case v.foreign != "": // enciphered perhaps
		o.Answer = []wire.Field{{Name: "Data", Len: len(rsp), Value: fmt.Sprintf("%X", rsp)}}
	default:
		value := responseOf(spec)
		var ok bool
		if o.Answer, ok = fieldsOf(&v.coder, value, wire.Encoded{Bytes: rsp, Marks: m.joints, Le: -1}); ok {
			o.Response = value
		}
		o.PlainAnswer = slices.Clone(rsp)
	}
}
