package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// sealed is a command of a session whose protection is wrong, or may be.
type sealed struct {
	m     *trace.Message
	s     *trace.Session
	right *suite
	wrong []*suite
	ivs   []ivForm            // EV1: running values, the right one first; D40: IVs
	chain func(*suite) []byte // EV1: the running value under other keys, nil if not known
	keys  []trace.Key
	left  *int // tries
}

func (q *sealed) suites() []*suite { return append([]*suite{q.right}, q.wrong...) }

// ivsOf are the IVs that a reader with these keys may have had.
func (q *sealed) ivsOf(su *suite) []ivForm {
	if su.fault == nil || q.s.Scheme() != wire.SchemeEV1 {
		return q.ivs
	}
	list := []ivForm{{nil, make([]byte, su.block)}}
	if q.chain != nil {
		if iv := q.chain(su); iv != nil {
			list = append(list, ivForm{nil, iv})
		}
	}
	return append(list, ivForm{nil, q.s.IV()})
}

// part is what a MAC is made over.
type part struct {
	fault *fault
	data  []byte
}

// cut is how a MAC is shortened.
type cut struct {
	fault *fault
	of    func([]byte) []byte
}

func everyOther(from int) func([]byte) []byte {
	return func(b []byte) []byte {
		var out []byte
		for i := from; i < len(b); i += 2 {
			out = append(out, b[i])
		}
		return out
	}
}

func firstBytes(n int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:min(n, len(b))] }
}
func lastBytes(n int) func([]byte) []byte {
	return func(b []byte) []byte { return b[max(0, len(b)-n):] }
}

const (
	adviceEV2MAC = "MAC over INS, command counter (low byte first), TI, header and data as they are sent; of the 16 bytes send the second, fourth, ... sixteenth"
	adviceEV1MAC = "CMAC over INS, header and data from the running IV on; send its first eight bytes"
	adviceD40MAC = "MAC over the data alone: CBC from zero, first four bytes of the last block"
)

// searchMAC looks for the mistake in a command's MAC.
func (q *sealed) searchMAC() *search {
	switch q.s.Scheme() {
	case wire.SchemeD40:
		return q.macD40()
	case wire.SchemeEV1:
		return q.macEV1()
	}
	return q.macEV2()
}

// counters are the command counters to try: the right one first, then those
// near it.
func counters(right uint16) []uint16 {
	list := []uint16{right}
	for d := range uint16(maxCounter) {
		list = append(list, right+d+1, right-d-1)
	}
	return append(list, 0)
}

const maxCounter = 16

func counterFault(sent, right uint16) *fault {
	if sent == right {
		return nil
	}
	by, way := int(int16(sent-right)), "ahead of"
	if by < 0 {
		by, way = -by, "behind"
	}
	return &fault{
		"counter", fmt.Sprintf("the reader used the command counter %d, the card's is %d: %d %s it", sent, right, by, way),
		"count every command of the session, plain ones and those in several frames once each, and start at zero after EV2First",
	}
}

