package framelog

import "bytes"

// Commands of the PN53x that carry frames.
const (
	pnToChip   = 0xD4
	pnFromChip = 0xD5

	pnDataExchange = 0x40
	pnThru         = 0x42
	pnMore         = 0x40 // in the status and in the number of the target
)

var pnStart = []byte{0x00, 0xFF}

// pn53xFrame reports whether a frame of the PN53x begins in b, whole or not.
func pn53xFrame(b []byte, d Direction) bool {
	i := bytes.Index(b[:min(len(b), 16)], pnStart)
	if i < 0 || len(b) < i+4 || i > 0 && bytes.Trim(b[:i], "\x00") != nil && len(bytes.Trim(b[:i], "\x00\x55")) > 0 {
		return false
	}
	n, at, ok := pnLength(b[i+2:])
	if !ok || n == 0 {
		return false
	}
	at += i + 2
	if at >= len(b) {
		return true // the rest comes later
	}
	want := byte(pnToChip)
	if d == ToReader {
		want = pnFromChip
	}
	return b[at] == want
}

// chipFrames finds the direction of frames of a PN53x that have no label: D4
// goes to the chip, and D5 and what acknowledges comes from it.
func (s *scanner) chipFrames() {
	seen := false
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.dir != Unknown || it.broken != "" {
			continue
		}
		to, from := pn53xFrame(it.b, ToCard), pn53xFrame(it.b, ToReader)
		switch {
		case to && !from:
			it.dir, seen = ToCard, true
		case from && !to, seen && bytes.Equal(bytes.TrimLeft(it.b, "\x00"), []byte{0xFF, 0x00, 0xFF, 0x00}):
			it.dir = ToReader
		default:
			continue
		}
		it.fam, it.shape, it.bare, it.worded = famProgram, "PN53x", false, false
	}
}

// pnLength reads the length behind the start code: n bytes that begin at at.
func pnLength(b []byte) (n, at int, ok bool) {
	switch {
	case len(b) >= 5 && b[0] == 0xFF && b[1] == 0xFF:
		return int(b[2])<<8 | int(b[3]), 5, b[2]+b[3]+b[4] == 0
	case len(b) >= 2:
		return int(b[0]), 2, b[0]+b[1] == 0
	}
	return 0, 0, false
}

// pnWant is how long the frame that begins in b will be, 0 if there is none.
func pnWant(b []byte, d Direction) int {
	if !pn53xFrame(b, d) {
		return 0
	}
	i := bytes.Index(b, pnStart)
	n, at, _ := pnLength(b[i+2:])
	return i + 2 + at + n + 1
}

// unwrapPN53x joins what goes to and comes from a PN53x, and takes out what is
// for the card.
func (s *scanner) unwrapPN53x() {
	found := map[family]bool{}
	for i := range s.items {
		if it := &s.items[i]; it.kind == itemFrame && it.dir != Unknown && pn53xFrame(it.b, it.dir) && len(it.b) > 4 {
			found[it.fam] = true
		}
	}
	if len(found) == 0 {
		return
	}
	s.kinds.add(KindPN53x)
	p := pnReader{s: s}
	var out []item
	for _, it := range s.items {
		if it.kind != itemFrame || !found[it.fam] {
			out = append(out, it)
			continue
		}
		out = append(out, p.feed(&it)...)
	}
	p.end(ToCard)
	p.end(ToReader)
	s.items = out
}

// pnReader joins the pieces of each direction.
type pnReader struct {
	s      *scanner
	pieces [3]item // by direction
	sent   byte    // command that waits for its answer
	more   item    // of an answer in several parts
	chain  item    // of a command in several parts
}

