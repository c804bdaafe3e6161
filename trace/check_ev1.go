package trace

import (
	"bytes"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/wire"
)

// EV1: one running IV for CMAC and CBC of both directions.
//
//	command   plain: CMAC(INS, body) moves the IV; MAC: its first 8 bytes are sent as well
//	          full: CBC(data, CRC32(INS, header, data), padding), no CMAC
//	answer    plain and MAC: data, first 8 bytes of CMAC(data, 00)
//	          full: CBC(data, CRC32(data, 00), padding), no CMAC

const (
	macEV1 = 8
	crcEV1 = 4
)

// running computes the CMAC of the parts from the running IV, and lets it be
// the next IV.
func (s *session) running(st *state, parts ...[]byte) []byte {
	s.mac.Reset(st.iv[:s.mac.Size()])
	for _, p := range parts {
		s.mac.Write(p)
	}
	clear(st.iv[:])
	copy(st.iv[:], s.mac.Sum())
	return st.iv[:macEV1]
}

func (s *session) commandEV1(v *view, o *outcome) {
	o.cmd = v.body
	ins := []byte{v.ins}
	data := v.body[v.head:]
	b := s.block.BlockSize()
	switch v.cmdMode {
	case wire.CommMAC:
		n := len(v.body) - macEV1
		if o.fits = n >= 0 && (v.want < 0 || n-v.head == v.want); !o.fits {
			return
		}
		o.cmd = v.body[:n]
		o.checks++
		sum := s.running(&o.st, ins, o.cmd)
		o.command.mac(sum, v.body)
		if bytes.Equal(sum, v.body[n:]) {
			o.macs++
		} else {
			o.fail(CheckCommandMAC, "the command's CMAC is wrong")
		}
	case wire.CommFull:
		if o.fits = wholeBlocks(data, b) && fillsBlocks(len(data), v.want, crcEV1, b); !o.fits {
			return
		}
		plain := s.decipherRunning(&o.st, data)
		o.command.seal(v.head, plain)
		head := v.body[:v.head]
		start := crc.Update32(crc.Sum32(ins), head)
		o.checks++
		n := findCRC(len(plain), v.want, crcEV1, b, func(n int) bool {
			return n+crcEV1 <= len(plain) && crc.Update32(start, plain[:n]) == le32(plain[n:]) && isPadding(plain[n+crcEV1:])
		})
		if n < 0 {
			o.fail(CheckCommandCRC, "the CRC32 of the enciphered data is wrong")
			if n = v.want; n < 0 || n > len(plain) {
				n = len(plain)
			} else {
				o.command.crc(n, bytes32(crc.Update32(start, plain[:n])), false)
			}
		} else {
			o.crcs++
			o.command.crc(n, plain[n:n+crcEV1], true)
		}
		o.cmd = append(append([]byte(nil), head...), plain[:n]...)
	case wire.CommOwn:
		if o.fits = wholeBlocks(data, b); o.fits {
			o.cmd, o.opened = v.body[:v.head], false
			o.command.Sealed = Span{v.head, len(v.body)}
			o.openChange(wire.SchemeEV1, v, s.decipherRunning(&o.st, data))
		}
	default:
		if o.fits = v.want < 0 || len(data) == v.want; o.fits {
			s.running(&o.st, ins, v.body)
		}
	}
}

func (s *session) answerEV1(v *view, o *outcome) {
	code := []byte{v.code}
	if v.rspMode == wire.CommFull {
		b := s.block.BlockSize()
		if o.fits = wholeBlocks(v.rsp, b) && fillsBlocks(len(v.rsp), v.rspWant, crcEV1, b); !o.fits {
			return
		}
		plain := s.decipherRunning(&o.st, v.rsp)
		o.answer.seal(0, plain)
		o.checks++
		n := findCRC(len(plain), v.rspWant, crcEV1, b, func(n int) bool {
			return n+crcEV1 <= len(plain) && crc.Update32(crc.Sum32(plain[:n]), code) == le32(plain[n:]) && isPadding(plain[n+crcEV1:])
		})
		if n < 0 {
			o.fail(CheckAnswerCRC, "the CRC32 of the enciphered answer is wrong")
			if n = v.rspWant; n < 0 || n > len(plain) {
				n = len(plain)
			} else {
				o.answer.crc(n, bytes32(crc.Update32(crc.Sum32(plain[:n]), code)), false)
			}
		} else {
			o.crcs++
			o.answer.crc(n, plain[n:n+crcEV1], true)
		}
		o.rsp = plain[:n]
		return
	}
	n := len(v.rsp) - macEV1
	if o.fits = n >= 0 && (v.rspWant < 0 || n == v.rspWant); !o.fits {
		return
	}
	o.rsp = v.rsp[:n]
	o.checks++
	sum := s.running(&o.st, o.rsp, code)
	o.answer.mac(sum, v.rsp)
	if bytes.Equal(sum, v.rsp[n:]) {
		o.macs++
	} else {
		o.fail(CheckAnswerMAC, "the answer's CMAC is wrong")
	}
}

// decipherRunning deciphers from the running IV; the last cryptogram block is
// the next one.
func (s *session) decipherRunning(st *state, c []byte) []byte {
	b := s.block.BlockSize()
	p := s.decipherCBC(append([]byte(nil), st.iv[:b]...), c)
	clear(st.iv[:])
	copy(st.iv[:], c[len(c)-b:])
	return p
}
