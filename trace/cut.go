package trace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Span is the part of a frame that was cut from a recording, bytes From to To.
// Zeros stand in its place. The zero value is nothing.
type Span struct{ From, To int }

// Len is the number of bytes that were cut.
func (s Span) Len() int { return s.To - s.From }

// String is the comment that a line of hexadecimal digits ends with, empty for
// nothing.
func (s Span) String() string {
	if s.Len() <= 0 {
		return ""
	}
	return fmt.Sprintf(" # cut: bytes %d to %d", s.From, s.To)
}

// spanOf reads the comment at the end of a line about a frame.
func spanOf(line string, frame []byte) (Span, error) {
	_, comment, _ := strings.Cut(line, "#")
	var s [2]int
	if n, _ := fmt.Sscanf(strings.TrimSpace(comment), "cut: bytes %d to %d", &s[0], &s[1]); n != 2 {
		return Span{}, nil
	}
	return span(&s, frame)
}

func (s Span) at(i int) bool { return s.From <= i && i < s.To }

// join is the least span that holds both.
func (s Span) join(t Span) Span {
	switch {
	case s.Len() <= 0 && t.Len() <= 0:
		return Span{}
	case s.Len() <= 0:
		return t
	case t.Len() <= 0:
		return s
	}
	return Span{min(s.From, t.From), max(s.To, t.To)}
}

// holds reports whether t is a part of s.
func (s Span) holds(t Span) bool { return t.Len() <= 0 || s.From <= t.From && t.To <= s.To }

// cutter finds what a recording must not keep: the cryptograms that carry
// keys, and all that depends on one of their blocks.
//
//	D40        IV zero for each message: nothing else depends on it
//	EV1        the last block is the running IV. An answer's CMAC tells it, with
//	           DES at once, and so does any enciphered message whose content is
//	           known. With AES the last block and 2^32 tries of the CRC give the
//	           key. So nothing that the channel made stays in the session.
//	EV2, LRP   IVs come from counters. The command's own MAC is a check value of
//	           the key and goes, too. The answer's MAC does not depend on it.
//
// A session of which the cutter has not seen the beginning counts as EV1.
type cutter struct {
	framing string // of the recording
	opener  opener

	scheme wire.Scheme // D40, EV2 or LRP; none for all else
	tail   bool        // an EV1 session goes on after a cryptogram was cut
	auth   byte        // INS of an authentication that waits for its token

	class wire.Class // of the command whose frames come
	ins   byte
	keys  bool // it carries keys

	last        []byte // the frame whose answer the reader has
	lastFraming wire.Framing
}

// spans says what to cut of the next exchange.
func (c *cutter) spans(e *Exchange) (command, response Span) {
	v := c.opener.open(e, c.framing)
	if e.Reset || v.resets {
		*c = cutter{framing: c.framing, opener: c.opener}
	}
	switch {
	case v.words != nil:
		return c.foreign(&v)
	case v.fetches: // what the command before has answered
		_, response = c.cardSpans(&envelope{frame: c.last, answer: v.answer, framing: c.lastFraming})
	case v.waits: // its answer is still to come
		before := *c
		command, _ = c.cardSpans(&v)
		*c = before
		c.last, c.lastFraming = v.frame, v.framing
	default:
		command, response = c.cardSpans(&v)
	}
	if v.via != "" && !v.fetches {
		command = command.join(unknownSpan(&v))
	}
	return command.moved(v.at), response.moved(v.answerAt)
}

// moved is the span n bytes further on.
func (s Span) moved(n int) Span {
	if s.Len() <= 0 {
		return Span{}
	}
	return Span{s.From + n, s.To + n}
}

// unknownSpan is the data of a frame inside of a reader's command that no DESFire
// card knows: readers have other cards, too.
func unknownSpan(v *envelope) Span {
	p, status := parseCommand(v.frame, v.framing)
	if status != wire.StatusOK || p.class == wire.ClassNative && p.ins == wire.InsAdditionalFrame || findSpec(p.class, p.ins, false) != nil {
		return Span{}
	}
	at := dataAt(v.frame, v.framing)
	return Span{at, at + len(p.Data)}
}

