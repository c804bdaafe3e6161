package dissect

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// verdicts are what was checked of a message.
func verdicts(t *trace.Message, failures []trace.Failure) []Verdict {
	var list []Verdict
	if t.Opening != nil && t.Opening.Altered == "" && len(failures) == 0 {
		list = append(list, Verdict{Outcome: Proved, Check: trace.CheckProof, Words: "the key fits: " + joinedBy(t.Opening.Key, t.Opening.Note, ", ")})
	}
	for _, h := range [...]struct {
		half     *trace.Half
		mac, crc trace.Check
		b        []byte
	}{{&t.Sent, trace.CheckCommandMAC, trace.CheckCommandCRC, t.Body}, {&t.Got, trace.CheckAnswerMAC, trace.CheckAnswerCRC, t.Answer}} {
		if h.half.Want == nil || t.CarriesKey && h.half.MAC.Len() == 0 {
			continue
		}
		check, got := h.crc, []byte(nil)
		if s := h.half.MAC; s.Len() > 0 && s.To <= len(h.b) {
			check, got = h.mac, h.b[s.From:s.To]
		} else if h.half.Data+h.half.CRC <= len(h.half.Plain) {
			got = h.half.Plain[h.half.Data : h.half.Data+h.half.CRC]
		}
		v := Verdict{Outcome: Proved, Check: check, Words: "the " + string(check) + " is right"}
		if !h.half.Right {
			v.Outcome, v.Words = Refused, "the "+string(check)+" is wrong"
			v.Want, v.Got = h.half.Want, got
			v.Causes = bent(t, v, failures)
		}
		list = append(list, v)
	}
	if t.CarriesKey && t.Right > 0 && t.Sent.Want == nil {
		list = slices.Insert(list, 0, Verdict{Outcome: Proved, Check: trace.CheckCommandCRC, Words: "the CRC of the new key is right"})
	}
	for _, f := range failures {
		if slices.ContainsFunc(list, func(v Verdict) bool { return v.Check == f.Check && v.Outcome == Refused }) {
			continue
		}
		outcome := Refused
		if f.Open {
			outcome = Unchecked
		}
		list = append(list, Verdict{Outcome: outcome, Check: f.Check, Words: strings.TrimPrefix(f.What, t.Name+": ")})
	}
	return list
}

// bent explains a wrong MAC or CRC by how far it is from the right one.
func bent(t *trace.Message, v Verdict, failures []trace.Failure) []Cause {
	n := 0
	for i := range min(len(v.Want), len(v.Got)) {
		n += bits.OnesCount8(v.Want[i] ^ v.Got[i])
	}
	all := 8 * len(v.Want)
	var causes []Cause
	if n <= 2 {
		causes = append(causes, Cause{
			Sure: diagnose.Likely,
			Text: fmt.Sprintf("A bit was bent on the way or in the file: %s of %d differs. A wrong key or other data would change about half of them.", count(n, "bit"), all),
			Next: "Compare the file with where it comes from, and look for the exchange in another recording.",
		})
	} else {
		causes = append(causes, Cause{
			Sure: diagnose.Possible,
			Text: "Something that goes into it is not what it was: a byte of the message, the counter, or a message before that is missing here.",
			Next: "See whether lines of the log were skipped, and whether messages before this one are right.",
		})
	}
	changed := ""
	if t.Spec != nil && t.Spec.Effect != wire.EffectNone && (v.Check == trace.CheckAnswerMAC || v.Check == trace.CheckAnswerCRC) {
		changed = " What the command does may have happened on the card all the same."
	}
	if v.Check == trace.CheckAnswerMAC || v.Check == trace.CheckAnswerCRC {
		causes = append(causes, Cause{Sure: diagnose.Possible, Text: "Somebody altered the answer. A program that checks it refuses it." + changed})
	} else if t.Answered && t.Lines[1].Good {
		causes = append(causes, Cause{Sure: diagnose.Possible, Text: "Somebody altered the command after the card had it: a card that checks it would have refused it."})
	}
	return causes
}
