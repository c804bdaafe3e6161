package framelog

import "github.com/go-desfire/desfire/wire"

// statusFirst takes off a wrapper of readers that put the status word before the
// data: 91 AF 57 B0 .. is AF 57 B0 .., and the command 90 0A 00 00 01 00 00 is
// 0A 00. The order of the bytes stays.
func (s *scanner) statusFirst() {
	first, last := 0, 0
	for i := range s.exchanges {
		e := &s.exchanges[i]
		if e.Answer == nil || !isWrapped(e.Command.Bytes) || len(e.Answer.Bytes) < 3 {
			continue
		}
		begins, ends := statusBegins(e.Answer.Bytes), statusWord(e.Answer.Bytes)
		switch {
		case begins && !ends:
			first++
		case ends && !begins:
			last++
		}
	}
	if first == 0 || last > 0 {
		return
	}
	for i := range s.exchanges {
		e := &s.exchanges[i]
		switch a := e.Answer; {
		case isWrapped(e.Command.Bytes):
			e.Command.native()
			if a != nil && len(a.Bytes) > 1 {
				a.Bytes, a.At = a.Bytes[1:], a.At[1:]
			}
		case a != nil && len(a.Bytes) > 2 && statusBegins(a.Bytes) && !statusWord(a.Bytes):
			s.skip(&item{line: a.Line}, "the status stands before the data of the answer, and the command is none of DESFire")
			e.Answer, e.Failed = nil, sprintf("the status stands before the data, line %d", a.Line)
		}
	}
	s.note("the status word stands before the data of each answer: the frames are shown as native ones, with the class, P1, P2, Lc and Le of the commands and the 91 of the status left out")
}

func isWrapped(b []byte) bool { return len(b) > 4 && b[0] == byte(wire.ClassNative) && apduFits(b) }

// statusBegins reports whether an answer begins with a status word of DESFire.
func statusBegins(b []byte) bool {
	return b[0] == 0x91 && wire.Status(0x9100|uint16(b[1])).Known() || b[0] == 0x90 && b[1] == 0
}

// native leaves INS and the data of a wrapped command.
func (f *Frame) native() {
	from, to := 5, 5
	if b := f.Bytes; len(b) > 5 {
		if n := int(b[4]); n > 0 {
			to += n
		} else {
			n := int(b[5])<<8 | int(b[6])
			from, to = 7, min(7+n, len(b))
		}
	}
	f.Bytes = append([]byte{f.Bytes[1]}, f.Bytes[from:to]...)
	f.At = append([]int{f.At[1]}, f.At[from:to]...)
}