// foreign says what to cut of a command that no DESFire card has, and of its
// answer.
func (c *cutter) foreign(v *envelope) (command, response Span) {
	w := v.words
	kept, keepAnswer := w.Kept, w.KeepAnswer
	if !v.reader && !v.other { // of class 00: for the card
		c.class, c.ins, c.keys, c.auth = wire.ClassISO, w.INS, false, 0
		if c.tail {
			kept, keepAnswer = w.At, false
		}
	}
	if kept < w.End {
		command = Span{kept, w.End}
	}
	if !keepAnswer {
		n := len(v.answer)
		if n >= 2 && isStatus(wire.Status(v.answer[n-2])<<8|wire.Status(v.answer[n-1])) {
			n -= 2
		}
		response = Span{0, n}
	}
	return command.moved(v.at), response.moved(v.answerAt)
}

// cardSpans says what to cut of a frame for the card, and of its answer.
func (c *cutter) cardSpans(v *envelope) (command, response Span) {
	f := v.framing
	p, status := parseCommand(v.frame, f)
	at := dataAt(v.frame, f)
	end := at + len(p.Data)
	if status != wire.StatusOK {
		at, end = min(5, len(v.frame)), len(v.frame)
		if f == wire.FramingNative {
			at = min(1, len(v.frame))
		} else {
			p.class, p.ins, p.Data = wire.ClassNative, v.frame[1], v.frame[at:]
		}
	}
	answer, _ := answerSpan(v.answer, f)
	more := p.class == wire.ClassNative && p.ins == wire.InsAdditionalFrame
	auth := c.auth
	c.auth = 0
	switch {
	case more:
		switch {
		case auth != 0:
			c.opened(auth, v)
			return command, response
		case c.keys, c.tail && !c.untouched():
			command = Span{at, end}
		}
	default:
		c.class, c.ins = p.class, p.ins
		from, keys := keyData(p.class, p.ins, p.Data)
		if c.keys = keys; keys {
			command = Span{min(at+from, end), end}
			c.tail = c.tail || c.scheme == wire.SchemeNone
		} else if c.tail && !c.untouched() {
			command = Span{min(at+headOf(p.class, p.ins, p.Data), end), end}
		}
	}
	if c.tail && !c.untouched() {
		response = answer
	}
	if !more {
		c.follow(p.p1, v)
	}
	return command, response
}

// follow keeps track of sessions after the first frame of a command.
func (c *cutter) follow(p1 byte, v *envelope) {
	_, status := answerSpan(v.answer, v.framing)
	switch {
	case c.class == wire.ClassNative && isAuthINS(c.ins):
		c.scheme = wire.SchemeNone
		if status == wire.StatusAdditionalFrame {
			c.auth, c.tail = c.ins, false
		}
	case c.class == wire.ClassNative && c.ins == insSelect:
		c.scheme = wire.SchemeNone
		if status == wire.StatusOK {
			c.tail = false
		}
	case c.class == wire.ClassISO && c.ins == insISOSelect:
		if p1 != byte(wire.SelectEF) {
			c.scheme = wire.SchemeNone
		}
		if p1 == byte(wire.SelectByName) && status == wire.StatusISOOK {
			c.tail = false
		}
	case c.class == wire.ClassISO && (c.ins == insChallenge || c.ins == insExternal || c.ins == insInternal):
		c.scheme = wire.SchemeNone
		if c.ins == insInternal && status == wire.StatusISOOK {
			c.tail = false
		}
	}
}

// opened notes the session that the second frame of an authentication opens.
func (c *cutter) opened(ins byte, v *envelope) {
	if _, status := answerSpan(v.answer, v.framing); status != wire.StatusOK {
		return
	}
	switch ins {
	case insD40:
		c.scheme = wire.SchemeD40
	case insFirst, insNonFirst:
		c.scheme = wire.SchemeEV2 // or LRP, which is the same here
	}
}

