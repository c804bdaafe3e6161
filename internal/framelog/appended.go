package framelog

import "github.com/go-desfire/desfire/wire"

// appended takes off the 90 00 that readers put behind native answers: behind
// all of them, or behind those alone that are too short for PC/SC, 00 90 00.
func (s *scanner) appended() {
	with, without := 0, 0
	for i := range s.exchanges {
		switch e := &s.exchanges[i]; {
		case !nativeAnswer(e):
		case endsAppended(e.Answer.Bytes):
			with++
		case len(e.Answer.Bytes) > 3:
			without++
		}
	}
	if with == 0 {
		return
	}
	took := false
	for i := range s.exchanges {
		e := &s.exchanges[i]
		if !nativeAnswer(e) || !endsAppended(e.Answer.Bytes) {
			continue
		}
		n := len(e.Answer.Bytes) - 2
		if without == 0 && with > 1 || n == 1 && noData(e.Command.Bytes[0]) {
			e.Answer.Bytes, e.Answer.At = e.Answer.Bytes[:n], e.Answer.At[:n]
			took = true
		}
	}
	if took {
		s.note("the reader put 90 00 behind native answers: it is left out")
	}
}

// nativeAnswer reports whether e is a native command and has an answer.
func nativeAnswer(e *Exchange) bool {
	c := e.Command.Bytes
	return e.Answer != nil && len(c) > 0 && nativeINS(c[0]) && c[0] != 0x90 && len(e.Answer.Bytes) > 0
}

func endsAppended(b []byte) bool {
	n := len(b)
	return n > 2 && b[n-2] == 0x90 && b[n-1] == 0 && wire.Status(0x9100|uint16(b[0])).Known()
}

// noData reports whether 90 00 cannot be the data of the answer to a native
// command.
func noData(ins byte) bool {
	s := wire.Find(wire.ClassNative, ins, "")
	if s == nil || s.Unknown != "" {
		return false
	}
	var coder wire.Coder
	return s.NewResponse == nil || coder.Decode([]byte{0x90, 0x00}, nil, s.NewResponse()) != nil
}
