package dissect

import (
	"strings"

	"github.com/go-desfire/desfire/trace"
)

// Verdict is what was found of the message as a whole, in a few words: "MAC,
// CRC right", "in clear". checked is false if nothing could have been checked.
func (m *Message) Verdict() (outcome Outcome, checked bool, words string) {
	var right []string
	unchecked := ""
	for _, v := range m.Verdicts {
		switch {
		case v.Outcome == Refused:
			return Refused, true, v.Words
		case v.Outcome == Unchecked:
			unchecked = v.Words
		default:
			right = append(right, short(v.Check))
		}
	}
	switch {
	case unchecked != "":
		return Unchecked, true, "not checked"
	case len(right) == 2 && right[0] == right[1]:
		return Proved, true, "both " + right[0] + "s right"
	case len(right) > 0 && right[0] == keyFits:
		return Proved, true, keyFits
	case len(right) > 0:
		return Proved, true, strings.Join(right, " and ") + " right"
	case m.Foreign != "":
		return Unchecked, false, "for " + whom(m.Foreign)
	case m.Protection == Handshake && !m.Good:
		return Unchecked, false, "refused"
	}
	return Unchecked, false, m.Protection.String()
}

const keyFits = "key fits"

func short(c trace.Check) string {
	switch c {
	case trace.CheckProof:
		return keyFits
	case trace.CheckCommandMAC, trace.CheckAnswerMAC:
		return "MAC"
	case trace.CheckCommandCRC, trace.CheckAnswerCRC:
		return "CRC"
	}
	return string(c)
}
