package trace

import (
	"github.com/go-desfire/desfire/internal/foreign"
	"github.com/go-desfire/desfire/wire"
)

// envelope is an exchange without what a reader puts around the frames of a
// card.
type envelope struct {
	frame, answer []byte // of the card; answer empty if none came
	at, answerAt  int    // where they begin in the frames of the exchange
	framing       wire.Framing
	via           string // what was around them, empty if nothing
	failed        string // what the reader said instead of an answer

	// words are of a command that no DESFire card has. reader: it is for the
	// reader, other: for another card or application than a DESFire one.
	words         *foreign.Command
	reader, other bool
	resets        bool // the card is activated anew

	waits   bool // the reader has the answer and wants to be asked
	fetches bool // it is asked
}

// opener opens envelopes as they come.
type opener struct {
	waiting []byte // the command whose answer the reader has
}

// open opens an exchange of a recording with a framing.
func (o *opener) open(e *Exchange, framing string) envelope {
	waiting := o.waiting
	o.waiting = nil
	v := envelope{frame: e.Command, answer: e.Response, framing: e.framing(framing)}
	if foreign.Fetched(e.Command) && waiting != nil {
		t := foreign.Reopen(waiting, e.Response)
		if v.fetches = true; t.Waits {
			o.waiting = waiting
		}
		v.enter(&t, nil, e.Response)
		return v
	}
	if t, ok := foreign.Open(e.Command, e.Response); ok {
		if t.Waits {
			o.waiting = e.Command
		}
		v.enter(&t, e.Command, e.Response)
		inner := Exchange{Command: v.frame, Response: v.answer, CutCommand: e.CutCommand.moved(-v.at)}
		v.framing = inner.framing(framing)
		v.name(&inner)
		return v
	}
	v.name(e)
	return v
}

// enter takes the frames out of a tunnel.
func (v *envelope) enter(t *foreign.Tunnel, command, answer []byte) {
	v.via, v.failed, v.waits = t.Via, t.Failed, t.Waits
	v.at, v.answerAt = t.From, t.AnswerFrom
	v.frame, v.answer = nil, nil
	if command != nil {
		v.frame = command[t.From:t.To]
	}
	if t.AnswerTo > t.AnswerFrom {
		v.answer = answer[t.AnswerFrom:t.AnswerTo]
	}
}

// name finds out whether a command is one of a DESFire card.
func (v *envelope) name(e *Exchange) {
	b := e.Command
	switch {
	case len(b) == 0:
	case b[0] == classReader && len(b) >= 4, isChip(b):
		v.words, v.reader = foreign.Describe(b), true
		v.resets = v.words.Resets
	case !headerCut(e) && foreign.Escape(b, e.Response):
		v.words, v.reader = foreign.Describe(b), true
	case v.framing == wire.FramingNative:
		if !headerCut(e) && foreign.IsActivation(b, e.Response) {
			v.words, v.reader = foreign.DescribeActivation(b, e.Response), true
			v.resets = v.words.Resets
			break
		}
		cut := len(b)
		if e.CutCommand.Len() > 0 {
			cut = max(0, e.CutCommand.From)
		}
		v.words, v.other = foreign.Tag(b, e.Response, cut)
	case b[0] == byte(wire.ClassISO):
		if findSpec(wire.ClassISO, b[1], false) == nil {
			v.words = foreign.Describe(b)
		}
	case b[0] != byte(wire.ClassNative):
		v.words, v.other = foreign.Describe(b), true
	}
}

const chipClass = 0xD4 // frames of a PN53x

func isChip(b []byte) bool { return len(b) >= 2 && b[0] == chipClass }

// isAPDU reports whether a command that begins neither with 90 nor with 00 is an
// APDU all the same, of another class: no DESFire card has such an instruction,
// and its lengths and those of the answer are those of ISO 7816-4.
func isAPDU(command, answer []byte, declared string) bool {
	f, ok := foreign.Parse(command)
	if !ok {
		return false
	}
	switch f.Class {
	case foreign.ClassReader:
		return true
	case 0xE0:
		return foreign.Escape(command, answer)
	case foreign.ClassOwn, 0x84: // SAM, GlobalPlatform, EMV
		return f.Odd == "" || hasStatus(answer)
	case 0xA0: // SIM cards
		return f.Odd == "" && foreign.KnownINS(f.INS)
	}
	switch own := findSpec(wire.ClassNative, f.Class, false) != nil || f.Class == wire.InsAdditionalFrame; {
	case f.Odd != "":
		return false
	case own: // secure messaging of ISO 7816-4; where an INS may be a file or key number, it is one
		return f.Class&0x0C != 0 && f.Class < 0x10 && f.INS&0x60 != 0 && foreign.KnownINS(f.INS) && hasStatus(answer)
	case len(answer) == 0:
		return declared == ISO && foreign.KnownINS(f.INS)
	}
	return hasStatus(answer)
}

// headerCut reports whether so much was cut of a command that it was no APDU.
func headerCut(e *Exchange) bool { return e.CutCommand.Len() > 0 && e.CutCommand.From < 4 }

// hasStatus reports whether an answer ends as those of ISO 7816-4 do, and not as
// those of DESFire.
func hasStatus(answer []byte) bool {
	n := len(answer)
	if n < 2 {
		return false
	}
	sw1, sw2 := answer[n-2], answer[n-1]
	return sw1 > 0x60 && sw1 <= 0x6F || sw1 == 0x9F || sw1 == 0x90 && sw2 == 0x00
}

// isStatus reports whether two bytes may be a status word at all (ISO 7816-3,
// 10.3.3).
func isStatus(s wire.Status) bool { return s > 0x6000 && s < 0x7000 || s >= 0x9000 && s < 0xA000 }

// parseAnswer splits an answer of a card. A native command may be answered as if
// it were an APDU: then ISO 7816-4 has the word.
func parseAnswer(f wire.Framing, answer []byte, bare bool) (data []byte, status wire.Status, ok bool) {
	if f == wire.FramingNative && len(answer) == 2 && !bare {
		if sw := wire.Status(answer[0])<<8 | wire.Status(answer[1]); sw > 0x6100 && sw < 0x7000 && !wire.Native(answer[0]).Known() {
			return answer[:0], sw, true
		}
	}
	return wire.ParseAnswer(f, answer, bare)
}
