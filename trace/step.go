package trace

import (
	"time"

	"github.com/go-desfire/desfire/wire"
)

// Step takes the next exchange and returns the lines of its two frames at
// once, as they pass. Each has the name of the message that it belongs to.
// The fields of a command stand with its first frame as far as that has them,
// those of an answer with its last. Either Step or Feed takes a recording.
func (x *Explainer) Step(e *Exchange) (command, answer Line) {
	done, now := x.feed(e)
	for _, m := range done {
		if m != now { // given up
			x.follow(m)
		}
	}
	n := len(now.frames)
	if n == 1 {
		x.start(now)
	}
	part := &now.frames[n-1]
	ended := x.join.open != now
	command, answer = x.describe(now)
	command.Exchange, command.Frames, answer.Frames = part.index, 1, 1
	command.frame(part.raw.Command, part.raw.CutCommand)
	answer.frame(part.raw.Response, part.raw.CutResponse)
	answer.Took = time.Duration(part.raw.Took) * time.Microsecond
	if !ended {
		answer.Fields = nil
	}
	if answer.More = n > 1; !now.cutAnswer && answer.Status != 0 {
		answer.Data = part.response
	}
	if n > 1 {
		command = Line{Exchange: part.index, Name: command.Name, Spec: command.Spec, More: true, Raw: command.Raw, Cut: command.Cut, Frames: 1}
	}
	switch {
	case ended:
		x.follow(now)
	case now.words == nil && !now.garbled && x.scheme != wire.SchemeNone && !now.isAuth():
		// Lengths tell the mode of a message that is complete.
		if n == 1 {
			w := x.know.view(now, now.spec())
			command.Fields, command.Channel = clearFields(command.Fields, w.head), x.scheme.String()
		}
		command.Note, answer.Channel = "", ""
	default:
		command.Note = ""
	}
	if command.Cut > 0 {
		command.Note = now.whyCut()
	}
	return command, answer
}

// Sent returns the line of a command before its answer is there, as far as the
// command alone tells. It takes nothing: Step does, once the exchange is over.
// What stands in e of an answer counts for nothing.
func (x *Explainer) Sent(e *Exchange) Line {
	y := *x // what it knows is read only
	kept := Exchange{Command: e.Command, Framing: e.Framing, Reset: e.Reset, Preset: e.Preset}
	if !y.started {
		y.know.files, y.keyNo = files{}, -1
		y.join.framing, y.cut.framing = y.Framing, y.Framing
	}
	if !y.KeepKeys {
		y.cut.cut(&kept)
	}
	opener := y.join.opener
	v := opener.open(&kept, y.join.framing)
	if m := y.join.open; m != nil && !v.reader && !v.other {
		if more := *m; !e.Reset && more.belongs(&v) {
			l := Line{Exchange: y.join.next, Name: m.label(), Spec: m.spec(), More: true, Frames: 1, Via: v.via}
			l.frame(kept.Command, kept.CutCommand)
			if l.Cut > 0 {
				l.Note = m.whyCut()
			}
			return l
		}
		y.follow(m) // given up
	}
	j := joiner{framing: y.join.framing, next: y.join.next, opener: y.join.opener}
	m := j.feed(&kept)[0]
	y.start(m)
	l, _ := y.describe(m)
	if m.isAuth() || l.Cut == 0 && l.Note == m.whyCut() {
		l.Note = ""
	}
	return l
}
