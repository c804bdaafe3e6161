package trace

import (
	"bytes"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/wire"
)

// EV2 and LRP: every command counts, plain ones of files too.
//
//	command   MAC(INS, counter, TI, header, data)
//	answer    MAC(status, counter+1, TI, data)
//	full      data, 80, zeros: EV2 CBC under an IV from counter and TI, LRP its running counter;
//	          nothing is enciphered where there is no data

const (
	macEV2   = 8
	blockAES = 16
)

func (s *session) sumEV2(code byte, ctr uint16, parts ...[]byte) [8]byte {
	head := []byte{code, byte(ctr), byte(ctr >> 8)}
	head = append(head, s.ti[:]...)
	var full []byte
	if s.scheme == wire.SchemeLRP {
		sum := s.lrp.mac.Sum(append([][]byte{head}, parts...)...)
		full = sum[:]
	} else {
		s.mac.Reset(nil)
		s.mac.Write(head)
		for _, p := range parts {
			s.mac.Write(p)
		}
		full = s.mac.Sum()
	}
	return cmac.Truncated(full)
}

func (s *session) commandEV2(v *view, o *outcome) {
	o.cmd = v.body
	ctr := o.st.ctr
	o.st.ctr++
	if v.cmdMode == wire.CommPlain {
		o.fits = v.want < 0 || len(v.body)-v.head == v.want
		return
	}
	n := len(v.body) - macEV2
	if o.fits = n >= 0; !o.fits {
		return
	}
	head := min(v.head, n)
	data := v.body[head:n]
	full := v.cmdMode == wire.CommFull || v.cmdMode == wire.CommOwn
	switch {
	case full && v.cmdMode == wire.CommFull && v.want >= 0:
		o.fits = len(data) == padded80(v.want)
	case full:
		o.fits = len(data)%blockAES == 0
	case v.want >= 0:
		o.fits = len(data) == v.want
	}
	if !o.fits {
		return
	}
	o.checks++
	want := s.sumEV2(v.ins, ctr, v.body[:n])
	o.command.mac(want[:], v.body)
	if bytes.Equal(want[:], v.body[n:]) {
		o.macs++
	} else {
		o.fail(CheckCommandMAC, "the command's MAC is wrong for command counter %d", ctr)
	}
	o.cmd = v.body[:n]
	if !full || len(data) == 0 {
		return
	}
	o.command.Sealed = Span{head, n}
	plain, known, ok := s.openEV2(&o.st, data, ctr, 0xA5, 0x5A)
	if ok && v.cmdMode == wire.CommFull {
		o.command.seal(head, plain[:len(data)])
		o.command.Data = len(plain)
	}
	switch {
	case !known:
		o.cmd, o.opened = v.body[:head], false
		return
	case !ok:
		o.fail(CheckCommandPadding, "the padding of the enciphered data is wrong")
		plain = nil
	}
	if v.cmdMode == wire.CommOwn {
		o.cmd, o.opened = v.body[:head], false
		if ok {
			o.openChange(s.scheme, v, plain)
		}
		return
	}
	o.cmd = append(append([]byte(nil), v.body[:head]...), plain...)
}

func (s *session) answerEV2(v *view, o *outcome) {
	ctr := o.st.ctr
	if v.rspMode == wire.CommPlain {
		o.fits = v.rspWant < 0 || len(v.rsp) == v.rspWant
		return
	}
	n := len(v.rsp) - macEV2
	if o.fits = n >= 0; !o.fits {
		return
	}
	data := v.rsp[:n]
	full := v.rspMode == wire.CommFull
	switch {
	case full && v.rspWant > 0:
		o.fits = n == padded80(v.rspWant)
	case full:
		o.fits = n%blockAES == 0
	case v.rspWant >= 0:
		o.fits = n == v.rspWant
	}
	if !o.fits {
		return
	}
	o.checks++
	want := s.sumEV2(v.code, ctr, data)
	o.answer.mac(want[:], v.rsp)
	right := bytes.Equal(want[:], v.rsp[n:])
	if right {
		o.macs++
	} else {
		o.fail(CheckAnswerMAC, "the answer's MAC is wrong for command counter %d", ctr)
	}
	o.rsp = data
	if v.ins == insCommitReaderID && n == blockAES { // enciphered without padding
		o.answer.Sealed = Span{0, n}
		if plain, known := s.decipherEV2(&o.st, data, ctr, 0x5A, 0xA5); known {
			o.rsp = plain
			o.answer.seal(0, plain)
		}
		return
	}
	if !full || n == 0 {
		return
	}
	o.answer.Sealed = Span{0, n}
	plain, known, ok := s.openEV2(&o.st, data, ctr, 0x5A, 0xA5)
	switch {
	case !known:
	case !ok:
		o.fits = !right // a right MAC and no padding: it is not enciphered
		o.fail(CheckAnswerPadding, "the padding of the enciphered answer is wrong")
	default:
		o.rsp, o.padded = plain, true
		o.answer.seal(0, plain[:n])
		o.answer.Data = len(plain)
	}
}

// decipherEV2 deciphers whole blocks. known is false without the encryption key.
func (s *session) decipherEV2(st *state, data []byte, ctr uint16, label ...byte) (plain []byte, known bool) {
	switch {
	case s.scheme == wire.SchemeLRP:
		plain = append([]byte(nil), data...)
		e := st.enc
		lrp.NewCBC(s.lrp.enc, 1, []byte{byte(e >> 24), byte(e >> 16), byte(e >> 8), byte(e)}).Decrypt(plain)
		st.enc += uint32(len(data) / blockAES)
	case s.block == nil:
		return nil, false
	default:
		iv := make([]byte, blockAES)
		copy(iv, label)
		copy(iv[2:], s.ti[:])
		iv[6], iv[7] = byte(ctr), byte(ctr>>8)
		s.block.Encrypt(iv, iv)
		plain = s.decipherCBC(iv, data)
	}
	return plain, true
}

// openEV2 deciphers data and takes the padding off. known is false without the
// encryption key, ok false if there is no padding.
func (s *session) openEV2(st *state, data []byte, ctr uint16, label ...byte) (plain []byte, known, ok bool) {
	if plain, known = s.decipherEV2(st, data, ctr, label...); !known {
		return nil, false, false
	}
	for i := len(plain) - 1; i >= len(plain)-blockAES; i-- {
		if plain[i] == 0x80 {
			return plain[:i], true, true
		}
		if plain[i] != 0 {
			break
		}
	}
	return nil, true, false
}

func padded80(n int) int {
	if n == 0 {
		return 0
	}
	return (n/blockAES + 1) * blockAES
}