func (q *sealed) macEV2() *search {
	s := newSearch(q.left)
	m := q.m
	n := len(m.Body) - 8
	if n < 0 {
		return s
	}
	mac, body := m.Body[n:], m.Body[:n]
	head, data := body[:min(m.Head, n)], body[min(m.Head, n):]
	ti := q.s.TI()
	cuts := []cut{
		{nil, everyOther(1)},
		{&fault{"mac-truncation", "the reader sent the first eight bytes of the MAC", adviceEV2MAC}, firstBytes(8)},
		{&fault{"mac-truncation", "the reader sent every other byte of the MAC, beginning with the first", adviceEV2MAC}, everyOther(0)},
		{&fault{"mac-truncation", "the reader sent the last eight bytes of the MAC", adviceEV2MAC}, lastBytes(8)},
	}
	input := func(text string) *fault { return &fault{"mac-input", text, adviceEV2MAC} }
	for _, ctr := range counters(q.s.Counter()) {
		cf := counterFault(ctr, q.s.Counter())
		le, be := []byte{byte(ctr), byte(ctr >> 8)}, []byte{byte(ctr >> 8), byte(ctr)}
		ins := []byte{m.INS}
		parts := []part{
			{nil, cat(ins, le, ti[:], body)},
			{&fault{"counter-byte-order", "the reader put the command counter into the MAC with its high byte first", adviceEV2MAC}, cat(ins, be, ti[:], body)},
			{&fault{"ti-byte-order", "the reader put the transaction identifier into the MAC in reverse", adviceEV2MAC}, cat(ins, le, reversed(ti[:]), body)},
			{input("the reader left the command code out of the MAC"), cat(le, ti[:], body)},
			{input("the reader left the transaction identifier out of the MAC"), cat(ins, le, body)},
			{input("the reader left the command counter out of the MAC"), cat(ins, ti[:], body)},
			{input("the reader put the transaction identifier before the command counter"), cat(ins, ti[:], le, body)},
			{input("the reader made the MAC over command code and data alone, as EV1 does"), cat(ins, body)},
			{input("the reader put 00 where the command code belongs in the MAC"), cat([]byte{0}, le, ti[:], body)},
			{input("the reader put the frame of ISO 7816-4 into the MAC"), cat([]byte{0x90, m.INS, 0, 0, byte(len(m.Body))}, le, ti[:], body)},
		}
		if len(head) > 0 && len(head) < len(body) {
			parts = append(parts, part{input("the reader left the header out of the MAC"), cat(ins, le, ti[:], data)},
				part{input("the reader left the data out of the MAC"), cat(ins, le, ti[:], head)})
		} else if len(body) > 0 {
			parts = append(parts, part{input("the reader left the parameters of the command out of the MAC"), cat(ins, le, ti[:])})
		}
		if plain := q.plainEV2(data, ctr); plain != nil {
			parts = append(parts, part{input("the reader made the MAC over the plain data"), cat(ins, le, ti[:], head, plain)},
				part{input("the reader made the MAC over the plain data with padding"), cat(ins, le, ti[:], head, pad80(plain))})
		}
		for _, su := range q.suites() {
			for _, p := range parts {
				faults, ok := plus(nil, cf, su.fault, p.fault)
				if !ok || !s.try(faults) {
					continue
				}
				full := su.cmac(nil, p.data)
				for _, c := range cuts {
					if faults, ok := plus(faults, c.fault); ok && s.try(faults) && bytes.Equal(c.of(full), mac) {
						s.hit(faults, 64)
					}
				}
			}
		}
	}
	return s
}

// plainEV2 is the data of a full command, deciphered, nil if it is none.
func (q *sealed) plainEV2(data []byte, ctr uint16) []byte {
	if len(data) == 0 || len(data)%16 != 0 {
		return nil
	}
	return unpad80(q.decipherEV2(q.right, data, ctr))
}

func (q *sealed) macEV1() *search {
	s := newSearch(q.left)
	m := q.m
	ins := []byte{m.INS}
	for _, l := range []struct {
		fault *fault
		n     int
	}{{nil, 8}, {&fault{"mac-length", "the reader sent a MAC of four bytes, as D40 does; EV1 has eight", adviceEV1MAC}, 4}} {
		n := len(m.Body) - l.n
		if n < min(m.Head, n) || n < 0 || m.Want >= 0 && n-m.Head != m.Want {
			continue
		}
		mac, body := m.Body[n:], m.Body[:n]
		head, data := body[:min(m.Head, n)], body[min(m.Head, n):]
		input := func(text string) *fault { return &fault{"mac-input", text, adviceEV1MAC} }
		parts := []part{
			{nil, cat(ins, body)},
			{input("the reader left the command code out of the CMAC"), body},
			{input("the reader put a status 00 behind the data, as in the CMAC of an answer"), cat(ins, body, []byte{0})},
			{input("the reader put the frame of ISO 7816-4 into the CMAC"), cat([]byte{0x90, m.INS, 0, 0, byte(len(m.Body))}, body)},
		}
		if len(head) > 0 && len(data) > 0 {
			parts = append(parts, part{input("the reader made the CMAC over the data alone"), data},
				part{input("the reader left the header out of the CMAC"), cat(ins, data)})
		}
		cuts := []cut{
			{nil, firstBytes(l.n)},
			{&fault{"mac-truncation", "the reader sent every other byte of the CMAC, as EV2 does", adviceEV1MAC}, everyOther(1)},
			{&fault{"mac-truncation", "the reader sent the last bytes of the CMAC", adviceEV1MAC}, lastBytes(l.n)},
		}
		for _, su := range q.suites() {
			for _, iv := range q.ivsOf(su) {
				for _, p := range parts {
					faults, ok := plus(nil, l.fault, iv.fault, su.fault, p.fault)
					if !ok || !s.try(faults) {
						continue
					}
					full := su.cmac(iv.iv, p.data)
					for _, c := range cuts {
						if faults, ok := plus(faults, c.fault); ok && s.try(faults) && bytes.Equal(c.of(full), mac) {
							s.hit(faults, 8*l.n)
						}
					}
				}
			}
		}
		for _, su := range q.suites() {
			faults, ok := plus(nil, l.fault, su.fault, &fault{"mac-of-d40", "the reader made the MAC as D40 does, by CBC over the data", adviceEV1MAC})
			if x := macCBC(su, formEncipher, nil, data); ok && len(x) >= l.n && s.try(faults) && bytes.Equal(x[:l.n], mac) {
				s.hit(faults, 8*l.n)
			}
		}
	}
	return s
}

