package framelog

import (
	"strconv"
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

	b, alt  []byte
	altAt   []int
	at      []int
	broken  string
	cut     bool
	count   int    // how many bytes the line says there are, or 0
	status  bool   // the label names a status only
	offset  int    // of a row of a dump, -1 for none
	maybe   bool   // the first two bytes may be that offset
	dumped  bool   // the offset was left out
	number  bool   // written as decimal numbers
	part    bool   // the label names data, without the status
	behind  bool   // the status was said before the data, which may follow
	splitAt int    // where an answer may begin behind the command
	bare    bool   // nothing but bytes on the line
	worded  bool   // no label, but bytes that are a frame
	filler  bool   // words stand between the label and the bytes
	tight   bool   // a sign stands right before the bytes
	boxed   bool   // a bracket opens before them
	marked  bool   // the line begins with its arrow
	spoken  bool   // the arrow stands in a sentence
	after   int    // words behind them
	inner   string // the label says that it is no traffic, this word
	air     airKind
	note    string
	params  bool // more names and digits follow
	client  string
	time    int64 // in microseconds, if the log says it
}

type itemKind uint8

const (
	itemFrame   itemKind = iota
	itemHeading          // a label whose bytes stand on the next lines
	itemReset
	itemNothing
)

type airKind uint8

const (
	airNone   airKind = iota
	airCRC            // a frame off the air, with its CRC if it has one
	airNoCRC          // a block that the reader adds the CRC to
	airPieces         // a few bits
)

