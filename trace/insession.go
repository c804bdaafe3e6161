package trace

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// inSession checks a message of an open session.
func (v *verifier) inSession(m *message) {
	spec := m.spec()
	rule := wire.RuleManage
	if spec != nil {
		rule = spec.Rule
	}
	if rule == wire.RulePlain { // a proximity check ends the session
		if m.ok() || m.status == wire.StatusSignatureOK {
			v.endSession()
		}
		v.opened(m, nil, "")
		return
	}
	if m.isCut() {
		v.inSessionCut(m, spec, rule)
		return
	}
	if !m.done() {
		v.lost(m, spec, rule)
		return
	}
	best := v.attempts(m, spec, rule)
	if !m.ok() && len(m.rsp) == 0 {
		v.refused(m, best)
		return
	}
	v.judge(m, best)
}

// judge takes the verdict on a message that has an answer.
func (v *verifier) judge(m *message, best *attempt) {
	if best.silent() && best.session.scheme == wire.SchemeD40 && best.hidden(v, m) {
		v.failed(m, best, []wrong{{CheckAnswerMAC, "the answer is altered: with one bit corrected its MAC or CRC is right"}})
		return
	}
	if known := v.effective(m, best.rule, best.session.keyNo); best.silent() && best.rule == wire.RuleRead && (known == wire.CommMAC || known == wire.CommFull) {
		v.failed(m, best, []wrong{{CheckAnswerMAC, fmt.Sprintf("the answer is plain, but the settings of the file demand %v", known)}})
		return
	}
	if w := v.bare(m, best); w != nil {
		v.failed(m, best, w)
		return
	}
	switch {
	case best.good(), best.silent():
		if m.odd != "" {
			v.failed(m, best, nil)
			v.fail(m.oddAt, CheckFrames, "%s: %s", m.label(), m.odd)
		} else if m.status != wire.StatusOK && !(m.status == wire.StatusSignatureOK && m.ins == insReadSig) {
			if best.good() {
				v.failed(m, best, nil)
				v.fail(m.last(), CheckStatus, "%s: the status is %v, but the answer is right for OK", m.label(), m.status)
				break
			}
		}
		if best.silent() && m.spec() == nil && len(m.body)+len(m.rsp) > 0 {
			v.reason(m.lastCommand(), CheckCommandLength, "%s: %s", m.label(), unknownCommand)
		}
		v.passed(m, best)
		v.observe(m, best)
		v.sessions = best.equals
		if best.good() {
			v.uncertain, v.adrift = false, ""
		}
		note := checkedNote(&best.outcome)
		if m.isCut() && best.good() {
			note = cutNote + "; " + note
		} else if m.isCut() {
			note = cutNote
		}
		v.opened(m, best, note)
		v.after(m, best)
	case v.uncertain && v.plain(m):
		v.settleDoubt()
		v.sessions, v.uncertain, v.proven, v.adrift = nil, false, false, ""
		v.outside(m)
	case v.adrift != "":
		v.lose(m)
	case !best.fits && best.session.macs() && v.plain(m):
		// An EV2 command without the MAC that the reader would have put: the
		// reader knows of no session any more.
		v.endSession()
		v.opened(m, nil, "the reader took the session for ended")
	case !best.fits:
		v.failed(m, best, []wrong{{CheckAnswerLength, "its length fits no communication mode: the protection that the session demands is missing or cut"}})
	default:
		v.failed(m, best, best.bad)
	}
}

// macs reports whether commands of the session carry a MAC, whatever they are.
func (s *session) macs() bool { return s.scheme == wire.SchemeEV2 || s.scheme == wire.SchemeLRP }

// onlyInSession reports whether no card takes a command but in a session.
func onlyInSession(m *message) bool {
	spec := m.spec()
	if spec == nil || m.ins == insChangeFile { // which may be free
		return false
	}
	switch spec.Rule {
	case wire.RuleFull, wire.RuleChangeKey, wire.RuleMAC, wire.RuleReaderID:
		return true
	}
	return false
}

// plain reports whether a message is complete as it is: nothing is added to
// its command or answer.
func (v *verifier) plain(m *message) bool {
	spec := m.spec()
	if spec == nil || onlyInSession(m) {
		return false
	}
	cmd := spec.New()
	if v.coder.Decode(m.body, nil, cmd) != nil {
		return false
	}
	if l, ok := cmd.(interface{ AnswerLen() int }); ok && l.AnswerLen() >= 0 && l.AnswerLen() != len(m.rsp) {
		return false
	}
	return !m.ok() || v.coder.Decode(m.rsp, nil, responseOf(spec)) == nil
}

