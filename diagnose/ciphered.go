package diagnose

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/wire"
)

// checksum is a CRC as a reader may have put it behind data.
type checksum struct {
	fault *fault
	size  int
	of    func(data []byte) []byte
}

func le32(x uint32) []byte { return binary.LittleEndian.AppendUint32(nil, x) }
func le16(x uint16) []byte { return binary.LittleEndian.AppendUint16(nil, x) }

const (
	adviceCRC32 = "CRC32 without final inversion, low byte first, over command code, header and plain data"
	adviceCRC16 = "CRC16 of ISO 14443-3 type A (initial value 6363), low byte first, over the plain data alone"
)

// checksums are the right one first, then those that readers mistake for it.
func (q *sealed) checksums() []checksum {
	ins := []byte{q.m.INS}
	head := q.m.Body[:q.m.Head]
	sum32 := func(parts ...[]byte) uint32 { return crc.Sum32(cat(parts...)) }
	full := func(d []byte) []byte { return le32(sum32(ins, head, d)) }
	parts := []checksum{
		{&fault{"crc-parts", "the reader made the CRC32 over the data alone", adviceCRC32}, 4, func(d []byte) []byte { return le32(sum32(d)) }},
		{&fault{"crc-parts", "the reader left the command code out of the CRC32", adviceCRC32}, 4, func(d []byte) []byte { return le32(sum32(head, d)) }},
		{&fault{"crc-parts", "the reader left the header out of the CRC32", adviceCRC32}, 4, func(d []byte) []byte { return le32(sum32(ins, d)) }},
		{&fault{"crc-byte-order", "the reader sent the CRC32 with its high byte first", adviceCRC32}, 4, func(d []byte) []byte { return reversed(full(d)) }},
		{&fault{"crc-inverted", "the reader inverted the CRC32 in the end, as zip and Ethernet do", adviceCRC32}, 4, func(d []byte) []byte { return le32(^sum32(ins, head, d)) }},
		{&fault{"crc-inverted", "the reader inverted the CRC32 in the end, and made it over the data alone", adviceCRC32}, 4, func(d []byte) []byte { return le32(^sum32(d)) }},
	}
	small := []checksum{
		{&fault{"crc-kind", "the reader sent a CRC16, as D40 does; this session wants a CRC32", adviceCRC32}, 2, func(d []byte) []byte { return le16(crc.Sum16(d)) }},
		{&fault{"crc-kind", "the reader sent a CRC16 over command code, header and data; this session wants a CRC32", adviceCRC32}, 2, func(d []byte) []byte { return le16(crc.Sum16(cat(ins, head, d))) }},
	}
	if q.s.Scheme() != wire.SchemeD40 {
		return append(append([]checksum{{nil, 4, full}}, parts...), small...)
	}
	return []checksum{
		{nil, 2, func(d []byte) []byte { return le16(crc.Sum16(d)) }},
		{&fault{"crc-kind", "the reader sent a CRC32 over command code, header and data, as EV1 does; D40 wants a CRC16", adviceCRC16}, 4, full},
		{&fault{"crc-kind", "the reader sent a CRC32 over the data; D40 wants a CRC16", adviceCRC16}, 4, func(d []byte) []byte { return le32(sum32(d)) }},
		{&fault{"crc-byte-order", "the reader sent the CRC16 with its high byte first", adviceCRC16}, 2, func(d []byte) []byte { return reversed(le16(crc.Sum16(d))) }},
		{&fault{"crc-parts", "the reader put command code and header into the CRC16", adviceCRC16}, 2, func(d []byte) []byte { return le16(crc.Sum16(cat(ins, head, d))) }},
		{&fault{"crc-parts", "the reader put the header into the CRC16", adviceCRC16}, 2, func(d []byte) []byte { return le16(crc.Sum16(cat(head, d))) }},
		{&fault{"crc-initial", "the reader began the CRC16 with 0000", adviceCRC16}, 2, func(d []byte) []byte { return le16(crc.Update16(0, d)) }},
		{&fault{"crc-initial", "the reader began the CRC16 with FFFF, as type B does", adviceCRC16}, 2, func(d []byte) []byte { return le16(crc.Update16(0xFFFF, d)) }},
	}
}

// formFault is what is wrong with a form in this session.
func (q *sealed) formFault(f form) *fault {
	want := formEncipher
	if q.s.Scheme() == wire.SchemeD40 {
		want = formDecipher
	}
	switch f {
	case want:
		return nil
	case formClear:
		return &fault{"data-in-clear", "the reader sent the data in clear where they must be enciphered", "encipher data, CRC and padding with the session key"}
	case formEncipherE, formDecipherE:
		return &fault{"ecb", "the data are " + f.words(), "cipher the data as a whole, chained (CBC)"}
	}
	return &fault{"cipher-direction", fmt.Sprintf("the data are %s; this session wants them %s", f.words(), want.words()), directionAdvice(want)}
}