// macCBC is the last block of CBC over zero-padded data.
func macCBC(su *suite, f form, iv, data []byte) []byte {
	if len(data) == 0 || su.enc == nil {
		return nil
	}
	x := make([]byte, su.block)
	copy(x, iv)
	for i := 0; i < len(data); i += su.block {
		for j, b := range data[i:min(i+su.block, len(data))] {
			x[j] ^= b
		}
		if f == formDecipher {
			x = su.dec(x)
		} else {
			x = su.enc(x)
		}
	}
	return x
}

func (q *sealed) macD40() *search {
	s := newSearch(q.left)
	m := q.m
	for _, l := range []struct {
		fault *fault
		n     int
	}{{nil, 4}, {&fault{"mac-length", "the reader sent a MAC of eight bytes, as EV1 does; D40 has four", adviceD40MAC}, 8}} {
		n := len(m.Body) - l.n
		if n <= m.Head || m.Want >= 0 && n-m.Head != m.Want {
			continue
		}
		mac, head, data := m.Body[n:], m.Body[:m.Head], m.Body[m.Head:n]
		ins := []byte{m.INS}
		input := func(text string) *fault { return &fault{"mac-input", text, adviceD40MAC} }
		parts := []part{
			{nil, data},
			{input("the reader put the header of the command into the MAC"), cat(head, data)},
			{input("the reader put command code and header into the MAC, as EV1 does"), cat(ins, head, data)},
			{input("the reader put the command code into the MAC"), cat(ins, data)},
			{&fault{"padding", "the reader padded the data with 80 before the MAC", "pad with zeros"}, cat(data, []byte{0x80})},
		}
		cuts := []cut{
			{nil, firstBytes(l.n)},
			{&fault{"mac-truncation", "the reader sent the last bytes of the MAC", adviceD40MAC}, lastBytes(l.n)},
			{&fault{"mac-truncation", "the reader sent every other byte of the MAC, as EV2 does", adviceD40MAC}, everyOther(1)},
		}
		for _, su := range q.suites() {
			for _, p := range parts {
				for _, f := range []form{formEncipher, formDecipher} {
					for _, iv := range q.ivs {
						var ff *fault
						if f == formDecipher {
							ff = &fault{"cipher-direction", "the reader made the MAC by decryption", "make the MAC by CBC encryption: of all that a D40 reader does, MACs alone are enciphered"}
						}
						faults, ok := plus(nil, l.fault, su.fault, p.fault, ff, iv.fault)
						if !ok || !s.try(faults) {
							continue
						}
						full := macCBC(su, f, iv.iv, p.data)
						for _, c := range cuts {
							if faults, ok := plus(faults, c.fault); ok && s.try(faults) && bytes.Equal(c.of(full), mac) {
								s.hit(faults, 8*l.n)
							}
						}
					}
				}
			}
			faults, ok := plus(nil, l.fault, su.fault, &fault{"mac-of-ev1", "the reader made the MAC by CMAC, as EV1 does", adviceD40MAC})
			for _, p := range [][]byte{data, cat(ins, head, data)} {
				if ok && su.cmac != nil && s.try(faults) {
					if x := su.cmac(nil, p); len(x) >= l.n && bytes.Equal(x[:l.n], mac) {
						s.hit(faults, 8*l.n)
					}
				}
			}
		}
	}
	return s
}

// almost tells how many bytes of a MAC are right that is wrong in few of them,
// 0 if it is none.
func (q *sealed) almost() (right, of int) {
	m := q.m
	of = 8
	if q.s.Scheme() == wire.SchemeD40 {
		of = 4
	}
	n := len(m.Body) - of
	if n < 0 {
		return 0, of
	}
	var want []byte
	switch q.s.Scheme() {
	case wire.SchemeD40:
		if n > m.Head {
			want = firstBytes(of)(macCBC(q.right, formEncipher, nil, m.Body[m.Head:n]))
		}
	case wire.SchemeEV1:
		want = firstBytes(of)(q.right.cmac(q.s.IV(), []byte{m.INS}, m.Body[:n]))
	default:
		ti, ctr := q.s.TI(), q.s.Counter()
		want = everyOther(1)(q.right.cmac(nil, []byte{m.INS, byte(ctr), byte(ctr >> 8)}, ti[:], m.Body[:n]))
	}
	for i, b := range want {
		if m.Body[n+i] == b {
			right++
		}
	}
	if right < of-max(1, of/4) {
		return 0, of
	}
	return right, of
}
