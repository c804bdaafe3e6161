package dissect

import (
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// opens reports whether a message is an authenticate command.
func opens(t *trace.Message) bool {
	if t.Class != wire.ClassNative || t.Lines[0].Whose != "" || t.Garbled {
		return false
	}
	switch t.INS {
	case wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First, wire.InsAuthenticateEV2NonFirst:
		return true
	}
	return false
}

// isoOpens reports whether a message is a part of the authentication of ISO
// 7816-4.
func isoOpens(t *trace.Message) bool {
	if t.Class != wire.ClassISO || t.Lines[0].Whose != "" || t.Garbled {
		return false
	}
	switch t.INS {
	case wire.InsISOGetChallenge, wire.InsISOExternalAuthenticate, wire.InsISOInternalAuthenticate:
		return true
	}
	return false
}

// handshake takes both directions of an authenticate command apart: first the
// key number and the card's challenge, then the reader's token and the card's
// proof.
func handshake(t *trace.Message) (command, answer half) {
	lrp := len(t.Frames[0].Answer) == 17
	first := len(t.Frames[0].Data)
	list := ofFields(t.Lines[0].Fields, first, t.Body[:min(first, len(t.Body))], t.Name)
	command.segments = cover(first, list, Part{Kind: Data, Name: "Data", Meaning: "does not fit the layout of " + t.Name})
	at := first
	for i := 1; i < len(t.Frames); i++ {
		n := len(t.Frames[i].Data)
		command.segments = append(command.segments, shifted(token(t, n, lrp), at)...)
		at += n
	}
	at = 0
	for i, f := range t.Frames {
		n := len(f.Answer)
		var list []segment
		if i == 0 {
			list = challenge(n, lrp)
		} else {
			list = proof(t, n, lrp)
		}
		answer.segments = append(answer.segments, shifted(list, at)...)
		at += n
	}
	return command, answer
}

func shifted(list []segment, n int) []segment {
	for i := range list {
		list[i].from += n
		list[i].to += n
	}
	return list
}

// challenge is the card's half of the first frame.
func challenge(n int, lrp bool) []segment {
	if lrp {
		return []segment{
			{0, 1, Part{Kind: Header, Name: "AuthMode", Meaning: "the card speaks LRP"}},
			{1, n, Part{Kind: Data, Name: "RndB", Meaning: "the card's random number, in clear"}},
		}
	}
	return cover(n, nil, Part{Kind: Data, Enciphered: true, Name: "RndB, enciphered", Meaning: "the card's random number under the key: whoever deciphers it has the key"})
}

// token is the reader's answer to the challenge.
func token(t *trace.Message, n int, lrp bool) []segment {
	if lrp && n == 32 {
		return []segment{
			{0, 16, Part{Kind: Data, Name: "RndA", Meaning: "the reader's random number, in clear"}},
			{16, 32, proofOf(t, trace.CheckToken, "MAC", "over both random numbers: the reader has the key")},
		}
	}
	p := proofOf(t, trace.CheckToken, "RndA and RndB', enciphered", "the reader's random number, and the card's rotated by a byte: the reader has the key")
	if p.Kind == MAC {
		p.Kind, p.Enciphered = Data, true
	}
	return cover(n, nil, p)
}

// proof is the card's last answer.
func proof(t *trace.Message, n int, lrp bool) []segment {
	switch {
	case lrp && n == 32:
		return []segment{
			{0, 16, Part{Kind: Data, Enciphered: true, Name: "TI and capabilities, enciphered", Meaning: "16 bytes"}},
			{16, 32, proofOf(t, trace.CheckProof, "MAC", "over both random numbers: the card has the key")},
		}
	case lrp && n == 16:
		return []segment{{0, 16, proofOf(t, trace.CheckProof, "MAC", "over both random numbers: the card has the key")}}
	}
	name := "RndA', enciphered"
	words := "the reader's random number rotated by a byte: the card has the key"
	if n == 32 && t.INS == wire.InsAuthenticateEV2First {
		name, words = "TI, RndA' and capabilities, enciphered", "the new transaction identifier, the reader's random number rotated by a byte, and what both can do"
	}
	p := proofOf(t, trace.CheckProof, name, words)
	if p.Kind == MAC {
		p.Kind, p.Enciphered = Data, true
	}
	return cover(n, nil, p)
}

// proofOf is a part that proves something. It is wrong if the check failed.
func proofOf(t *trace.Message, check trace.Check, name, words string) Part {
	p := Part{Kind: MAC, Name: name, Meaning: words}
	switch {
	case t.Opening == nil:
		p.Meaning += "; not checked, no key that is known fits"
	case t.Opening.Altered != "" && check == trace.CheckProof:
		p.Kind, p.Meaning = Wrong, t.Opening.Altered
	default:
		p.Meaning += ": right"
	}
	return p
}

// openedProof is what the card's last answer says, deciphered.
func openedProof(t *trace.Message) *Inner {
	if t.Opening == nil || len(t.Opening.Answer) == 0 {
		return nil
	}
	b := t.Opening.Answer
	list := []segment{{0, 4, Part{Kind: Data, Name: "TI", Meaning: "transaction identifier: it goes into every MAC of the session"}}}
	at := 4
	if len(b) == 32 {
		list = append(list, segment{4, 20, Part{Kind: Data, Name: "RndA'", Meaning: "the reader's random number rotated by a byte; not shown, session keys are made of it", Secret: true}})
		at = 20
	}
	if len(b) >= at+12 {
		list = append(list,
			segment{at, at + 6, Part{Kind: Data, Name: "PDcap2", Meaning: "what the card can do"}},
			segment{at + 6, at + 12, Part{Kind: Data, Name: "PCDcap2", Meaning: "what the reader said it can do, repeated"}})
	}
	in := &Inner{Title: "The card's answer, deciphered"}
	for _, s := range cover(len(b), list, Part{Kind: Data, Name: "Data"}) {
		in.Parts = append(in.Parts, s.of(b))
	}
	return in
}
