package framelog

import (
	"slices"
	"strings"
)

// item is what one line, or a part of it, tells.
type item struct {
	kind  itemKind
	line  int // where it begins
	last  int // and ends, where lines were continued
	text  string
	dir   Direction
	fam   family
	shape string // the label, or the arrow

	b, alt []byte
	at     []int
	broken string
	cut    bool
	count  int    // how many bytes the line says there are, or 0
	status bool   // the label names a status only
	bare   bool   // nothing but bytes on the line
	worded bool   // no label, but bytes that are a frame
	filler bool   // words stand between the label and the bytes
	inner  string // the label says that it is no traffic, this word
	air    airKind
	note   string
	params bool // more names and digits follow
	client string
	time   int64 // in microseconds, if the log says it
}

type itemKind uint8

const (
	itemFrame   itemKind = iota
	itemHeading          // a label whose bytes stand on the next lines
	itemReset
)

type airKind uint8

const (
	airNone   airKind = iota
	airCRC            // a frame off the air, with its CRC if it has one
	airNoCRC          // a block that the reader adds the CRC to
	airPieces         // a few bits
)

// scan reads all lines.
func scan(text string) *scanner {
	s := &scanner{}
	eachLine(text, func(l line) {
		if len(l.text) > maxLine {
			s.skip(&item{line: l.no, text: l.text[:200]}, "the line has %d characters: no frame is as long", len(l.text))
			return
		}
		s.line(l)
	})
	return s
}

func (s *scanner) add(it item) {
	if it.last == 0 {
		it.last = it.line
	}
	s.items = append(s.items, it)
}

func (s *scanner) line(l line) {
	trimmed := strings.TrimSpace(l.text)
	if trimmed == "" {
		return
	}
	s.kinds.see(trimmed)
	if s.special(&l, trimmed) {
		return
	}
	client, passed, from := noise(l.text)
	s.now += max(0, passed)
	body := l.text[from:]
	p := lineParser{s: s, l: &l, body: body, from: from, toks: tokens(body), client: client}
	if passed >= 0 {
		p.time = s.now
	}
	if len(p.toks) > 0 {
		p.parse()
	}
}

// lineParser goes through the tokens of a line.
type lineParser struct {
	s      *scanner
	l      *line
	body   string
	from   int
	toks   []token
	client string
	time   int64

	words  []string // the last ones, with nothing but blanks between
	cur    current
	before string // a word before any label that says it is no traffic
	free   []run
	items  []item
	swJoin bool
}

// current is the label that the next bytes belong to.
type current struct {
	l      *label
	arrow  string
	dir    Direction
	fam    family
	used   bool
	words  int // between it and here
	colon  bool
	count  int
	status bool
	inner  string
}

func (c *current) set() bool { return c.l != nil || c.arrow != "" }

func (c *current) shape() string {
	if c.arrow != "" {
		return c.arrow
	}
	return c.l.words
}

func (p *lineParser) parse() {
	for i := 0; i < len(p.toks); {
		t := p.toks[i]
		switch t.kind {
		case tokRest:
			if c := p.body[t.from]; (c == '#' || c == ';') && i == 0 {
				p.commentLine()
				return
			}
			i = len(p.toks)
			continue
		case tokMark:
			p.mark(i)
		case tokWord:
			p.word(i)
		case tokNote:
			p.counted(p.body[t.from:t.to])
		case tokPunct, tokOpen:
			if c := p.body[t.from]; c == ':' || c == '=' || c == '[' || c == '{' || c == '<' || c == '(' {
				p.cur.colon = true
			}
			if c := p.body[t.from]; c != '-' && c != '_' {
				p.words = nil
			}
		case tokBytes, tokOdd, tokMinus, tokText:
			i = p.digits(i)
			p.words = nil
			continue
		}
		i++
	}
	p.end()
}

// commentLine looks at a line that is a comment as a whole.
func (p *lineParser) commentLine() {
	if strings.Contains(p.body, "new activation") {
		p.s.add(item{kind: itemReset, line: p.l.no})
		return
	}
	q := *p
	q.body, q.from = p.body[1:], p.from+1
	q.toks = tokens(q.body)
	if len(q.toks) == 0 || q.toks[0].kind == tokRest {
		return
	}
	n := len(p.s.items)
	q.parse()
	for _, it := range p.s.items[n:] {
		if it.kind == itemFrame && likely(it.b, ToCard)+likely(it.b, ToReader) >= strong {
			p.s.skip(&it, "it stands in a comment")
		}
	}
	p.s.items = p.s.items[:n]
}

