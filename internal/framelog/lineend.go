package framelog

import (
	"slices"
	"strings"
)

// end decides what bytes without a label are, and whether a label waits for the
// next line.
func (p *lineParser) end() {
	if p.before != "" && len(p.items) == 0 {
		p.free = nil
	}
	for i := range p.free {
		r := &p.free[i]
		it := item{
			line: p.l.no, text: p.l.text, fam: famUnmarked, broken: r.broken, cut: r.cut,
			note: strings.TrimSpace(r.tail), client: p.client, time: p.time, count: p.cur.count, offset: r.offset, maybe: r.maybe, dumped: r.dumped,
		}
		p.append(&it, r)
		it.splitAt = splitAt(r)
		if it.bare = len(p.free) == 1 && len(p.items) == 0 && p.alone(r); !it.bare {
			it.worded = true
		}
		p.items = append(p.items, it)
	}
	slices.SortStableFunc(p.items, func(a, b item) int { return first(a.at) - first(b.at) })
	for _, it := range p.items {
		if it.fam != famProgram || it.shape != "a > b" || it.dir == ToCard || len(p.items) == 2 {
			p.s.add(it)
		}
	}
	c := &p.cur
	switch {
	case len(p.items) > 0 || !c.set():
	case c.sw.b != nil:
		it := item{line: p.l.no, text: p.l.text, dir: c.dir, fam: c.fam, shape: c.shape(), behind: true, tight: true, client: p.client, time: p.time}
		p.append(&it, &c.sw)
		p.s.add(it)
	case c.l != nil && p.closes():
		p.s.add(item{kind: itemHeading, line: p.l.no, text: p.l.text, dir: c.dir, fam: c.fam, shape: c.shape(), count: c.count, client: p.client, time: p.time})
	case c.arrow != "" && !c.part && p.toks[0].kind == tokMark && len(p.toks) > 1 && len(p.toks) < 4 && p.toks[1].kind != tokNote && p.toks[1].kind != tokRest:
		p.s.skip(&item{line: p.l.no, text: p.l.text}, "want pairs of hexadecimal digits after %s", c.arrow)
	}
}

func first(at []int) int {
	if len(at) == 0 {
		return 0
	}
	return at[0]
}

// splitAt is where the answer begins if the bytes of a line are a command and
// its answer without anything that says so, as in a table, or 0.
func splitAt(r *run) int {
	if r.broken != "" || r.cut || len(r.b) < 7 || apduFits(r.b) && len(r.b) != 7 {
		return 0
	}
	for _, k := range slices.Backward(r.parts) { // Le belongs to the command
		if k > 5 && nearlyCommand(r.b[:k]) || k >= 5 && r.b[4] == 0 || k > 5 && r.b[0] == 0 {
			if likelyCommand(r.b[:k]) == strong && likelyAnswer(r.b[k:]) == strong {
				return k
			}
		}
	}
	return 0
}

// alone reports whether a line has nothing but these bytes, brackets around
// them, and a remark.
func (p *lineParser) alone(r *run) bool {
	for _, t := range p.toks {
		switch {
		case t.kind == tokRest, t.kind == tokPunct && p.body[t.from] == ':' && t.from >= r.to:
			return true // a remark
		case t.from >= r.from && t.to <= r.to, t.kind == tokOpen, t.kind == tokClose, t.kind == tokPunct, t.kind == tokNote, t.kind == tokDots:
		case t.kind == tokWord && t.from >= r.to && okWord(p.body[t.from:t.to]):
		case t.from >= r.to && r.next == len(p.toks): // a column of characters
		default:
			return false
		}
	}
	return true
}

// okWord is what a program says behind the bytes of a frame.
func okWord(w string) bool {
	switch strings.ToLower(w) {
	case "ok", "crc", "fail", "more", "bytes":
		return true
	}
	return false
}

// closes reports whether a line ends with its label, so that the bytes come on
// the next lines.
func (p *lineParser) closes() bool {
	if p.before != "" || p.cur.inner != "" || !p.cur.l.strong && p.cur.l.words != "apdu" {
		return false
	}
	last := p.toks[len(p.toks)-1]
	switch {
	case last.kind == tokPunct && strings.IndexByte(":=", p.body[last.from]) >= 0:
		return p.cur.words < 4
	case last.kind == tokWord:
		return p.cur.words == 0
	case last.kind == tokClose, last.kind == tokNote, last.kind == tokOpen:
		return p.cur.words == 0
	}
	return false
}
