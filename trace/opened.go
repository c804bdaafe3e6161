package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// opened adds a message to the result, plain where it could be opened.
func (v *verifier) opened(m *message, best *attempt, note string) {
	o := Opened{First: m.first(), Last: m.last(), Name: m.label(), Status: m.status, Answered: m.answered, Note: note}
	cmd, rsp := m.body, m.rsp
	complete := true
	if best != nil {
		o.Scheme = best.session.scheme
		o.Mode = best.view.cmdMode
		if best.view.rspMode > o.Mode {
			o.Mode = best.view.rspMode
		}
		cmd, rsp, complete = best.cmd, best.rsp, best.opened
	}
	if spec := m.spec(); spec != nil && m.isAuth() {
		o.Fields, _ = fieldsOf(&v.coder, spec.New(), wire.Encoded{Bytes: m.frames[0].command, Le: -1})
	} else if spec != nil {
		c := spec.New()
		var ok bool
		o.Fields, ok = fieldsOf(&v.coder, c, wire.Encoded{Bytes: cmd, Marks: m.cuts, P1: m.p1, P2: m.p2, Le: m.le})
		if ok && complete && m.ins != insChangeKey && m.ins != insChangeKey2 {
			o.Plain = cmd
		}
		if m.ok() && v.foreign != "" { // enciphered perhaps
			o.Answer = []wire.Field{{Name: "Data", Len: len(rsp), Value: fmt.Sprintf("%X", rsp)}}
		} else if m.ok() {
			o.Answer, _ = fieldsOf(&v.coder, responseOf(spec), wire.Encoded{Bytes: rsp, Marks: m.joints, Le: -1})
			o.PlainAnswer = rsp
		}
	}
	v.res.Messages = append(v.res.Messages, o)
}