// mark takes an arrow.
func (p *lineParser) mark(i int) {
	t := p.toks[i]
	c := &p.cur
	if c.l != nil && !c.used && c.arrow == "" && (c.words == 0 || c.fam == famProgram) {
		switch {
		case c.l.isSide():
			if t.dir == ToReader {
				c.dir = c.dir.opposite()
			}
			c.colon = true
			return
		case c.l.strong:
			c.colon = true
			return
		}
	}
	if len(p.free) > 0 && !c.set() && t.dir == ToCard && p.pairOf(i) {
		return
	}
	inner := ""
	for _, w := range p.words[max(0, len(p.words)-2):] {
		if noTraffic[w] && w != "decrypt" && w != "decrype" && w != "encrypt" && w != "encrypted" {
			inner = w
		}
	}
	*c = current{arrow: p.body[t.from:t.to], dir: t.dir, fam: famArrow, inner: inner, colon: true}
	p.swJoin = false
	p.words = nil
}

// pairOf takes the bytes before an arrow as the command and what follows it as
// the answer, if that is what they are.
func (p *lineParser) pairOf(i int) bool {
	r := &p.free[len(p.free)-1]
	if likelyCommand(r.b) != strong || !digitsFollow(p.toks, i) {
		return false
	}
	p.emit(r, current{arrow: "a > b", dir: ToCard, fam: famProgram, colon: true})
	p.free = p.free[:len(p.free)-1]
	p.cur = current{arrow: "a > b", dir: ToReader, fam: famProgram, colon: true}
	return true
}

// word takes a word, which may be a label or the end of one.
func (p *lineParser) word(i int) {
	t := p.toks[i]
	var found *label
	split := splitWords(p.body[t.from:t.to])
	for _, w := range split {
		p.words = append(p.words, w)
		if l := labelAt(p.words); l != nil && (len(split) == 1 || l.strong) {
			found = l
		}
		switch {
		case !noTraffic[w]:
		case p.cur.set() && !p.cur.used:
			p.cur.inner = w
		case !p.cur.set():
			p.before = w
		}
	}
	if len(p.words) > 6 {
		p.words = p.words[len(p.words)-6:]
	}
	c := &p.cur
	if found == nil {
		c.words++
		p.swJoin = p.swJoin && c.used && c.words < 3
		return
	}
	if found.isStatus() {
		if n := len(p.items); n > 0 && c.used && p.items[n-1].dir != ToCard {
			p.swJoin = true
			return
		}
		if c.set() && !c.used {
			c.status = true
			return
		}
	}
	switch {
	case c.arrow != "" && !c.used:
		if found.fam == famProgram && found.strong {
			break
		}
		if found.isSide() && c.words == 0 {
			if c.dir == ToCard {
				c.dir = found.dir.opposite()
			} else {
				c.dir = found.dir
			}
			return
		}
		c.words++
		return
	case c.l != nil && !c.used && c.l.strong && (!found.strong || c.fam == famProgram):
		c.words++
		return
	}
	*c = current{l: found, dir: found.dir, fam: found.fam, status: found.isStatus(), count: c.count}
	if c.used {
		c.count = 0
	}
	p.swJoin = false
}

// counted reads how many bytes a comment in brackets says there are.
func (p *lineParser) counted(note string) {
	f := strings.Fields(strings.Trim(note, "()"))
	if len(f) == 2 && decimal(f[0]) && len(f[0]) < 6 && (f[1] == "bytes" || f[1] == "byte") {
		n := 0
		for i := range len(f[0]) {
			n = n*10 + int(f[0][i]-'0')
		}
		if !p.cur.used {
			p.cur.count = n
		}
	}
}

// digits reads bytes and says where to go on.
func (p *lineParser) digits(i int) (next int) {
	if i > 0 && p.toks[i-1].to == p.toks[i].from && p.body[p.toks[i-1].from] == '/' {
		return i + 1 // 3/5
	}
	r := readRun(p.body, p.toks, i)
	next = r.next
	single := i+1 == next || len(r.b) == 1
	if single && next < len(p.toks) && p.body[p.toks[next].from] == '/' && p.toks[next].kind == tokPunct {
		return next
	}
	if single && next < len(p.toks) && p.toks[next].kind == tokWord {
		switch strings.ToLower(p.body[p.toks[next].from:p.toks[next].to]) {
		case "bytes", "byte", "octets", "octet":
			p.counted("(" + p.body[r.from:r.to] + " bytes)")
			return next + 1
		case "bits", "bit", "ms", "us", "s", "sec", "seconds", "times", "more", "am", "pm", "b", "kb":
			return next
		}
	}
	if len(r.b) == 0 && (r.broken == "" || r.to-r.from < 3) {
		return next
	}
	c := &p.cur
	if n := len(p.items); p.swJoin && n > 0 && len(r.b) <= 2 && r.broken == "" {
		it := &p.items[n-1]
		p.append(it, &r)
		p.swJoin = len(r.b) == 1 && len(it.b) > 0
		c.words = 0
		return next
	}
	switch {
	case !c.set():
		p.free = append(p.free, r)
	case !c.used:
		// A number that is named, as "len = 6 >" or "T=1".
		if single && !r.cut && next < len(p.toks) && c.words > 0 && (p.toks[next].kind == tokMark || p.digitsLater(next)) {
			return next
		}
		p.emit(&r, *c)
		c.used, c.words = true, 0
	default:
		if n := len(p.items); n > 0 && c.words > 0 && (len(r.b) > 2 || p.named(i)) {
			p.items[n-1].params = true
		}
	}
	return next
}

