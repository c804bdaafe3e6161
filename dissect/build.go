package dissect

import (
	"strings"
	"time"

	"github.com/go-desfire/desfire/trace"
)

// dissector takes messages apart in their order, and keeps what the reader
// believes between them.
type dissector struct {
	conf   Config
	belief belief
	no     int // of the last session
	open   int // number of the session that is open, 0 for none
}

func newDissector(conf *Config) *dissector {
	d := new(dissector)
	if conf != nil {
		d.conf = *conf
	}
	return d
}

// message makes a Message. exchange gives those that it consists of.
func (d *dissector) message(t *trace.Message, o *trace.Opened, failures []trace.Failure, exchange func(int) *trace.Exchange) *Message {
	l := &t.Lines[1]
	m := &Message{
		No: t.First, Last: t.Last, Name: t.Name, Status: l.Status, Words: l.Words, Good: l.Good, Answered: t.Answered,
		Foreign: t.Lines[0].Whose,
	}
	if first := exchange(t.First); first != nil {
		m.At = time.Duration(first.At) * time.Microsecond
	}
	d.frames(m, t, o, exchange)
	m.Protection, m.Scheme = protectionOf(m, t)
	m.Mode = modeWords(t)
	d.tell(m, t, o)
	d.session(m, t)
	m.State = d.belief.after(d, m, t, o)
	m.Times = timesOf(t, exchange)
	m.Verdicts = verdicts(t, failures)
	return m
}

// frames cuts the frames of a message into parts.
func (d *dissector) frames(m *Message, t *trace.Message, o *trace.Opened, exchange func(int) *trace.Exchange) {
	command, answer := halves(t, o)
	sent, got := wordsOf(t, false), wordsOf(t, true)
	lastSent, lastGot := -1, -1
	for i := range t.Frames {
		f := &t.Frames[i]
		e := exchange(f.Exchange)
		if e == nil {
			continue
		}
		c := Frame{Exchange: f.Exchange, Len: len(e.Command), Protection: sent.protection, Words: sent.words}
		c.Parts = commandParts(t, f, e.Command, i == 0, &command)
		c.Parts = d.hide(c.Parts, t, e.CutCommand, f.KeyCommand)
		m.Frames = append(m.Frames, c)
		if lastSent < 0 || len(f.Data) > 0 {
			lastSent = len(m.Frames) - 1
		} else if i > 0 {
			m.Frames[len(m.Frames)-1].Protection, m.Frames[len(m.Frames)-1].Words = Clear, ""
		}
		a := Frame{Exchange: f.Exchange, Answer: true, Len: len(e.Response), Protection: got.protection, Words: got.words}
		if len(e.Response) == 0 {
			why := e.Failed
			if why == "" {
				why = "no answer is in the recording"
			}
			a.Parts = []Part{{Kind: Missing, Name: "No answer", Meaning: why}}
			a.Protection, a.Words = Clear, ""
		} else {
			a.Parts = d.hide(answerParts(t, f, e.Response, &answer), t, e.CutResponse, f.KeyResponse)
		}
		m.Frames = append(m.Frames, a)
		lastGot = len(m.Frames) - 1
	}
	if lastGot < 0 {
		return
	}
	m.Frames[lastSent].Inner, m.Frames[lastGot].Inner = d.opened(t, o)
}

// opened is what was enciphered in the two halves of a message.
func (d *dissector) opened(t *trace.Message, o *trace.Opened) (command, answer *Inner) {
	if opens(t) {
		return nil, openedProof(t)
	}
	with := "the session key"
	if d.belief.keyName != "" && !strings.HasPrefix(d.belief.keyName, learnedKey) {
		with += " of " + d.belief.keyName
	}
	if s := &t.Sent; s.Sealed.Len() > 0 && s.Plain != nil && !t.CarriesKey {
		fields := shifted(ofFields(o.Fields, 0, o.Plain, t.Name), -s.Sealed.From)
		command = &Inner{"The enciphered part of the command, opened with " + with, inner(s, fields, 0, "command and data")}
	}
	if g := &t.Got; g.Sealed.Len() > 0 && g.Plain != nil {
		answer = &Inner{"The enciphered part of the answer, opened with " + with, inner(g, ofFields(o.Answer, 0, o.PlainAnswer, t.Name), 0, "data and status")}
	}
	if d.conf.Cut && t.CarriesKey {
		command = nil
	}
	return command, answer
}

// hide takes out of parts what was cut from the recording, and what may not be
// shown.
func (d *dissector) hide(parts []Part, t *trace.Message, cut, keys trace.Span) []Part {
	parts = split(parts, cut, func(p *Part) { p.Cut, p.Meaning = true, "not in the recording" })
	clear := t.CarriesKey || t.Garbled || t.Spec == nil || t.Lines[0].Whose != ""
	if !clear && !d.conf.Cut {
		return parts
	}
	return split(parts, keys, func(p *Part) {
		if p.Cut || !d.conf.Cut && (p.Enciphered || p.Kind == MAC || p.Kind == Wrong) {
			return
		}
		p.Secret, p.Meaning, p.Value = true, "not shown: it may hold a key", ""
	})
}

// split cuts parts at the ends of a span and changes those in it. Whatever is
// secret or cut afterwards has no bytes.
func split(parts []Part, s trace.Span, change func(*Part)) []Part {
	if s.Len() <= 0 {
		return parts
	}
	var list []Part
	at := 0
	for _, p := range parts {
		from, to := max(s.From-at, 0), min(s.To-at, p.Len)
		at += p.Len
		if from >= to {
			list = append(list, p)
			continue
		}
		for _, r := range [...]struct {
			from, to int
			in       bool
		}{{0, from, false}, {from, to, true}, {to, p.Len, false}} {
			if r.from == r.to {
				continue
			}
			q := p
			q.Len = r.to - r.from
			if p.Bytes != nil {
				q.Bytes = p.Bytes[r.from:r.to:r.to]
			}
			if r.in {
				change(&q)
				if q.Secret || q.Cut {
					q.Bytes, q.Value = nil, ""
				}
			}
			list = append(list, q)
		}
	}
	return list
}