// scan reads all lines.
func scan(text string) (*scanner, error) {
	s := &scanner{}
	var err error
	serial := monitored(text)
	eachLine(text, func(l line) bool {
		if serial {
			l = unmonitored(l)
		}
		if len(l.text) > maxLine {
			s.skip(&item{line: l.no, text: l.text[:200]}, "the line has %d characters: no frame is as long", len(l.text))
			return true
		}
		if s.line(l); len(s.items) > maxItems {
			err = ErrLong
		}
		return err == nil
	})
	return s, err
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
	if passed >= 0 && (strings.HasPrefix(body, "APDU: ") || strings.HasPrefix(body, "SW:")) {
		s.kinds.add(KindPcscd)
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

	words    []string // the last ones, with nothing but blanks between
	lastWord string
	cur      current
	before   string // a word before any label that says it is no traffic
	free     []run
	items    []item
	swJoin   bool
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
	spoken bool // an arrow in the middle of a sentence
	part   bool // the arrow's bytes are the data of an answer, without the status
	sw     run  // the status, in brackets behind the label
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
			if c := p.body[t.from]; i == 0 && c != '(' {
				p.commentLine(c == '/')
				return
			}
			i = len(p.toks)
			continue
		case tokMark:
			p.mark(i)
		case tokWord:
			p.word(i)
		case tokNote:
			p.counted(p.body[t.from:t.to], t.from)
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

// commentLine looks at a line that is a comment as a whole. One of a C program
// may hold the answer.
func (p *lineParser) commentLine(code bool) {
	if strings.Contains(p.body, "new activation") {
		p.s.add(item{kind: itemReset, line: p.l.no})
		return
	}
	q := *p
	q.body = strings.TrimLeft(p.body, "#;/*( ")
	q.from = p.from + len(p.body) - len(q.body)
	q.toks = tokens(q.body)
	if len(q.toks) == 0 || q.toks[0].kind == tokRest {
		return
	}
	n := len(p.s.items)
	q.parse()
	if code {
		return
	}
	for _, it := range p.s.items[n:] {
		if it.kind == itemFrame && likely(it.b, ToCard)+likely(it.b, ToReader) >= strong {
			p.s.skip(&it, "it stands in a comment")
		}
	}
	p.s.items = p.s.items[:n]
}

// counted reads what a comment in brackets says of the bytes: how many there are,
// or the status word, as in (SW1=0x91, SW2=0xAF).
func (p *lineParser) counted(note string, at int) {
	f := strings.Fields(strings.Trim(note, "()"))
	if len(f) == 2 && decimal(f[0]) && len(f[0]) < 6 && (f[1] == "bytes" || f[1] == "byte") {
		n := 0
		for i := range len(f[0]) {
			n = n*10 + int(f[0][i]-'0')
		}
		if !p.cur.used {
			p.cur.count = n
		}
		return
	}
	if p.cur.l == nil || p.cur.used || p.cur.dir != ToReader || len(note) > 40 || !strings.HasPrefix(strings.ToUpper(note), "(SW") {
		return
	}
	var sw run
	inner := note[1:]
	toks := tokens(inner)
	for i := range toks {
		if toks[i].kind == tokBytes && i > 0 && inner[toks[i-1].from] == '=' {
			r := readRun(inner, toks[:i+1], i)
			sw.b = append(sw.b, r.b...)
			for _, k := range r.at {
				sw.at = append(sw.at, at+1+k)
			}
		}
	}
	if len(sw.b) == 2 {
		p.cur.sw = sw
	}
}

// digits reads bytes and says where to go on.
func (p *lineParser) digits(i int) (next int) {
	if i > 0 && p.toks[i-1].to == p.toks[i].from && p.body[p.toks[i-1].from] == '/' {
		return i + 1 // 3/5
	}
	if p.toks[i].kind == tokOdd && p.named(i) && p.toks[i-1].to == p.toks[i].from && p.toks[i].to-p.toks[i].from == 1 && p.body[p.toks[i-1].from] == '=' {
		return i + 1 // T=1
	}
	if i > 1 && p.toks[i-1].kind == tokOpen && p.toks[i-2].kind == tokWord && p.toks[i-2].to == p.toks[i-1].from && i+1 < len(p.toks) &&
		p.toks[i+1].kind == tokClose && decimal(p.body[p.toks[i].from:p.toks[i].to]) && p.toks[i].to-p.toks[i].from < 5 {
		p.counted("("+p.body[p.toks[i].from:p.toks[i].to]+" bytes)", 0) // name[5]
		return i + 2
	}
	if p.colon(i) && p.body[p.toks[i].from:p.toks[i].to] == "be" {
		return i + 1 // should be:
	}
	r := readRun(p.body, p.toks, i)
	next = r.next
	single := i+1 == next || len(r.b) == 1
	if single && len(r.b) <= 2 && numbered[p.lastWord] && !p.boxed(i) {
		return next
	}
	if single && next < len(p.toks) && p.body[p.toks[next].from] == '/' && p.toks[next].kind == tokPunct {
		return next
	}
	if single && next < len(p.toks) && p.toks[next].kind == tokWord {
		switch strings.ToLower(p.body[p.toks[next].from:p.toks[next].to]) {
		case "bytes", "byte", "octets", "octet":
			p.counted("("+p.body[r.from:r.to]+" bytes)", 0)
			return next + 1
		case "bits", "bit", "ms", "us", "s", "sec", "seconds", "times", "more", "am", "pm", "b", "kb":
			return next
		}
	}
	c := &p.cur
	listed := r.alt != nil && c.set() && !c.used && c.colon && p.toks[i-1].kind == tokOpen
	if len(r.b) == 0 && (r.broken == "" || r.to-r.from < 3 && !p.swJoin && !listed) {
		return next
	}
	if n := len(p.items); p.swJoin && n > 0 && p.items[n-1].number && decimal(p.body[r.from:r.to]) && r.to-r.from == 3 {
		if v, err := strconv.Atoi(p.body[r.from:r.to]); err == nil && v < 256 {
			r.b, r.at, r.broken = []byte{byte(v)}, []int{r.from}, ""
		}
	}
	if n := len(p.items); p.swJoin && n > 0 && len(r.b) > 0 && len(r.b) <= 2 && r.broken == "" {
		it := &p.items[n-1]
		it.part = false
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
		if single && len(r.b) <= 2 && !r.cut && next < len(p.toks) && c.words > 0 && (p.toks[next].kind == tokMark || p.digitsLater(next)) {
			return next
		}
		p.emit(&r, *c)
		it := &p.items[len(p.items)-1]
		it.tight, it.boxed, it.after, it.spoken = p.tight(i), p.boxed(i), p.wordsFrom(next), c.spoken
		c.used, c.words = true, 0
	default:
		if n := len(p.items); n > 0 && c.words > 0 && (len(r.b) > 2 || p.named(i)) {
			p.items[n-1].params = true
		}
	}
	return next
}

// emit makes an item of bytes and their label.
func (p *lineParser) emit(r *run, c current) {
	it := item{
		line: p.l.no, text: p.l.text, dir: c.dir, fam: c.fam, shape: c.shape(),
		broken: r.broken, cut: r.cut, count: c.count, status: c.status, filler: c.words > 0, inner: c.inner,
		note: strings.TrimSpace(r.tail), client: p.client, time: p.time, offset: r.offset, maybe: r.maybe, dumped: r.dumped,
		part: c.l != nil && c.l.words == "data" || c.part, marked: c.arrow != "" && len(p.toks) > 0 && p.toks[0].kind == tokMark,
	}
	if c.l != nil && !c.l.verb && c.words > 0 && c.fam != famProgram || c.l != nil && c.l.wants() && !c.colon && !c.l.isStatus() && !(len(c.l.words) == 1 && p.onlyLabel()) {
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
	for _, i := range r.altAt {
		it.altAt = append(it.altAt, p.l.offset(p.from+i))
	}
	if it.broken == "" {
		it.broken = r.broken
	}
	it.cut = it.cut || r.cut
	it.number = it.number || r.number
}
