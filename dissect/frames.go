package dissect

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// half is one direction of a message: its joined bytes in segments.
type half struct {
	segments []segment
	at       int // how far frames have taken them
}

// take gives the next n bytes of a half their parts. What ends in a later frame
// says so, and what began in an earlier one.
func (h *half) take(b []byte) []Part {
	var parts []Part
	from, to := h.at, h.at+len(b)
	h.at = to
	for _, s := range h.segments {
		a, z := max(s.from, from), min(s.to, to)
		if a >= z {
			continue
		}
		p := segment{a - from, z - from, s.part}.of(b)
		switch {
		case a > s.from:
			p.Name += ", going on"
			p.Value = ""
		case z < s.to:
			p.Meaning = joined(p.Meaning, fmt.Sprintf("the first %d of %d bytes, the rest is in the next frame", z-a, s.to-s.from))
			p.Value = ""
		}
		parts = append(parts, p)
	}
	return parts
}

func joined(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "; " + b
}

// header makes a part of the frame around the data.
func header(b []byte, name, meaning string) Part {
	return Part{Kind: Header, Len: len(b), Bytes: b, Name: name, Meaning: meaning}
}

// commandParts takes a command frame apart.
func commandParts(t *trace.Message, f *trace.MessageFrame, raw []byte, first bool, h *half) []Part {
	from, to := bounds(f.Command, len(raw))
	var parts []Part
	if from > 0 || to < len(raw) && to == 0 {
		n := from
		if to == from {
			n = len(raw)
		}
		parts = append(parts, header(raw[:n], "Reader's frame", envelopeWords(t.Lines[0].Via, n == len(raw))))
		if n == len(raw) {
			return parts
		}
	}
	parts = append(parts, cardCommand(t, f, raw[from:to], first, h)...)
	if to < len(raw) {
		parts = append(parts, header(raw[to:], "Reader's frame", "what the reader puts behind the frame of the card"))
	}
	return parts
}

func envelopeWords(via string, all bool) string {
	switch {
	case all:
		return "asks the reader for the answer that it keeps"
	case via != "":
		return "the frame of the card travels in the reader's " + via
	}
	return "what the reader puts before the frame of the card"
}

func bounds(s trace.Span, n int) (from, to int) {
	from = min(max(s.From, 0), n)
	return from, min(max(s.To, from), n)
}

// cardCommand takes the frame apart that the card gets.
func cardCommand(t *trace.Message, f *trace.MessageFrame, b []byte, first bool, h *half) []Part {
	n := len(b) - len(f.Data)
	switch {
	case len(b) == 0:
		return nil
	case t.Garbled || n < 1:
		return garbled(t, b)
	case t.Lines[0].Whose != "":
		return foreignCommand(t, f, b)
	}
	if n == 1 {
		return append([]Part{insPart(t, b[0:1], first)}, h.take(b[1:])...)
	}
	c, status := wire.ParseCommand(b)
	if status != wire.StatusOK || len(c.Data) != len(f.Data) || len(b) < 4 {
		return garbled(t, b)
	}
	parts := []Part{header(b[:1], "CLA", classWords(b[0])), insPart(t, b[1:2], first)}
	parts = append(parts, p1p2(t, b)...)
	at := 4
	if len(c.Data) > 0 {
		width := 1
		if c.Extended {
			width = 3
		}
		parts = append(parts, header(b[at:at+width], "Lc", count(len(c.Data), "byte")+" follow"))
		at += width
		parts = append(parts, h.take(b[at:at+len(c.Data)])...)
		at += len(c.Data)
	}
	if at < len(b) {
		parts = append(parts, header(b[at:], "Le", leWords(c.Le, len(b)-at)))
	}
	return parts
}

func leWords(le, width int) string {
	if width == 1 && le == 256 || le == 65536 {
		return "an answer of any length"
	}
	return fmt.Sprintf("an answer of %s is expected", count(le, "byte"))
}

func classWords(cla byte) string {
	switch cla {
	case byte(wire.ClassNative):
		return "a DESFire command, wrapped into a frame of ISO 7816-4"
	case byte(wire.ClassISO):
		return "a command of ISO 7816-4"
	}
	return ""
}

func insPart(t *trace.Message, b []byte, first bool) Part {
	if !first {
		p := header(b, "INS", "goes on with "+t.Name)
		if t.Class == wire.ClassNative && b[0] == wire.InsAdditionalFrame {
			p.Value = "AF"
			p.Value = ""
		}
		return p
	}
	words := t.Name
	if t.Spec == nil {
		words = "no command that is known"
	} else if p := Purpose(t.Spec); p != "" {
		words += ": " + p
	}
	return header(b, "INS", words)
}