// digitsLater reports whether more than a byte follows.
func (p *lineParser) digitsLater(from int) bool {
	for k := from; k < len(p.toks); k++ {
		t := p.toks[k]
		if t.kind == tokBytes && t.to-t.from > 2 || t.kind == tokBytes && k+1 < len(p.toks) && p.toks[k+1].kind == tokBytes {
			return true
		}
	}
	return false
}

// named reports whether token i stands behind "name:" or "name=".
func (p *lineParser) named(i int) bool {
	return i > 1 && p.toks[i-1].kind == tokPunct && strings.IndexByte(":=", p.body[p.toks[i-1].from]) >= 0 && p.toks[i-2].kind == tokWord
}

// emit makes an item of bytes and their label.
func (p *lineParser) emit(r *run, c current) {
	it := item{
		line: p.l.no, text: p.l.text, dir: c.dir, fam: c.fam, shape: c.shape(),
		broken: r.broken, cut: r.cut, count: c.count, status: c.status, filler: c.words > 0, inner: c.inner,
		note: strings.TrimSpace(r.tail), client: p.client, time: p.time,
	}
	if c.l != nil && !c.l.verb && c.words > 0 && c.fam != famProgram || c.l != nil && c.l.isSide() && !c.colon {
		it.worded = true
		it.dir, it.fam, it.shape = Unknown, famUnmarked, ""
	}
	p.append(&it, r)
	p.items = append(p.items, it)
}

func (p *lineParser) append(it *item, r *run) {
	it.b = append(it.b, r.b...)
	for _, i := range r.at {
		it.at = append(it.at, p.l.offset(p.from+i))
	}
	it.alt = append(it.alt, r.alt...)
	if it.broken == "" {
		it.broken = r.broken
	}
	it.cut = it.cut || r.cut
}

// end decides what bytes without a label are, and whether a label waits for the
// next line.
func (p *lineParser) end() {
	if p.before != "" && len(p.items) == 0 {
		p.free = nil
	}
	for i := range p.free {
		r := &p.free[i]
		if p.split(r) {
			continue
		}
		it := item{
			line: p.l.no, text: p.l.text, fam: famUnmarked, broken: r.broken, cut: r.cut,
			note: strings.TrimSpace(r.tail), client: p.client, time: p.time, count: p.cur.count,
		}
		p.append(&it, r)
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
	case c.l != nil && p.closes():
		p.s.add(item{kind: itemHeading, line: p.l.no, text: p.l.text, dir: c.dir, fam: c.fam, shape: c.shape(), count: c.count, client: p.client, time: p.time})
	case c.arrow != "" && p.toks[0].kind == tokMark && len(p.toks) > 1 && len(p.toks) < 4 && p.toks[1].kind != tokNote && p.toks[1].kind != tokRest:
		p.s.skip(&item{line: p.l.no, text: p.l.text}, "want pairs of hexadecimal digits after %s", c.arrow)
	}
}

func first(at []int) int {
	if len(at) == 0 {
		return 0
	}
	return at[0]
}

// split takes a command and its answer that only a sign parts, as in a table.
func (p *lineParser) split(r *run) bool {
	for _, k := range r.parts {
		if likelyCommand(r.b[:k]) == strong && likelyAnswer(r.b[k:]) == strong && r.broken == "" && !r.cut && !apduFits(r.b) {
			for _, half := range [...]struct {
				from, to int
				dir      Direction
			}{{0, k, ToCard}, {k, len(r.b), ToReader}} {
				p.emit(&run{b: r.b[half.from:half.to], at: r.at[half.from:half.to]}, current{arrow: "a | b", dir: half.dir, fam: famProgram})
			}
			return true
		}
	}
	return false
}

// alone reports whether a line has nothing but these bytes, brackets around
// them, and a remark.
func (p *lineParser) alone(r *run) bool {
	for _, t := range p.toks {
		switch {
		case t.kind == tokRest:
			return true
		case t.from >= r.from && t.to <= r.to, t.kind == tokOpen, t.kind == tokClose, t.kind == tokPunct, t.kind == tokNote, t.kind == tokDots:
		case t.kind == tokWord && t.from >= r.to && okWord(p.body[t.from:t.to]):
		case t.digits() && t.to <= r.from: // an offset
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
