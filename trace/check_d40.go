package trace

import (
	"bytes"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/wire"
)

// D40: the IV is zero for every operation, plain messages carry nothing.
//
//	MAC     data, first 4 bytes of the last block of CBC over the data
//	full    reader to card: C = D(P xor C before);  card to reader: C = E(P xor C before)
//	        P = data, CRC16, zeros (length unknown: 80, zeros)

const (
	macD40   = 4
	crcD40   = 2
	blockDES = 8
)

func (s *session) commandD40(v *view, o *outcome) {
	o.cmd = v.body
	data := v.body[v.head:]
	switch v.cmdMode {
	case wire.CommMAC:
		o.fits = s.macD40(o, data, v.want, CheckCommandMAC)
		if o.fits {
			o.cmd = v.body[:len(v.body)-macD40]
			o.command.mac(s.sumD40(data[:len(data)-macD40]), v.body)
		}
	case wire.CommFull:
		if o.fits = wholeBlocks(data, blockDES) && fillsBlocks(len(data), v.want, crcD40, blockDES); !o.fits {
			return
		}
		o.command.seal(v.head, s.decipherSent(data))
		plain := s.crcD40(o, o.command.Plain, v.want, false)
		o.cmd = append(append([]byte(nil), v.body[:v.head]...), plain...)
		o.otherWay(func(t *outcome) { s.crcD40(t, s.decipherCBC(make([]byte, blockDES), data), v.want, false) })
	case wire.CommOwn:
		if o.fits = wholeBlocks(data, blockDES); o.fits {
			o.cmd, o.opened = v.body[:v.head], false
			o.command.Sealed = Span{v.head, len(v.body)}
			o.openChange(wire.SchemeD40, v, s.decipherSent(data))
			o.otherWay(func(t *outcome) { t.openChange(wire.SchemeD40, v, s.decipherCBC(make([]byte, blockDES), data)) })
		}
	default:
		o.fits = v.want < 0 || len(data) == v.want
	}
}

func (s *session) answerD40(v *view, o *outcome) {
	switch v.rspMode {
	case wire.CommMAC:
		if s.macD40(o, v.rsp, v.rspWant, CheckAnswerMAC) {
			o.rsp = v.rsp[:len(v.rsp)-macD40]
			o.answer.mac(s.sumD40(o.rsp), v.rsp)
			return
		}
		o.fits = false
	case wire.CommFull:
		if o.fits = wholeBlocks(v.rsp, blockDES) && fillsBlocks(len(v.rsp), v.rspWant, crcD40, blockDES); !o.fits {
			return
		}
		o.answer.seal(0, s.decipherCBC(make([]byte, blockDES), v.rsp))
		o.rsp = s.crcD40(o, o.answer.Plain, v.rspWant, true)
	default:
		o.fits = v.rspWant < 0 || len(v.rsp) == v.rspWant
	}
}

// otherWay says of a cryptogram of the reader whose CRC is wrong whether it is
// right the other way round: enciphered, as cards do it, where D40 readers
// decipher.
func (o *outcome) otherWay(check func(*outcome)) {
	if len(o.bad) == 0 {
		return
	}
	t := outcome{fits: true}
	if check(&t); t.good() {
		w := &o.bad[len(o.bad)-1]
		w.what += "; it is right if the card enciphers: the reader enciphered with CBC, where a D40 reader deciphers"
	}
}

// macD40 checks the MAC at the end of data. It reports whether the length
// allows one.
func (s *session) macD40(o *outcome, data []byte, want int, check Check) bool {
	n := len(data) - macD40
	if n < 1 || want >= 0 && n != want {
		return false
	}
	o.checks++
	if bytes.Equal(s.sumD40(data[:n]), data[n:]) {
		o.macs++
	} else {
		o.fail(check, "the %s is wrong", check)
	}
	return true
}

