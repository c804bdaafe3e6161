package foreign

import "fmt"

// Tunnel is a frame for the card inside of a command to the reader.
type Tunnel struct {
	Via    string // "Direct Transmit, InDataExchange"
	From   int    // where it begins in the command
	To     int    // and ends
	Waits  bool   // the reader has the answer and wants to be asked: 61xx
	Failed string // what the reader said instead of an answer of the card
	Resets bool

	// What the card answered: bytes of the reader's answer.
	AnswerFrom, AnswerTo int
}

// Open finds the frame for the card in a command to the reader, and what the
// card answered in the reader's answer. What a card of another kind gets is
// none.
func Open(command, answer []byte) (t Tunnel, ok bool) {
	if isChip(command) {
		return openChip("", command, 0, answer, 0)
	}
	f, parsed := Parse(command)
	if !parsed || f.Class != ClassReader {
		return t, false
	}
	body, sw := answer, uint16(0)
	if n := len(answer); n >= 2 {
		sw = uint16(answer[n-2])<<8 | uint16(answer[n-1])
		if n == 2 || sw == 0x9000 { // some logs leave it out
			body = answer[:n-2]
		}
	}
	switch {
	case f.direct() && isChip(f.Data):
		via := "Direct Transmit, "
		if f.Odd != "" {
			via = fmt.Sprintf("Direct Transmit (%s), ", f.Odd)
		}
		t, ok = openChip(via, f.Data, f.At, body, 0)
	case f.INS == insEncapsulate && len(f.Data) > 0:
		t = Tunnel{Via: "Encapsulate", From: f.At, To: f.At + len(f.Data), AnswerTo: len(body)}
		ok = true
	case f.INS == insTransparent && f.P2 == 1:
		t, ok = openExchange(&f, body)
	}
	if ok && len(body) == 0 && len(answer) >= 2 {
		if t.Waits = sw>>8 == 0x61; !t.Waits && t.Failed == "" {
			t.Failed = fmt.Sprintf("the reader answers %04X: %s", sw, Status(Reader, sw))
		}
	}
	return t, ok
}

// Fetched reports whether a command asks the reader for the answer to the one
// before.
func Fetched(command []byte) bool {
	return len(command) >= header && command[0] == ClassReader && command[1] == insGetResponse
}

// Reopen is t with the answer that was fetched, command being the one that t was
// opened in.
func Reopen(command, answer []byte) Tunnel {
	t, _ := Open(command, answer)
	return t
}

// openChip opens InDataExchange and InCommunicateThru. The offsets are where the
// two begin.
func openChip(via string, b []byte, at int, answer []byte, answerAt int) (t Tunnel, ok bool) {
	skip := 2
	switch b[1] {
	case inDataExchange:
		skip = 3
	case inCommunicateThru:
	default:
		return t, false
	}
	if len(b) <= skip {
		return t, false
	}
	inner := b[skip:]
	if name, _ := tagFrame(inner); name != "" {
		return t, false
	}
	t = Tunnel{Via: via + chipNames[b[1]], From: at + skip, To: at + len(b), AnswerFrom: answerAt, AnswerTo: answerAt}
	rest, answered := chipAnswer(answer, b[1])
	switch {
	case !answered && len(answer) > 0:
		t.Failed = fmt.Sprintf("the answer is none of the reader's chip: it does not begin with D5 %02X", b[1]+1)
		return t, true
	case len(rest) == 0:
		return t, true
	case rest[0]&0x3F != 0:
		t.Failed = "the reader's chip says: " + ChipError(rest[0])
		return t, true
	}
	t.AnswerFrom, t.AnswerTo = answerAt+3, answerAt+len(answer)
	if b[1] == inCommunicateThru {
		t.unblock(inner, rest[1:])
	}
	return t, true
}

// openExchange opens the transceive object of a Transparent Exchange.
func openExchange(f *Frame, body []byte) (t Tunnel, ok bool) {
	for _, o := range objects(f.Data) {
		if (o.tag == tagTransceive || o.tag == tagTransmit) && len(o.value) > 0 {
			t, ok = Tunnel{Via: "Transparent Exchange", From: f.At + o.at, To: f.At + o.at + len(o.value)}, true
		}
	}
	if !ok {
		return t, false
	}
	inner := f.Data[t.From-f.At : t.To-f.At]
	if name, _ := tagFrame(inner); name != "" {
		return t, false
	}
	for _, o := range objects(body) {
		switch {
		case o.tag == tagResponse:
			t.AnswerFrom, t.AnswerTo = o.at, o.at+len(o.value)
			t.unblock(inner, o.value)
		case o.tag == 0xC0 && len(o.value) == 3 && o.value[1] != 0x90 && o.value[1] != 0x62:
			t.Failed = fmt.Sprintf("the reader answers %02X%02X to the object", o.value[1], o.value[2])
		}
	}
	return t, true
}

// unblock takes the prologue of ISO/IEC 14443-4 off, where both have that of an
// I-block: PCB, and CID if its bit is set.
func (t *Tunnel) unblock(command, answer []byte) {
	const block, cid, nad = 0x02, 0x08, 0x04
	if len(command) < 2 || len(answer) < 2 || command[0]&0xE2 != block || answer[0]&0xE2 != block || (command[0]^answer[0])&(cid|nad) != 0 {
		return
	}
	n := 1
	for _, bit := range [...]byte{cid, nad} {
		if command[0]&bit != 0 {
			n++
		}
	}
	if len(command) > n && len(answer) > n {
		t.From, t.AnswerFrom = t.From+n, t.AnswerFrom+n
	}
}
