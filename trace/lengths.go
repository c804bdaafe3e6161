package trace

import "github.com/go-desfire/desfire/wire"

// lengths is what the lengths of a message tell of its protection.
type lengths struct {
	name         string // of the mode, "?" if several fit
	head         int    // bytes of the command in clear
	command      int    // bytes that protection added behind the command
	answer       int    // and behind the answer
	sealed       bool   // the command is enciphered
	sealedAnswer bool   // the answer is enciphered, or may be
}

// infer finds the communication mode of a message in a session whose keys are
// not known.
func (x *Explainer) infer(m *message, spec *wire.Spec) lengths {
	w := x.know.view(m, spec)
	known := x.know.effective(m, spec.Rule, x.keyNo)
	var fits []lengths
	var modes []wire.CommMode
	for _, a := range assumptions(m, spec.Rule, known) {
		if a.bare && len(m.rsp) > 0 || a.rule == wire.RulePlain {
			continue
		}
		cmd, rsp := a.rule.Protection(x.scheme, false, a.file), a.rule.Protection(x.scheme, true, a.file)
		l := lengths{name: cmd.String(), head: w.head}
		if rsp > cmd {
			l.name = rsp.String()
		}
		var ok, answered bool
		l.command, l.sealed, ok = x.added(cmd, len(m.body)-w.head, w.want, false)
		l.answer, l.sealedAnswer, answered = x.added(rsp, len(m.rsp), w.rspWant, true)
		if !m.ok() || a.bare {
			l.answer, l.sealedAnswer, answered = 0, false, true
		}
		if cmd == wire.CommMAC && w.head == len(m.body) { // the layout has no data: the MAC was taken for it
			l.head = len(m.body) - l.command
		}
		if ok && answered {
			if a.file == known && known != modeUnknown {
				return l
			}
			fits, modes = append(fits, l), append(modes, max(cmd, rsp))
		}
	}
	switch {
	case len(fits) == 0:
		return lengths{name: "?", head: w.head, sealedAnswer: true, sealed: true}
	case len(fits) == 1 || spec.Rule != wire.RuleRead && spec.Rule != wire.RuleWrite:
		return fits[0]
	}
	l := fits[0]
	for i, f := range fits[1:] {
		if modes[i+1] != modes[0] {
			l.name = "?"
		}
		l.sealed, l.sealedAnswer = l.sealed || f.sealed, l.sealedAnswer || f.sealedAnswer
	}
	return l
}

// added says how many bytes a mode puts behind n-added bytes of plain data,
// whether they are enciphered, and whether that fits.
func (x *Explainer) added(mode wire.CommMode, n, want int, answer bool) (behind int, sealed, ok bool) {
	mac, block, sum := macEV2, blockAES, 0
	switch x.scheme {
	case wire.SchemeD40:
		mac, block, sum = macD40, blockDES, crcD40
	case wire.SchemeEV1:
		mac, block, sum = macEV1, max(x.block, blockDES), crcEV1
		if answer && mode == wire.CommPlain {
			mode = wire.CommMAC
		}
	}
	switch mode {
	case wire.CommPlain:
		return 0, false, want < 0 || n == want
	case wire.CommMAC:
		return min(mac, n), false, n >= mac && (want < 0 || n-mac == want) || !answer && want < 0 && n == 0
	}
	if sum == 0 { // EV2, LRP: the cryptogram and its MAC
		if n -= mac; n < 0 {
			return 0, true, false
		}
		return 0, n > 0, n%block == 0 && (want < 0 || mode == wire.CommOwn || n == padded80(want))
	}
	return 0, true, n > 0 && n%block == 0 && (mode == wire.CommOwn || fillsBlocks(n, want, sum, block))
}