// sumD40 is the MAC over data.
func (s *session) sumD40(data []byte) []byte {
	x := make([]byte, blockDES)
	for i := 0; i < len(data); i += blockDES {
		for j, b := range data[i:min(i+blockDES, len(data))] {
			x[j] ^= b
		}
		s.block.Encrypt(x, x)
	}
	return x[:macD40]
}

// decipherSent undoes the send mode of the reader.
func (s *session) decipherSent(c []byte) []byte {
	p := make([]byte, len(c))
	prev := make([]byte, blockDES)
	for i := 0; i < len(c); i += blockDES {
		s.block.Encrypt(p[i:], c[i:i+blockDES])
		for j := range blockDES {
			p[i+j] ^= prev[j]
		}
		prev = c[i : i+blockDES]
	}
	return p
}

// decipherCBC is ordinary CBC decryption.
func (s *session) decipherCBC(iv, c []byte) []byte {
	b := s.block.BlockSize()
	p := make([]byte, len(c))
	prev := iv
	for i := 0; i < len(c); i += b {
		s.block.Decrypt(p[i:], c[i:i+b])
		for j := range b {
			p[i+j] ^= prev[j]
		}
		prev = c[i : i+b]
	}
	return p
}

// crcD40 checks the CRC16 of deciphered data and returns the data. Where the
// length is not known it looks for the CRC. GetCardUID of a D40 session has a
// CRC32 on some cards (command reference C-9).
func (s *session) crcD40(o *outcome, plain []byte, want int, answer bool) []byte {
	o.checks++
	half := o.half(answer)
	right := func(n int) bool {
		return n+crcD40 <= len(plain) && crc.Sum16(plain[:n]) == uint16(plain[n])|uint16(plain[n+1])<<8 && isPadding(plain[n+crcD40:])
	}
	right32 := func(n int) bool {
		return answer && n+crcEV1 <= len(plain) && crc.Update32(crc.Sum32(plain[:n]), []byte{0}) == le32(plain[n:]) && isPadding(plain[n+crcEV1:])
	}
	n := findCRC(len(plain), want, crcD40, blockDES, func(n int) bool { return right(n) || right32(n) })
	if n < 0 {
		check := CheckCommandCRC
		if answer {
			check = CheckAnswerCRC
		}
		o.fail(check, "the CRC16 of the enciphered data is wrong")
		if want >= 0 && want <= len(plain) {
			sum := crc.Sum16(plain[:want])
			half.crc(want, []byte{byte(sum), byte(sum >> 8)}, false)
			return plain[:want]
		}
		return plain
	}
	o.crcs++
	size := crcD40
	if !right(n) {
		size = crcEV1
	}
	half.crc(n, plain[n:n+size], true)
	if rest := plain[n:]; len(rest) > crcD40 {
		o.padded = rest[crcD40] == 0x80
	}
	return plain[:n]
}

// findCRC returns the place of the checksum: want if it is known, else the
// first one within the last block that is right, or -1. The checksum of data
// and its own checksum is zero, so behind the right place zeros fit as well.
func findCRC(length, want, size, block int, right func(int) bool) int {
	if want >= 0 {
		if right(want) {
			return want
		}
		return -1
	}
	for n := max(0, length-size-block); n <= length-size; n++ {
		if right(n) {
			return n
		}
	}
	return -1
}

// isPadding reports whether b is zeros, or 80 and zeros.
func isPadding(b []byte) bool {
	for i, x := range b {
		if x != 0 && (i != 0 || x != 0x80) {
			return false
		}
	}
	return true
}

func wholeBlocks(b []byte, block int) bool { return len(b) > 0 && len(b)%block == 0 }

// fillsBlocks reports whether want bytes and a checksum make a cryptogram of
// this length: whole blocks, at most one more than needed.
func fillsBlocks(length, want, sum, block int) bool {
	if want < 0 {
		return true
	}
	n := (want + sum + block - 1) / block * block
	return length == n || length == n+block && (want+sum)%block == 0
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
