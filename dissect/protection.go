package dissect

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// protection is how one half of a message is protected.
type protection struct {
	protection Protection
	words      string
}

// wordsOf is how one half of a message is protected, as far as is known.
func wordsOf(t *trace.Message, answer bool) protection {
	if opens(t) || isoOpens(t) {
		return protection{Handshake, "handshake"}
	}
	h, l := &t.Sent, &t.Lines[0]
	if answer {
		h, l = &t.Got, &t.Lines[1]
	}
	if h.Mode == trace.ModeUnknown {
		switch {
		case l.Channel == "":
			return protection{Clear, "in clear"}
		case l.Sealed:
			return protection{Full, "enciphered, or may be"}
		case l.Behind > 0:
			return protection{MACed, "with MAC, as its length tells"}
		}
		return protection{Clear, "in clear"}
	}
	scheme := wire.SchemeNone
	if t.Session != nil {
		scheme = t.Session.Scheme()
	}
	switch {
	case h.Sealed.Len() > 0 && h.MAC.Len() > 0:
		return protection{Full, "enciphered, with MAC"}
	case h.Sealed.Len() > 0:
		return protection{Full, "enciphered, with CRC"}
	case h.MAC.Len() > 0 && scheme == wire.SchemeEV1:
		return protection{MACed, "with CMAC"}
	case h.MAC.Len() > 0:
		return protection{MACed, "with MAC"}
	}
	return protection{Clear, "in clear"}
}

// protectionOf is that of the half that has more, and the scheme of the session.
func protectionOf(m *Message, t *trace.Message) (Protection, wire.Scheme) {
	p := Clear
	for _, f := range m.Frames {
		p = max(p, f.Protection)
	}
	scheme := wire.SchemeNone
	switch {
	case t.Session != nil && p != Clear:
		scheme = t.Session.Scheme()
	case t.Session != nil && t.Sent.Mode != trace.ModeUnknown:
		scheme = t.Session.Scheme()
	}
	return p, scheme
}

// modeWords say how data travelled, and why.
func modeWords(t *trace.Message) string {
	if t.Session == nil || t.Spec == nil || t.Sent.Mode == trace.ModeUnknown {
		return ""
	}
	mode := max(modeOf(&t.Sent), modeOf(&t.Got))
	words := fmt.Sprintf("%v, %v", schemeWords(t.Session.Scheme()), modeName(mode))
	switch rule := t.Spec.Rule; {
	case (rule == wire.RuleRead || rule == wire.RuleWrite) && t.File != nil && t.File.Known && t.Demands != trace.ModeUnknown && modeName(t.Demands) != modeName(mode):
		words += fmt.Sprintf(": as the bytes show, though settings of file %v that the recording tells of say %v", t.File.No, modeName(t.Demands))
	case (rule == wire.RuleRead || rule == wire.RuleWrite) && t.File != nil && t.File.Known:
		words += fmt.Sprintf(": file %v is set to %v", t.File.No, modeName(t.File.Mode))
		if t.Demands == wire.CommPlain && t.File.Mode != wire.CommPlain {
			words += ", but its right is free, so that nothing protects it"
		}
	case rule == wire.RuleRead || rule == wire.RuleWrite:
		words += ": as the bytes show; the settings of the file are not known"
	case rule == wire.RuleChangeKey:
		words += ": keys travel in a cryptogram of their own"
	case rule == wire.RuleFull, rule == wire.RuleFullAnswer:
		words += ": " + t.Name + " always is"
	case rule == wire.RuleManage:
		words += ": as all commands that are about no file's data"
	}
	return words
}

func modeOf(h *trace.Half) wire.CommMode {
	switch {
	case h.Mode == trace.ModeUnknown:
		return wire.CommPlain
	case h.Sealed.Len() > 0:
		return max(h.Mode, wire.CommFull)
	case h.MAC.Len() > 0:
		return wire.CommMAC
	}
	return wire.CommPlain
}

func modeName(m wire.CommMode) string {
	switch m {
	case wire.CommMAC:
		return "with MAC"
	case wire.CommFull, wire.CommOwn:
		return "enciphered"
	case trace.ModeUnknown:
		return "unknown"
	}
	return "plain"
}

// schemeWords name a kind of secure messaging.
func schemeWords(s wire.Scheme) string {
	switch s {
	case wire.SchemeD40:
		return "D40"
	case wire.SchemeEV1:
		return "EV1"
	case wire.SchemeEV2:
		return "EV2"
	case wire.SchemeLRP:
		return "LRP"
	}
	return "no session"
}
