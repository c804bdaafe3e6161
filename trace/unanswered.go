package trace

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// maxSessions bounds in how many states a session may be thought to be.
const maxSessions = 8

// refused follows a message that the card refused. Whatever protects its
// command has been checked: where that is wrong, the mistake is the reader's.
func (v *verifier) refused(m *message, best *attempt) {
	note := "refused"
	if best.macs+best.crcs > 0 {
		v.passed(m, best)
		note = "refused, " + checkedNote(&best.outcome)
	}
	for _, w := range v.mistakes(m, best) {
		note += "; " + w.what
		v.mistake(m, w)
	}
	if v.withoutType(m) {
		note += "; the cryptogram is that of an AES key, but the key number does not say so: 80 for the PICC master key"
	}
	v.opened(m, best, note)
	if best.session.scheme == wire.SchemeD40 {
		return // D40 sessions survive refusals, other schemes end
	}
	// Should the card have kept the session, it is one of these.
	var list []*session
	for _, s := range v.sessions {
		c := *s
		c.st = best.st
		list = among(list, s, &c)
	}
	v.sessions, v.uncertain = list, true
}

// among adds sessions to a list that has neither the same twice nor too many.
func among(list []*session, more ...*session) []*session {
	for _, s := range more {
		if len(list) < maxSessions && !slices.ContainsFunc(list, func(l *session) bool { return *l == *s }) {
			list = append(list, s)
		}
	}
	return list
}

// mistakes are what is wrong with a command, whatever the card said to it.
func (v *verifier) mistakes(m *message, best *attempt) []wrong {
	clear := v.plain(m)
	switch {
	case len(best.bad) > 0 && !(clear && v.uncertain):
		return best.bad
	case len(best.bad) > 0, v.uncertain && clear, m.isCut():
		return nil // the reader took the session for ended
	case best.silent() && m.spec() == nil:
		switch m.status {
		case wire.StatusIntegrityError, wire.StatusLengthError, wire.StatusAuthenticationError:
			return []wrong{{CheckCommandLength, unknownCommand}}
		}
		return nil
	case best.fits:
		if w := v.bare(m, best); w != nil {
			return w
		}
		return v.unprotected(m, best)
	case best.session.macs() && (clear || onlyInSession(m) && v.coder.Decode(m.body, nil, m.spec().New()) == nil):
		if clear && m.status != wire.StatusLengthError && m.status != wire.StatusIntegrityError {
			return nil
		}
		return []wrong{{CheckCommandMAC, "the MAC is missing that the session demands of the command"}}
	}
	mode := wire.CommPlain
	if best.rule == wire.RuleRead || best.rule == wire.RuleWrite {
		mode = v.stated(m, best)
	}
	if mode != modeUnknown && best.rule.Protection(best.session.scheme, false, mode) == wire.CommPlain {
		return nil // nothing protects it, whatever its length is
	}
	return []wrong{{CheckCommandLength, "its length fits no communication mode: the command, or its protection, is not complete"}}
}

const unknownCommand = "it is not known how this command is protected"

// bare says what a command lacks that every session protects, and that came
// plain.
func (v *verifier) bare(m *message, best *attempt) []wrong {
	if spec := m.spec(); spec == nil || spec.Rule != wire.RuleFull && spec.Rule != wire.RuleChangeKey {
		return nil // of the others it is not sure on which cards they must be
	}
	if !best.silent() || !onlyInSession(m) || len(m.body) == 0 || m.isCut() || v.uncertain {
		return nil
	}
	check := CheckCommandMAC
	if best.session.scheme == wire.SchemeD40 || best.session.scheme == wire.SchemeEV1 && m.spec().Rule == wire.RuleFull {
		check = CheckCommandCRC
	}
	return []wrong{{check, "the command is plain, but the session demands that it is protected"}}
}

// unprotected says what a plain command to a file lacks whose settings demand
// more.
func (v *verifier) unprotected(m *message, best *attempt) []wrong {
	mode := v.stated(m, best)
	if !best.silent() || best.rule != wire.RuleWrite || v.uncertain || mode != wire.CommMAC && mode != wire.CommFull {
		return nil
	}
	check := CheckCommandMAC
	if mode == wire.CommFull && !best.session.macs() {
		check = CheckCommandCRC
	}
	return []wrong{{check, fmt.Sprintf("the command is plain, but the settings of the file demand %v", mode)}}
}

// stated is the mode that an access to a file has by settings that stood before
// it. Later ones may be others.
func (v *verifier) stated(m *message, best *attempt) wire.CommMode {
	before := knowledge{app: v.app, files: v.files}
	return before.effective(m, best.rule, best.session.keyNo)
}

// mistake reports what is wrong with a command that was refused or not
// answered. It is a reason only, and no failure, where the session may have
// ended before, the command may not be complete, or it is none that is known.
func (v *verifier) mistake(m *message, w wrong) {
	what := w.what
	if m.done() {
		what += "; " + cardRefused(m)
	}
	switch {
	case v.uncertain:
		what += ", and the session may have ended before"
	case w.check == CheckCommandLength:
	case m.spec() == nil && m.status != wire.StatusIntegrityError:
		what += "; " + unknownCommand
	default:
		v.wrong(m, w.check, what)
		return
	}
	v.reason(m.lastCommand(), w.check, "%s: %s", m.label(), what)
}

// cardRefused says what the card said to a command instead of carrying it out.
func cardRefused(m *message) string {
	return fmt.Sprintf("the card refused it with %04X %s", uint16(m.status), m.status.String())
}

// lost follows a message without an end: nobody knows what the card did.
func (v *verifier) lost(m *message, spec *wire.Spec, rule wire.Rule) {
	why := fmt.Sprintf("exchange %d has no answer, after which the session cannot be followed", m.last())
	if m.answered {
		why = fmt.Sprintf("the message of exchange %d was not finished, after which the session cannot be followed", m.first())
	}
	if m.isCut() {
		v.opened(m, nil, cutNote)
		v.drop(why)
		return
	}
	command := *m
	command.rsp, command.status = nil, 0
	best := v.attempts(&command, spec, rule)
	note := "no answer"
	if m.answered {
		note = "not finished"
	}
	if best.macs+best.crcs > 0 {
		v.passed(m, best)
		note += ", " + checkedNote(&best.outcome)
	}
	for _, w := range v.mistakes(&command, best) {
		note += "; " + w.what
		v.mistake(m, w)
	}
	if m.answered && len(m.rsp) > 0 && best.view.rspMode > wire.CommPlain || best.session.scheme == wire.SchemeEV1 && len(m.rsp) > 0 {
		note += "; the protection of its answer never came"
		v.reason(m.last(), CheckAnswerMAC, "%s: the answer was not read to its end, where its protection stands", m.label())
	}
	v.opened(m, best, note)
	if best.session.scheme == wire.SchemeD40 {
		return // messages do not depend on each other
	}
	list := among(nil, v.sessions...)
	list = among(list, best.equals...)
	if best.session.scheme == wire.SchemeEV1 {
		for _, s := range best.equals {
			done := *s
			done.running(&done.st, []byte{0})
			list = among(list, &done)
		}
	}
	v.sessions, v.uncertain, v.adrift = list, true, why
}

// drop gives up a session that cannot be followed any more.
func (v *verifier) drop(why string) {
	v.endSession()
	v.foreign, v.lostIt = why, true
}

// lose gives up a session that none of the states explains that it may be in
// after an answer was lost.
func (v *verifier) lose(m *message) {
	v.drop(v.adrift)
	v.outside(m)
}
