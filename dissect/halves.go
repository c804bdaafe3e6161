package dissect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// halves makes the segments of both directions of a message of the card.
func halves(t *trace.Message, o *trace.Opened) (command, answer half) {
	if opens(t) {
		return handshake(t)
	}
	command.segments = commandSegments(t, o)
	answer.segments = answerSegments(t, o)
	return command, answer
}

// commandSegments takes the body of a command apart.
func commandSegments(t *trace.Message, o *trace.Opened) []segment {
	b := t.Body
	scheme := wire.SchemeNone
	if t.Session != nil {
		scheme = t.Session.Scheme()
	}
	rest := Part{Kind: Data, Name: "Data"}
	if t.Spec != nil {
		rest.Meaning = "does not fit the layout of " + t.Name
		if t.Spec.Unknown != "" {
			rest.Meaning = t.Spec.Unknown
		}
	}
	head := headOf(t)
	if t.Sent.Mode == trace.ModeUnknown { // no session, or one whose keys are not known
		l := &t.Lines[0]
		list := ofFields(l.Fields, head, b, t.Name)
		switch {
		case l.Sealed:
			rest = unknownPart(l, len(b)-end(list))
		case l.Behind > 0 && l.Behind <= len(b):
			list = append(list, segment{len(b) - l.Behind, len(b), macPart(nil, 0, "the command")})
		}
		return cover(len(b), list, rest)
	}
	fields := o.Fields
	s := &t.Sent
	if s.Sealed.Len() > 0 {
		fields = slices.DeleteFunc(slices.Clone(fields), func(f wire.Field) bool { return f.Offset+f.Len > s.Sealed.From })
	}
	list := ofFields(fields, head, b, t.Name)
	if s.Sealed.Len() > 0 {
		part := sealedPart(sealedNames(t, o.Fields, s, o.Plain != nil), s.Sealed.Len(), s.Plain != nil)
		if t.CarriesKey {
			part.Meaning = "the new key and what checks it; it is never shown"
		}
		list = append(list, segment{s.Sealed.From, s.Sealed.To, part})
	}
	if s.MAC.Len() > 0 {
		list = append(list, segment{s.MAC.From, s.MAC.To, macPart(s, scheme, over(t, false))})
	}
	return cover(len(b), list, rest)
}

// over is what a MAC covers.
func over(t *trace.Message, answer bool) string {
	what, counter := "the command", 0
	if answer {
		what, counter = "the answer and its status", 1
	}
	switch s := t.Session; s.Scheme() {
	case wire.SchemeD40:
		return "the data"
	case wire.SchemeEV1:
		return what + ", and all that was said before in the session"
	default:
		return fmt.Sprintf("%s, command counter %d and transaction identifier", what, int(s.Counter())+counter)
	}
}

// headOf is how many bytes of a command say where the data go: all of those
// that have none.
func headOf(t *trace.Message) int { return t.Head }

// unknownPart is what is enciphered, or may be, of a session whose keys are not
// known.
func unknownPart(l *trace.Line, n int) Part {
	p := sealedPart("Data", n, false)
	if l.Behind > 0 {
		p.Name, p.Meaning = "Data, protected", count(n, "byte")+": enciphered, or data and a MAC; nobody can tell without the key"
	}
	return p
}

func end(list []segment) int {
	n := 0
	for _, s := range list {
		n = max(n, s.to)
	}
	return n
}

// sealedNames name what an enciphered run holds.
func sealedNames(t *trace.Message, fields []wire.Field, h *trace.Half, plain bool) string {
	var names []string
	for _, f := range fields {
		name, _, _ := strings.Cut(f.Name, "[")
		if f.Offset >= h.Sealed.From && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch {
	case t.CarriesKey && t.Mode == wire.CommOwn:
		names = []string{"Key"}
	case len(names) == 0 || len(names) > 2 || !plain:
		names = []string{"Data"}
	}
	if h.CRC > 0 {
		names = append(names, "CRC")
	}
	return strings.Join(names, " and ")
}

// answerSegments takes the data of an answer apart.
func answerSegments(t *trace.Message, o *trace.Opened) []segment {
	b := t.Answer
	rest := Part{Kind: Data, Name: "Data"}
	g := &t.Got
	if g.Mode == trace.ModeUnknown {
		l := &t.Lines[1]
		list := ofFields(l.Fields, 0, b, t.Name)
		switch {
		case l.Sealed:
			rest = unknownPart(l, len(b))
		case l.Behind > 0 && l.Behind <= len(b):
			list = append(list, segment{len(b) - l.Behind, len(b), macPart(nil, 0, "the answer")})
		case t.Unknown != "" && t.Lines[1].Channel != "":
			rest.Meaning = "of a session whose keys are not known"
		}
		return cover(len(b), list, rest)
	}
	scheme := wire.SchemeNone
	if t.Session != nil {
		scheme = t.Session.Scheme()
	}
	var list []segment
	if g.Sealed.Len() > 0 {
		h := *g
		h.Sealed.From = 0
		part := sealedPart(sealedNames(t, o.Answer, &h, o.PlainAnswer != nil), g.Sealed.Len(), g.Plain != nil)
		list = append(list, segment{g.Sealed.From, g.Sealed.To, part})
	} else {
		list = ofFields(o.Answer, 0, b, t.Name)
	}
	if g.MAC.Len() > 0 {
		list = append(list, segment{g.MAC.From, g.MAC.To, macPart(g, scheme, over(t, true))})
	}
	return cover(len(b), list, rest)
}