// passed counts what was right.
func (v *verifier) passed(m *message, best *attempt) {
	if best.macs+best.crcs > 0 {
		v.proven = true
		v.settleDoubt()
	}
	if m.computed { // an answer that was calculated is no evidence
		v.res.MACs += best.sent.macs
		v.res.CRCs += best.sent.crcs
		return
	}
	v.res.MACs += best.macs
	v.res.CRCs += best.crcs
}

// failed reports what is wrong with a message and goes on with the session as
// well as that can be done.
func (v *verifier) failed(m *message, best *attempt, bad []wrong) {
	right := best.macs+best.crcs > 0
	if right {
		v.passed(m, best)
	}
	var what []string
	for _, w := range bad {
		what = append(what, w.what)
		v.wrong(m, w.check, w.what)
	}
	v.opened(m, best, strings.Join(what, "; "))
	switch best.session.scheme {
	case wire.SchemeEV1: // the running IV of the card is not known any more
		list := v.sessions
		if best.fits {
			c := *best.session
			c.st = best.st
			list = append(list[:0:0], &c)
		}
		v.sessions, v.uncertain = list, true
	case wire.SchemeEV2, wire.SchemeLRP:
		c := *best.session
		if best.fits {
			c.st = best.st
		} else {
			c.st.ctr++
		}
		v.sessions = []*session{&c}
	}
	if right || best.fits {
		v.after(m, best)
	}
}

// wrong reports a check of a message that failed under the session's keys. Of
// keys that are given one has to see first whether they are the session's.
func (v *verifier) wrong(m *message, check Check, what string) {
	at := m.last()
	if !check.ofCard() {
		at = m.lastCommand()
	}
	f := Failure{Exchange: at, Check: check, What: m.label() + ": " + what}
	if v.proven {
		v.res.Failures = append(v.res.Failures, f)
	} else {
		v.doubtful = append(v.doubtful, f)
	}
}

// after follows what a message that the card carried out does to the session.
func (v *verifier) after(m *message, best *attempt) {
	v.learnFiles(m, best.cmd, best.rsp)
	switch m.ins {
	case insChangeKey, insChangeKey2:
		v.learnKey(m, best)
		if best.bare {
			v.endSession()
		}
	case insRollKeySet:
		v.endSession()
	case insDelete:
		if len(m.body) >= 3 && v.app != nil && *v.app == [3]byte(m.body) && *v.app != [3]byte{} {
			v.endSession()
			v.app = new([3]byte)
		}
	case insConfig:
		if best.bare {
			v.endSession()
		} else if len(m.body) > 0 && m.body[0] == byte(wire.ConfigCapabilities) {
			v.uncertain = true
		}
	case insFormat:
		v.uncertain = true
	}
}

// learnKey keeps the new key of a change for later authentications.
func (v *verifier) learnKey(m *message, best *attempt) {
	c := best.change
	if c == nil {
		return
	}
	no := -1
	if i := keyNoAt(m); i < len(m.body) {
		no = int(m.body[i] & 0x3F)
	}
	learned := func(k *key.Secret) {
		v.keys = append(v.keys, Key{App: v.app, No: no, Value: k, Note: fmt.Sprintf("learned from exchange %d", m.first())})
	}
	if !c.other {
		if k := c.own(); k != nil {
			learned(k)
		}
		return
	}
	for i := len(v.keys) - 1; i >= 0; i-- {
		if k := c.against(v.keys[i].Value.Export()); k != nil {
			if best.session.scheme == wire.SchemeEV2 || best.session.scheme == wire.SchemeLRP {
				v.res.CRCs++
			}
			v.use(v.keys[i].Value)
			learned(k)
			return
		}
	}
	if k := c.against(make([]byte, len(c.mixed))); k != nil { // the key that applications begin with
		learned(k)
	}
}

// lastCommand is the last exchange that carries part of the command.
func (m *message) lastCommand() int {
	at := m.first()
	for _, p := range m.frames {
		if len(p.command) > 0 {
			at = p.index
		}
	}
	return at
}

// label names the command.
func (m *message) label() string {
	if s := m.spec(); s != nil {
		return s.Name
	}
	switch s := findSpec(m.class, m.ins, false); {
	case m.words != nil:
		return m.words.Name
	case m.garbled && s != nil:
		return s.Name
	case m.class == wire.ClassNative && m.ins == wire.InsAdditionalFrame:
		return "AdditionalFrame"
	}
	return fmt.Sprintf("command %02X", m.ins)
}

func checkedNote(o *outcome) string {
	var s []string
	if o.macs > 0 {
		s = append(s, plural(o.macs, "MAC"))
	}
	if o.crcs > 0 {
		s = append(s, plural(o.crcs, "CRC"))
	}
	if s == nil {
		return "not protected"
	}
	return strings.Join(s, " and ") + " right"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