// searchCRC looks for the mistake in a command that D40 and EV1 encipher with a
// checksum.
func (q *sealed) searchCRC() *search {
	s := newSearch(q.left)
	m := q.m
	data := m.Body[min(m.Head, len(m.Body)):]
	sums := q.checksums()
	for _, su := range q.suites() {
		if len(data) == 0 || su.enc == nil || len(data)%su.block != 0 {
			continue
		}
		for f := range numForms {
			for i, iv := range q.ivsOf(su) {
				if i > 0 && (f == formClear || f == formEncipherE || f == formDecipherE) {
					continue
				}
				ff := q.formFault(f)
				if f == formClear && su.fault != nil {
					continue
				}
				faults, ok := plus(nil, su.fault, ff, iv.fault)
				if !ok {
					continue
				}
				plain := su.open(f, iv.iv, data)
				for _, sum := range sums {
					if faults, ok := plus(faults, sum.fault); ok && s.try(faults) {
						q.checkSum(s, faults, sum, plain)
					}
				}
			}
		}
	}
	return s
}

// checkSum compares a checksum wherever it may stand.
func (q *sealed) checkSum(s *search, faults []fault, sum checksum, plain []byte) {
	own := q.m.Mode == wire.CommOwn || q.m.Spec != nil && q.m.Spec.Rule == wire.RuleChangeKey
	places := []int{q.m.Want}
	switch {
	case own:
		places = []int{16, 17, 24}
	case q.m.Want < 0:
		places = places[:0]
		for n := max(0, len(plain)-sum.size-q.right.block); n <= len(plain)-sum.size; n++ {
			places = append(places, n)
		}
	}
	for _, n := range places {
		if own && n+2*sum.size <= len(plain) && bytes.Equal(sum.of(plain[:n]), plain[n+sum.size:n+2*sum.size]) && !bytes.Equal(sum.of(plain[:n]), plain[n:n+sum.size]) {
			if f, ok := plus(faults, &fault{"crc-exchanged", "the two checksums of the key change stand the wrong way round", adviceTwo}); ok && s.try(f) {
				s.hit(f, 8*sum.size+8*zerosBehind(plain[n+2*sum.size:]))
			}
		}
		if n < 0 || n+sum.size > len(plain) || !bytes.Equal(sum.of(plain[:n]), plain[n:n+sum.size]) {
			continue
		}
		rest := plain[n+sum.size:]
		weight := 8 * sum.size
		if own && len(rest) >= sum.size {
			rest = rest[min(len(rest), sum.size):] // the checksum of the key alone, or zeros
			if z := plain[n+sum.size : n+2*sum.size]; allZero(z) {
				weight += 8 * sum.size
			}
		}
		var pf *fault
		switch {
		case allZero(rest), len(rest) > 0 && rest[0] == 0x80 && allZero(rest[1:]):
			weight += 8 * len(rest)
		case isCount(rest):
			pf = &fault{"padding", "the reader padded the data with the number of bytes that it added (PKCS 7)", "pad with zeros up to whole blocks"}
			weight += 8 * len(rest)
		default:
			pf = &fault{"padding", "the reader padded the data with something else than zeros", "pad with zeros up to whole blocks"}
		}
		weight -= bits.Len(uint(len(places)))
		if faults, ok := plus(faults, pf); ok && (pf == nil || s.try(faults)) {
			s.hit(faults, weight)
		}
	}
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func isCount(b []byte) bool {
	for _, x := range b {
		if int(x) != len(b) {
			return false
		}
	}
	return len(b) > 0
}

func pad80(b []byte) []byte {
	out := cat(b, []byte{0x80})
	for len(out)%16 != 0 {
		out = append(out, 0)
	}
	return out
}

// unpad80 takes the padding of EV2 off, nil if there is none.
func unpad80(b []byte) []byte {
	for i := len(b) - 1; i >= max(0, len(b)-16); i-- {
		if b[i] == 0x80 {
			return append([]byte{}, b[:i]...)
		}
		if b[i] != 0 {
			break
		}
	}
	return nil
}

// decipherEV2 is the right way to open data of EV2 or LRP, nil without the key.
func (q *sealed) decipherEV2(su *suite, data []byte, ctr uint16) []byte {
	if q.s.Scheme() == wire.SchemeLRP {
		return su.lrpDec(q.s.EncCounter(), data)
	}
	iv := su.iv(q.s.TI(), ctr, 0xA5, 0x5A)
	if iv == nil {
		return nil
	}
	return su.open(formEncipher, iv, data)
}

func (s *suite) iv(ti [4]byte, ctr uint16, label ...byte) []byte {
	if s.enc == nil {
		return nil
	}
	return s.enc(cat(label, ti[:], []byte{byte(ctr), byte(ctr >> 8)}, make([]byte, 8)))
}

const (
	adviceEV2IV = "the IV of a command is A5 5A, TI, command counter (low byte first) and zeros, enciphered with the session's encryption key"
	advicePad80 = "pad with 80 and zeros, a whole block of it where the data fill their blocks"
)

// opened is a way to open the data of an EV2 or LRP command.
type openedAs struct {
	faults []fault
	plain  []byte
}

// searchEV2 looks for the mistake in data of EV2 or LRP whose MAC is right: the
// card found no padding, or no sense in them.
func (q *sealed) searchEV2() *search {
	s := newSearch(q.left)
	m := q.m
	data := m.Body[min(m.Head, len(m.Body)):]
	data = data[:max(0, len(data)-8)]
	if len(data) == 0 || len(data)%16 != 0 {
		return s
	}
	for _, o := range q.openings(data) {
		if !s.try(o.faults) || o.plain == nil {
			continue
		}
		if n := q.sense(o.plain); n > 0 {
			s.hit(o.faults, n)
		}
		if len(o.faults) > 0 { // with another mistake a few bytes of padding prove nothing
			continue
		}
		for _, p := range []struct {
			fault fault
			is    func([]byte) int
		}{
			{fault{"padding", "the reader padded the data with zeros alone", advicePad80}, zerosBehind},
			{fault{"padding", "the reader padded the data with the number of bytes that it added (PKCS 7)", advicePad80}, countBehind},
		} {
			behind := p.is(o.plain)
			if unpad80(o.plain) != nil {
				break // padded as it should be
			}
			if faults, _ := plus(o.faults, &p.fault); behind > 1 && (m.Want < 0 || len(o.plain)-behind <= m.Want) && s.try(faults) {
				if m.Want >= 0 {
					behind = len(o.plain) - m.Want
				}
				s.hit(faults, 8*behind)
			}
		}
	}
	return s
}

func zerosBehind(b []byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == 0 {
		n++
	}
	return n
}

func countBehind(b []byte) int {
	n := int(b[len(b)-1])
	if n < 1 || n > 16 || n > len(b) || !isCount(b[len(b)-n:]) {
		return 0
	}
	return n
}

// openings are the ways in which a reader may have enciphered data of EV2 or
// LRP, the right one first.
func (q *sealed) openings(data []byte) (list []openedAs) {
	right := q.s.Counter()
	ti := q.s.TI()
	add := func(plain []byte, faults ...*fault) {
		if all, ok := plus(nil, faults...); ok {
			list = append(list, openedAs{all, plain})
		}
	}
	if q.s.Scheme() == wire.SchemeLRP {
		for _, su := range q.suites() {
			if su.lrpDec == nil {
				continue
			}
			for d := range uint32(maxCounter) {
				for _, c := range []uint32{q.s.EncCounter() + d, q.s.EncCounter() - d, d} {
					var f *fault
					if c != q.s.EncCounter() {
						f = &fault{"lrp-counter", fmt.Sprintf("the reader enciphered from block counter %d on, the card's is %d", c, q.s.EncCounter()), "let the block counter of LRP run through the session: it counts every block of either direction, and begins at zero"}
					}
					add(su.lrpDec(c, data), su.fault, f)
				}
			}
		}
		add(data, q.formFault(formClear))
		return list
	}
	iv := func(text string) *fault { return &fault{"first-iv", text, adviceEV2IV} }
	for _, su := range q.suites() {
		if su.enc == nil {
			continue
		}
		for _, c := range counters(right) {
			add(su.open(formEncipher, su.iv(ti, c, 0xA5, 0x5A), data), su.fault, counterFault(c, right))
		}
		add(su.open(formEncipher, make([]byte, 16), data), su.fault, iv("the reader enciphered the data from an IV of zeros on"))
		raw := cat([]byte{0xA5, 0x5A}, ti[:], []byte{byte(right), byte(right >> 8)}, make([]byte, 8))
		add(su.open(formEncipher, raw, data), su.fault, iv("the reader took the IV's input for the IV: it did not encipher it"))
		add(su.open(formEncipher, su.iv(ti, right, 0x5A, 0xA5), data), su.fault, iv("the reader took the IV of answers (5A A5) for its command"))
		add(su.open(formEncipher, su.iv([4]byte(reversed(ti[:])), right, 0xA5, 0x5A), data), su.fault, iv("the reader put the transaction identifier into the IV in reverse"))
		add(su.open(formEncipher, su.iv(ti, right<<8|right>>8, 0xA5, 0x5A), data), su.fault, iv("the reader put the command counter into the IV with its high byte first"))
		for f := formDecipher; f < numForms; f++ {
			if f != formClear || su.fault == nil {
				add(su.open(f, su.iv(ti, right, 0xA5, 0x5A), data), su.fault, q.formFault(f))
			}
		}
	}
	return list
}