// p1p2 are the parameters of the header: one part where they say nothing.
func p1p2(t *trace.Message, b []byte) []Part {
	if t.Class != wire.ClassISO {
		words := "always zero"
		if b[2] != 0 || b[3] != 0 {
			words = "should be zero"
		}
		return []Part{header(b[2:4], "P1 P2", words)}
	}
	var names []wire.Field
	for _, f := range t.Lines[0].Fields {
		if f.Offset < 0 && f.Name != "Le" && f.Name != "Length" {
			names = append(names, f)
		}
	}
	switch len(names) {
	case 0:
		return []Part{header(b[2:4], "P1 P2", "")}
	case 1:
		p := header(b[2:4], "P1 P2", meaning(t.Name, names[0], b[2:4]))
		p.Value = names[0].Name + " " + names[0].Value
		return []Part{p}
	}
	var parts []Part
	for i, f := range names[:2] {
		p := header(b[2+i:3+i], f.Name, meaning(t.Name, f, b[2+i:3+i]))
		p.Value = f.Value
		parts = append(parts, p)
	}
	return parts
}

// garbled are the parts of what is no frame.
func garbled(t *trace.Message, b []byte) []Part {
	why := t.Lines[0].Note
	if why == "" {
		why = "no command frame"
	}
	if len(b) < 4 {
		return []Part{{Kind: Data, Len: len(b), Bytes: b, Name: "No frame", Meaning: why}}
	}
	parts := []Part{header(b[:1], "CLA", classWords(b[0])), header(b[1:2], "INS", t.Name), header(b[2:4], "P1 P2", "")}
	if len(b) > 4 {
		parts = append(parts, Part{Kind: Data, Len: len(b) - 4, Bytes: b[4:], Name: "No frame", Meaning: why})
	}
	return parts
}

// foreignCommand are the parts of a command that is none of a DESFire card.
func foreignCommand(t *trace.Message, f *trace.MessageFrame, b []byte) []Part {
	words := fieldWords(t.Lines[0].Fields)
	n := len(f.Data)
	if n == 0 || len(b) < 4 {
		name := "Command"
		p := header(b, name, joined("for "+whom(t.Lines[0].Whose)+": "+t.Name, words))
		return []Part{p}
	}
	at := len(b) - n
	for end := len(b); end >= n; end-- { // behind the data stands Le at most
		if end-n >= 4 && end-n <= 7 && string(b[end-n:end]) == string(f.Data) && end > len(b)-3 {
			at = end - n
		}
	}
	parts := []Part{header(b[:at], "Header", "for "+whom(t.Lines[0].Whose)+": "+t.Name)}
	parts = append(parts, Part{Kind: Data, Len: n, Bytes: b[at : at+n], Name: "Data", Meaning: words})
	if at+n < len(b) {
		parts = append(parts, header(b[at+n:], "Le", ""))
	}
	return parts
}

// answerParts takes an answer frame apart.
func answerParts(t *trace.Message, f *trace.MessageFrame, raw []byte, h *half) []Part {
	from, to := bounds(f.Response, len(raw))
	if from == to && len(raw) > 0 {
		return []Part{header(raw, "Reader's answer", joined(t.Failed, "nothing of the card is in it"))}
	}
	var parts []Part
	if from > 0 {
		parts = append(parts, header(raw[:from], "Reader's frame", "what the reader puts before the answer of the card"))
	}
	b := raw[from:to]
	switch len(b) - len(f.Answer) {
	case 0:
		parts = append(parts, h.take(b)...)
	case 1:
		status := statusPart(t, f.Status, b[:1])
		if len(f.Answer) == 0 && f.Status == 0 {
			status = Part{Kind: Wrong, Len: 1, Bytes: b, Name: "No status", Meaning: joined("too short for a status", t.Lines[1].Note)}
		}
		parts = append(append(parts, status), h.take(b[1:])...)
	case 2:
		n := len(f.Answer)
		parts = append(append(parts, h.take(b[:n])...), statusPart(t, f.Status, b[n:]))
	default:
		parts = append(parts, Part{Kind: Data, Len: len(b), Bytes: b, Name: "Data"})
	}
	if to < len(raw) {
		parts = append(parts, header(raw[to:], "Reader's frame", "what the reader puts behind the answer of the card"))
	}
	return parts
}

func statusPart(t *trace.Message, s wire.Status, b []byte) Part {
	p := Part{Kind: Status, Len: len(b), Bytes: b, Name: "Status", Meaning: s.Error()}
	switch {
	case s == wire.StatusAdditionalFrame && t.Spec != nil && t.Spec.Success == wire.StatusAdditionalFrame:
		p.Meaning = "ADDITIONAL_FRAME: the card waits for the reader's proof"
	case s == wire.StatusAdditionalFrame:
		p.Meaning = "ADDITIONAL_FRAME: more to come"
	case s == wire.StatusOK || s == wire.StatusISOOK:
		p.Meaning = s.String() + ": done"
	case t.Lines[1].Name == "no status":
		p.Meaning = t.Lines[1].Words
	case t.Lines[0].Whose != "" && t.Lines[1].Words != "":
		p.Meaning = t.Lines[1].Words
	}
	return p
}

// fieldWords are fields as one text.
func fieldWords(fields []wire.Field) string {
	s := ""
	for _, f := range fields {
		s = joined(s, f.Name+" "+f.Value)
	}
	return s
}