// untouched reports whether the command that is open is one that no channel
// sees, so that nothing of it depends on a running IV.
func (c *cutter) untouched() bool {
	if c.class == wire.ClassISO {
		switch c.ins {
		case insISOSelect, insChallenge, insExternal, insInternal:
			return true
		}
		return false
	}
	spec := findSpec(c.class, c.ins, false)
	return spec != nil && spec.Rule == wire.RulePlain && spec.Unknown == ""
}

// headOf is how many bytes of a command stay in a session that cannot be
// followed: those that name a place in a file.
func headOf(class wire.Class, ins byte, data []byte) int {
	spec := findSpec(class, ins, false)
	if class != wire.ClassNative || spec == nil || spec.Rule != wire.RuleRead && spec.Rule != wire.RuleWrite {
		return 0
	}
	var coder wire.Coder
	n, err := coder.DecodeHead(data, spec.New())
	if err != nil {
		return 0
	}
	return n
}

// keyData reports whether a command carries keys, and where in its data what
// may be of a key begins. A recorder cuts whatever fits, well formed or not.
func keyData(class wire.Class, ins byte, data []byte) (from int, keys bool) {
	if class != wire.ClassNative {
		return 0, false
	}
	switch ins {
	case insChangeKey:
		return 1, true
	case insChangeKey2:
		return 2, true
	case insCreateTMAC:
		return 5, true
	case insDelegated: // the key it carries is enciphered under a card's DAM key
		var coder wire.Coder
		n, err := coder.DecodeHead(data, new(wire.CreateDelegatedApplication))
		if err != nil {
			n = 0
		}
		return n, true
	case insConfig:
		return 1, len(data) == 0 || !keyless(wire.ConfigOption(data[0]))
	}
	return 0, false
}

const (
	insCreateTMAC = 0xCE
	insDelegated  = 0xC9
)

// keyless reports whether a configuration is known to hold no key.
func keyless(o wire.ConfigOption) bool {
	switch o {
	case wire.ConfigPICC, wire.ConfigATS, wire.ConfigSAK, wire.ConfigSecureMessaging, wire.ConfigCapabilities, wire.ConfigName,
		wire.ConfigValueFile, wire.ConfigFailedAuth, wire.ConfigHardware, wire.ConfigATQA:
		return true
	}
	return false
}

func isAuthINS(ins byte) bool {
	switch ins {
	case insD40, insISO, insAES, insFirst, insNonFirst:
		return true
	}
	return false
}

// dataAt is where the data of a command frame begins.
func dataAt(b []byte, f wire.Framing) int {
	switch {
	case f == wire.FramingNative:
		return min(1, len(b))
	case len(b) > 7 && b[4] == 0: // three bytes of length
		return 7
	}
	return min(5, len(b))
}

// answerSpan is where the data of an answer frame lies.
func answerSpan(b []byte, f wire.Framing) (Span, wire.Status) {
	data, status, ok := wire.ParseAnswer(f, b, false)
	switch {
	case !ok:
		return Span{0, len(b)}, 0
	case f == wire.FramingNative:
		return Span{len(b) - len(data), len(b)}, status
	}
	return Span{0, len(data)}, status
}

// apply cuts the spans out of copies of the frames.
func (e *Exchange) apply(command, response Span) {
	if e.CutCommand = e.CutCommand.join(command); e.CutCommand.Len() > 0 {
		e.Command = slices.Clone(e.Command)
		clear(e.Command[e.CutCommand.From:e.CutCommand.To])
	}
	if e.CutResponse = e.CutResponse.join(response); e.CutResponse.Len() > 0 {
		e.Response = slices.Clone(e.Response)
		clear(e.Response[e.CutResponse.From:e.CutResponse.To])
	}
}

// cut cuts from the next exchange what a recording must not keep.
func (c *cutter) cut(e *Exchange) {
	command, response := c.spans(e)
	e.apply(command, response)
}

// Cut returns a copy from which all is cut that tells a key to whoever has the
// key before it: what a Recorder does by itself. It shares nothing with r.
func (r *Recording) Cut() *Recording {
	out := r.clone()
	c := cutter{framing: r.Framing}
	for i := range out.Exchanges {
		c.cut(&out.Exchanges[i])
	}
	return out
}