func (p *pnReader) feed(it *item) (out []item) {
	have := &p.pieces[it.dir]
	if it.broken != "" || it.cut {
		p.end(it.dir)
		p.s.skip(it, "a frame of the PN53x that is not whole")
		p.s.failed(it, "the frame of the PN53x is not whole in the log, line %d", it.line)
		return nil
	}
	if len(have.b) == 0 && !bytes.Contains(it.b, pnStart) && likely(it.b, it.dir) == strong {
		return []item{*it} // of another part of the program
	}
	if it.dir == ToCard {
		p.end(ToReader)
	}
	if len(have.b) == 0 {
		*have = *it
	} else {
		have.b, have.at, have.last = append(have.b, it.b...), append(have.at, it.at...), it.last
	}
	for len(have.b) > 0 {
		i := bytes.Index(have.b, pnStart)
		if i < 0 {
			if len(have.b) > 6 || len(bytes.Trim(have.b, "\x00\x55")) > 0 {
				p.bad(have)
			}
			return out
		}
		if len(have.b) >= i+4 && have.b[i+2]+have.b[i+3] == 0xFF && have.b[i+2]&have.b[i+3] == 0 && (have.b[i+2] == 0 || have.b[i+3] == 0) {
			p.s.control(have, "PN53x: %s", map[byte]string{0: "acknowledged", 0xFF: "not acknowledged"}[have.b[i+2]])
			have.drop(i + 4)
			have.dropZero()
			continue
		}
		n, at, ok := pnLength(have.b[i+2:])
		switch {
		case !ok && len(have.b) < i+7:
			return out
		case !ok || n == 0:
			p.bad(have)
			return out
		}
		at += i + 2
		if len(have.b) < at+n+1 {
			return out
		}
		data := have.b[at : at+n]
		sum := have.b[at+n]
		for _, c := range data {
			sum += c
		}
		if sum != 0 {
			p.s.skip(have, "a frame of the PN53x whose checksum is wrong")
			p.s.failed(have, "the checksum of the PN53x is wrong in the log, line %d", have.line)
		} else if x := p.data(have, data, have.at[at:at+n]); x != nil {
			out = append(out, *x)
		}
		have.drop(at + n + 1)
		have.dropZero()
	}
	return out
}

// bad gives up what was collected.
func (p *pnReader) bad(it *item) {
	p.s.skip(it, "no frame of the PN53x")
	if it.dir == ToReader && p.sent != 0 {
		p.s.failed(it, "the PN53x answered what is no frame, line %d", it.line)
	}
	it.b, it.at = nil, nil
}

// end drops a frame that did not come to its end.
func (p *pnReader) end(d Direction) {
	it := &p.pieces[d]
	switch {
	case len(it.b) == 0:
	case !bytes.Contains(it.b, pnStart):
		p.bad(it)
	default:
		p.s.skip(it, "a frame of the PN53x that is not whole")
		p.s.failed(it, "the frame of the PN53x is not whole in the log, line %d", it.line)
		it.b, it.at = nil, nil
	}
}

func (it *item) drop(n int) {
	n = min(n, len(it.b))
	it.b, it.at = it.b[n:], it.at[n:]
}

// dropZero drops the postamble.
func (it *item) dropZero() {
	if len(it.b) > 0 && it.b[0] == 0 && (len(it.b) == 1 || len(it.b) == 2 && it.b[1] == 0) {
		it.drop(len(it.b))
	}
}

// data takes what is for the card out of a frame of the chip.
func (p *pnReader) data(it *item, b []byte, at []int) *item {
	x := *it
	x.b, x.at, x.shape = nil, nil, "PN53x "+it.shape
	switch {
	case len(b) < 2:
		p.s.control(it, "PN53x: no command")
		return nil
	case b[0] == pnToChip && b[1] == pnDataExchange && len(b) > 3:
		p.sent, p.more = b[1], item{}
		x.b, x.at = append(p.chain.b, b[3:]...), append(p.chain.at, at[3:]...)
		if p.chain = (item{}); b[2]&pnMore != 0 {
			p.chain = x
			return nil
		}
	case b[0] == pnToChip && b[1] == pnThru && len(b) > 2:
		p.sent, p.more = b[1], item{}
		x.b, x.at = b[2:], at[2:]
	case b[0] == pnToChip:
		p.sent = 0
		p.s.control(it, "PN53x: command %02X for the chip", b[1])
		return nil
	case b[0] == pnFromChip && (b[1] == pnDataExchange+1 || b[1] == pnThru+1) && len(b) > 2:
		status := b[2]
		if status&0x3F != 0 {
			p.s.failed(it, "the PN53x reports error %02X", status&0x3F)
			return nil
		}
		x.b, x.at = append(p.more.b, b[3:]...), append(p.more.at, at[3:]...)
		if p.more = (item{}); status&pnMore != 0 {
			p.more = x
			return nil
		}
		if len(x.b) == 0 && p.chain.b == nil {
			return nil // a part of a command was taken
		}
	default:
		p.s.control(it, "PN53x: %02X %02X of the chip", b[0], b[1])
		return nil
	}
	x.b, x.at = bytes.Clone(x.b), append([]int(nil), x.at...)
	return &x
}
