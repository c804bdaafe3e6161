package trace

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// assumption is one way a message may be protected.
type assumption struct {
	rule wire.Rule
	file wire.CommMode
	bare bool
}

// assumptions lists the ways that a command's rule allows, the likely one
// first.
func assumptions(m *message, rule wire.Rule, known wire.CommMode) (list []assumption) {
	switch rule {
	case wire.RuleRead, wire.RuleWrite:
		for _, mode := range [...]wire.CommMode{known, wire.CommPlain, wire.CommMAC, wire.CommFull} {
			a := assumption{rule: rule, file: mode}
			if mode != modeUnknown && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	case wire.RuleFull:
		list = []assumption{{rule: rule}, {rule: wire.RuleManage}}
		if m.ins == insChangeFile { // free to change
			list = append(list, assumption{rule: wire.RulePlain})
		}
	case wire.RuleReaderID: // the answer has a check of its own
		list = []assumption{{rule: wire.RuleMAC}, {rule: wire.RuleManage}}
	case wire.RuleFullAnswer, wire.RuleMAC:
		list = []assumption{{rule: rule}, {rule: wire.RuleManage}}
	case wire.RuleManage: // some readers send the CMAC of EV1 with more commands
		list = []assumption{{rule: rule}, {rule: wire.RuleMAC}}
	default:
		list = []assumption{{rule: rule}}
	}
	switch m.ins {
	case insChangeKey, insChangeKey2, insRollKeySet, insDelete, insConfig:
		for _, a := range list {
			a.bare = true
			list = append(list, a)
		}
	}
	return list
}

// attempt is an outcome with what led to it.
type attempt struct {
	outcome
	assumption
	session *session
	view    view
	equals  []*session // the sessions, moved on, that explain the message as well
}

// attempts checks a message under every assumption and session, and returns
// the best outcome.
func (v *verifier) attempts(m *message, spec *wire.Spec, rule wire.Rule) *attempt {
	base := v.view(m, spec)
	var all []*attempt
	var best, demanded *attempt
	known := v.effective(m, rule, v.sessions[0].keyNo)
	for _, s := range v.sessions {
		for i, a := range assumptions(m, rule, known) {
			if a.bare && !v.mayBeBare(m, s) || a.rule == wire.RulePlain && v.coder.Decode(m.body, nil, spec.New()) != nil {
				continue
			}
			w := base
			w.cmdMode = a.rule.Protection(s.scheme, false, a.file)
			w.rspMode = a.rule.Protection(s.scheme, true, a.file)
			w.bare = a.bare
			t := &attempt{outcome: s.check(w), session: s, assumption: a, view: w}
			if m.status == wire.StatusSignatureOK && m.ins == insReadSig { // which status byte counts is not known
				w.code = m.status.Byte()
				if o := s.check(w); o.better(&t.outcome) {
					t.outcome, t.view = o, w
				}
			}
			all = append(all, t)
			if best == nil || t.better(&best.outcome) {
				best = t
			}
			if i == 0 && t.fits && t.checks > 0 && demanded == nil {
				demanded = t
			}
		}
	}
	if best.silent() && demanded != nil && (known != modeUnknown || rule != wire.RuleRead && rule != wire.RuleWrite) {
		best = demanded // what the rule or the file demands, if the lengths allow it
	}
	for _, t := range all {
		c := *t.session
		c.st = t.st
		if t.rank() == best.rank() && len(best.equals) < maxSessions && !slices.ContainsFunc(best.equals, func(s *session) bool { return *s == c }) {
			best.equals = append(best.equals, &c)
		}
	}
	return best
}

// mayBeBare reports whether the command may end the session, so that its
// answer is not protected.
func (v *verifier) mayBeBare(m *message, s *session) bool {
	switch m.ins {
	case insChangeKey, insChangeKey2:
		if s.keyNo < 0 || len(m.body) == 0 {
			return true
		}
		return int(m.body[keyNoAt(m)]&0x3F) == s.keyNo&0x3F
	case insDelete:
		return v.app == nil || len(m.body) >= 3 && *v.app == [3]byte(m.body)
	case insConfig:
		return len(m.body) > 0 && m.body[0] == byte(wire.ConfigCapabilities)
	}
	return true
}

func keyNoAt(m *message) int {
	if m.ins == insChangeKey2 && len(m.body) > 1 {
		return 1
	}
	return 0
}
