package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// view is one message as a session checks it under one assumption about the
// modes of its two halves.
type view struct {
	ins      byte
	body     []byte // command after INS, as sent
	head     int    // how many bytes of it are clear
	want     int    // plain length of the rest, -1 unknown
	cmdMode  wire.CommMode
	rsp      []byte // answer, as sent
	code     byte   // native status of the answer
	rspWant  int    // plain length of the answer, -1 unknown
	rspMode  wire.CommMode
	answered bool // the answer is a success and came
	bare     bool // the answer is not protected: the command ended the session
}

// outcome is what checking a view found.
type outcome struct {
	fits   bool   // the lengths allow the assumption
	cmd    []byte // plain command body
	rsp    []byte // plain answer
	opened bool   // cmd is complete: nothing in it is enciphered any more
	macs   int
	crcs   int
	sent   struct{ macs, crcs int } // those of the command
	padded bool                     // D40: the padding of the answer begins with 80
	checks int                      // macs and crcs of either kind, tried
	bad    []wrong
	st     state
	change *change // what a ChangeKey command holds

	command, answer Half // how their bytes are protected
}

// wrong is one check that failed.
type wrong struct {
	check Check
	what  string
}

func (o *outcome) fail(check Check, format string, args ...any) {
	o.bad = append(o.bad, wrong{check, fmt.Sprintf(format, args...)})
}

// good reports whether every check passed and there was one.
func (o *outcome) good() bool { return o.fits && len(o.bad) == 0 && o.macs+o.crcs > 0 }

// silent reports that nothing is protected in this view.
func (o *outcome) silent() bool { return o.fits && o.checks == 0 }

// better reports whether o explains the message better than p.
func (o *outcome) better(p *outcome) bool {
	if o.rank() == p.rank() {
		return o.padded && !p.padded // it makes sense deciphered
	}
	return o.rank() > p.rank()
}

func (o *outcome) rank() int {
	switch {
	case !o.fits:
		return 0
	case o.good():
		return 1000 + o.macs + o.crcs
	case len(o.bad) == 0:
		return 500
	}
	return 1 + 10*(o.macs+o.crcs) - len(o.bad) + 5
}

// check opens both halves of a message.
func (s *session) check(v view) outcome {
	o := outcome{fits: true, st: s.st, opened: true}
	var command, answer func(*view, *outcome)
	switch s.scheme {
	case wire.SchemeD40:
		command, answer = s.commandD40, s.answerD40
	case wire.SchemeEV1:
		command, answer = s.commandEV1, s.answerEV1
	default:
		command, answer = s.commandEV2, s.answerEV2
	}
	if v.head > len(v.body) {
		v.head = len(v.body)
	}
	o.command, o.answer = Half{Mode: v.cmdMode}, Half{Mode: modeUnknown}
	command(&v, &o)
	o.sent.macs, o.sent.crcs = o.macs, o.crcs
	if o.fits && v.answered {
		o.rsp = v.rsp
		o.answer.Mode = wire.CommPlain
		if !v.bare {
			o.answer.Mode = v.rspMode
			answer(&v, &o)
		} else if len(v.rsp) > 0 {
			o.fits = false
		}
	}
	return o
}
