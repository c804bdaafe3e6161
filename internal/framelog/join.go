package framelog

import "bytes"

// offsets drops what turns out to be the offset of a row of a dump: where the
// line says how many bytes it has, where other rows of the log surely have one,
// or where all lines begin so.
func (s *scanner) offsets() {
	sure, may, not := 0, 0, 0
	for i := range s.items {
		it := &s.items[i]
		switch {
		case it.kind != itemFrame || len(it.b) < 3:
		case it.maybe:
			may++
		case it.dumped:
			sure++
		case it.dir != Unknown:
			not++
		}
	}
	s.decimals()
	all := sure > 0 || may > 1 && not == 0
	for i := range s.items {
		it := &s.items[i]
		if !it.maybe {
			continue
		}
		if all || it.count > 0 && len(it.b)-2 == it.count {
			it.b, it.at = it.b[2:], it.at[2:]
			it.maybe = false
		}
	}
}

// decimals reads lists of numbers that may be hexadecimal or decimal as the other
// lists of the log are.
func (s *scanner) decimals() {
	sure := false
	for i := range s.items {
		sure = sure || s.items[i].number
	}
	for i := range s.items {
		it := &s.items[i]
		switch {
		case it.number || it.alt == nil:
		case sure:
			it.b, it.at, it.broken = it.alt, it.altAt, ""
		case len(it.b) == 0: // one digit in brackets
			it.kind = itemNothing
		}
	}
}

// row adds the row of a dump to those before it, if its offset says so.
func (it *item) row(p *item) bool {
	b, at := it.b, it.at
	if it.offset != len(p.b) || p.cut || len(p.b) > maxFrame {
		return false
	}
	if it.maybe {
		b, at = b[2:], at[2:]
	}
	p.b, p.at, p.last = append(p.b, b...), append(p.at, at...), it.line
	p.cut = p.cut || it.cut
	if p.broken == "" {
		p.broken = it.broken
	}
	return true
}

// join puts together what lines have of one frame: a heading and the bytes
// under it, and lines that were continued.
func (s *scanner) join() {
	pn := false
	for i := range s.items {
		it := &s.items[i]
		pn = pn || it.kind == itemFrame && it.dir != Unknown && pn53xFrame(it.b, it.dir)
	}
	out := s.items[:0] // never longer than what was read
	var heading item
	open := false // a heading waits
	prev := -1
	width := 0 // of the line before
	var waiting item
	for _, it := range s.items {
		if it.kind == itemHeading {
			heading, open, prev = it, true, -1
			continue
		}
		if it.kind == itemNothing {
			continue
		}
		if it.kind != itemFrame {
			out = append(out, it)
			open, prev = false, -1
			continue
		}
		if prev >= 0 && out[prev].behind && it.bare && it.line == out[prev].last+1 && it.broken == "" && likelyCommand(it.b) != strong && len(out[prev].b) < 2*maxGuessed {
			p := &out[prev]
			n := len(p.b) - 2
			p.b = append(append(p.b[:n:n], it.b...), p.b[n:]...)
			p.at = append(append(p.at[:n:n], it.at...), p.at[n:]...)
			p.last, p.cut = it.line, p.cut || it.cut
			continue
		}
		if prev >= 0 && it.offset > 0 && it.line == out[prev].last+1 && (it.bare || it.shape == out[prev].shape) && it.row(&out[prev]) {
			width = len(it.b)
			continue
		}
		if it.part {
			p := prev
			if prev = -1; p >= 0 && out[p].dir == ToCard && bytes.Contains(out[p].b, it.b) {
				s.control(&it, "data of the command before it")
				continue
			}
			it.last = it.line
			waiting = it
			continue
		}
		if waiting.part {
			if it.status && it.line <= waiting.line+2 && len(it.b) == 2 {
				it.b, it.at, it.line, it.status = append(waiting.b, it.b...), append(waiting.at, it.at...), waiting.line, false
			} else {
				s.control(&waiting, "data without the status of an answer")
			}
			waiting = item{}
		}
		if it.bare && open && it.line <= heading.line+2 {
			it.dir, it.fam, it.shape, it.bare = heading.dir, heading.fam, heading.shape, false
			if it.count == 0 {
				it.count = heading.count
			}
			if it.client = heading.client; it.time == 0 {
				it.time = heading.time
			}
		} else if it.bare && prev >= 0 && len(it.b) > 0 && it.line == out[prev].last+1 && s.continues(&out[prev], &it, width, pn) {
			p := &out[prev]
			p.b, p.at, p.last = append(p.b, it.b...), append(p.at, it.at...), it.line
			p.cut = p.cut || it.cut
			if p.broken == "" {
				p.broken = it.broken
			}
			if p.count > 0 && len(p.b) >= p.count && p.broken == "" {
				p.cut = false
			}
			width = len(it.b)
			continue
		}
		if it.count > 0 && len(it.b) == it.count && it.broken == "" {
			it.cut = false // the dots are a column of characters
		}
		open = false
		out = append(out, it)
		prev, width = len(out)-1, len(it.b)
	}
	if waiting.part {
		s.control(&waiting, "data without the status of an answer")
	}
	for i := range out {
		it := &out[i]
		if n := len(it.b); it.count > n && it.broken == "" {
			it.broken = sprintf("incomplete: the line says %d bytes and has %d", it.count, n)
		}
	}
	s.items = out
}

// maxGuessed is how long a frame may get of lines that nothing but their place
// puts together.
const maxGuessed = 4096

// continues reports whether the bytes of a line without a label go on with the
// frame before.
func (s *scanner) continues(p, it *item, width int, pn bool) bool {
	total := len(p.b) + len(it.b)
	if p.cut || total > maxFrame {
		return false
	}
	if p.count > 0 {
		return len(p.b) < p.count
	}
	if n := wanted(p); n > 0 && len(p.b) < n {
		return total <= n+1 || linkOf(p.b, p.dir) != linkNone
	}
	if pn && p.dir != Unknown {
		return true
	}
	if it.splitAt > 0 || p.splitAt > 0 && p.dir == Unknown {
		return false
	}
	dir := p.dir
	if dir == Unknown {
		switch {
		case likelyCommand(p.b) == strong:
			dir = ToCard
		case likelyAnswer(p.b) == strong:
			dir = ToReader
		default:
			return false
		}
	}
	if it.broken != "" || total > maxGuessed {
		return false
	}
	if likely(it.b, dir.opposite()) == strong || dir == ToCard && likelyCommand(it.b) == strong {
		return false
	}
	whole := append(append(make([]byte, 0, total), p.b...), it.b...)
	if likely(p.b, dir) == strong {
		return len(p.b) >= 8 && len(it.b) <= width && likely(whole, dir) == strong && (dir == ToReader || apduFits(whole))
	}
	return p.fam != famUnmarked && (len(p.b) >= 8 || indented(it) && !indented(p) || likely(whole, dir) == strong) && len(it.b) <= max(width, 16)
}

func indented(it *item) bool { return it.text != "" && (it.text[0] == ' ' || it.text[0] == '\t') }

// wanted is how long a frame will be by what its beginning says, or 0.
func wanted(it *item) int {
	switch {
	case len(it.b) >= 5 && it.dir != Unknown && (it.b[0] == ccidXfr || it.b[0] == ccidData) && it.b[3] == 0 && it.b[4] == 0:
		return ccidHeader + int(it.b[1]) + int(it.b[2])<<8
	case it.dir != Unknown && pn53xFrame(it.b, it.dir):
		return pnWant(it.b, it.dir)
	case it.dir != ToReader:
		return apduLength(it.b)
	}
	return 0
}
