package framelog

import (
	"strconv"
	"strings"
)

// run is a row of bytes on a line, in whatever way they are written.
type run struct {
	from, to int // in the line
	next     int // token behind it
	b        []byte
	at       []int  // in the line
	alt      []byte // b read as decimal numbers, where that may be meant as well
	altAt    []int
	broken   string // why the digits are no bytes
	cut      bool   // the program that wrote them left some out
	tail     string // what stands behind them
	offset   int    // of a row of a dump, -1 for none
	maybe    bool   // the first two bytes may be that offset
	dumped   bool   // the offset is left out
	number   bool   // decimal
	parts    []int  // where in b brackets or signs part it
}

// segment is the part of a run between brackets.
type segment struct {
	list   []token
	commas bool
	closed bool // in brackets
}

// readRun reads the bytes that begin at a token. It may find none: r.b is empty
// and r.next is where to go on.
func readRun(s string, toks []token, i int) run {
	r := run{from: toks[i].from, to: toks[i].to, next: i + 1, offset: -1}
	i = r.skipNumber(s, toks, i)
	r.next = i + 1
	var segs []segment
	cur := segment{closed: i > 0 && toks[i-1].kind == tokOpen}
	n, more := 0, 0 // more: digits follow up to this token
	follow := func(k int) bool {
		if k >= more {
			more = digitsFollow(toks, k)
		}
		return k < more
	}
	closeSegment := func() {
		if len(cur.list) > 0 {
			segs = append(segs, cur)
		}
		cur = segment{}
	}
	k := i
loop:
	for ; k < len(toks); k++ {
		t := toks[k]
		switch t.kind {
		case tokBytes, tokOdd, tokMinus, tokText:
			if n > 0 && k+1 < len(toks) && toks[k+1].kind == tokWord && isUnit(s[toks[k+1].from:toks[k+1].to]) && t.from > toks[k-1].to && !toks[k-1].digits() {
				r.cut, r.next = true, len(toks) // |-- 87 bytes of data --| stands for them
				break loop
			}
			cur.list = append(cur.list, t)
			n += max(1, (t.to-t.from)/2)
			r.to, r.next = t.to, k+1
			if isASCII(s[t.to:], n, s, segs, cur) {
				r.next = len(toks)
				break loop
			}
			if k0 := offsetBytes(cur.list); k0 > 0 && n > k0 && len(segs) == 0 && isASCII(s[t.to:], n-k0, s, nil, segment{list: cur.list[1:]}) {
				cur.list, r.maybe, r.dumped = cur.list[1:], false, true
				r.next = len(toks)
				break loop
			}
		case tokOpen, tokClose:
			closeSegment()
			cur.closed = t.kind == tokOpen
		case tokNote:
			if !follow(k) {
				break loop
			}
		case tokDots:
			r.cut = true
			r.next = k + 1
		case tokPunct:
			c := s[t.from]
			if strings.IndexByte(",:-|\"'`", c) < 0 || !follow(k) {
				break loop
			}
			if m := len(cur.list); c == '|' || c != '-' && m > 0 && cur.list[m-1].kind == tokBytes && cur.list[m-1].to-cur.list[m-1].from > 3 {
				closed := cur.closed
				closeSegment()
				cur.closed = closed
			}
			cur.commas = cur.commas || c == ','
		default:
			break loop
		}
		if r.cut && !follow(k) {
			break
		}
	}
	closeSegment()
	if r.next < len(toks) && toks[r.next].kind == tokDots || r.next+1 < len(toks) && toks[r.next].kind == tokOpen && toks[r.next+1].kind == tokDots {
		r.cut = true // behind a bracket, or in one
	}
	r.tail = s[r.to:]
	r.cut = r.cut || saysCut(r.tail)
	segs = dropped(s, segs)
	for j := range segs {
		r.resolve(s, &segs[j])
	}
	r.cut = r.cut || standsFor(r.tail) && lacks(r.b) || namesLast(r.tail)
	r.findParts()
	if len(segs) != 1 {
		r.alt, r.altAt = nil, nil
	}
	return r
}

// findParts finds where the bytes are parted by more than those of a frame are:
// by a blank, or by something wider where there is a blank behind each byte.
func (r *run) findParts() {
	spaced := true
	for j := 1; j < len(r.at); j++ {
		spaced = spaced && r.at[j] > r.at[j-1]+2
	}
	for _, gap := range [...]int{3, 2} {
		for j := 1; j < len(r.at) && (spaced || gap == 2); j++ {
			if r.at[j] > r.at[j-1]+gap {
				r.parts = append(r.parts, j)
			}
		}
		if len(r.parts) > 0 {
			return
		}
	}
}

// offsetBytes is how long the first of the tokens is, in bytes, if it may be the
// offset of a row of a dump, or 0.
func offsetBytes(list []token) int {
	if len(list) < 2 || list[0].prefixed {
		return 0
	}
	switch n := list[0].to - list[0].from; n {
	case 4, 6, 8:
		return n / 2
	}
	return 0
}

// digitsFollow finds the bytes that come behind token k with nothing but signs
// between, or says 0.
func digitsFollow(toks []token, k int) int {
	for k++; k < len(toks); k++ {
		switch toks[k].kind {
		case tokBytes, tokOdd, tokMinus, tokText:
			return k
		case tokOpen, tokClose, tokPunct, tokNote:
		default:
			return 0
		}
	}
	return 0
}

// skipNumber steps over what stands before the bytes and is none of them: the
// offset of a row of a dump, and a number that a colon follows.
func (r *run) skipNumber(s string, toks []token, i int) int {
	if i+1 >= len(toks) {
		return i
	}
	t, next := toks[i], toks[i+1]
	if t.kind != tokBytes && t.kind != tokOdd {
		return i
	}
	n := t.to - t.from
	v, err := strconv.ParseUint(s[t.from:t.to], 16, 32)
	rows := err == nil && n >= 4 && n <= 8 && v%16 == 0 && v < 1<<16
	if next.kind == tokPunct && s[next.from] == ':' && next.from == t.to && i+2 < len(toks) && toks[i+2].digits() && toks[i+2].from > next.to {
		if i+3 >= len(toks) || s[toks[i+3].from] != ':' {
			if rows {
				r.offset, r.dumped = int(v), true
			}
			return i + 2
		}
	}
	if t.prefixed && n == 8 && next.digits() && next.from > t.to+1 && next.to-next.from == 2 && strings.HasSuffix(strings.TrimRight(s, " \t\r"), "|") {
		r.dumped = true
		return i + 1 // the address, in a dump of ESP-IDF
	}
	if t.prefixed || !rows || !next.digits() {
		return i
	}
	others := 0
	for k := i + 1; k < len(toks) && toks[k].digits() && others < maxColumn; k++ {
		if toks[k].to-toks[k].from != 2 {
			return i
		}
		others++
	}
	if n >= 6 || n == 4 && others >= 5 {
		r.offset, r.dumped = int(v), true
		return i + 1
	}
	if n == 4 {
		r.offset, r.maybe = int(v), true
	}
	return i
}

// dropped leaves out what stands in front of the bytes: how many there are, in
// brackets, and the number of a command that stands before its frame with 0x.
func dropped(s string, segs []segment) []segment {
	if len(segs) == 0 {
		return nil
	}
	first := &segs[0]
	if first.closed && len(first.list) == 1 && len(segs) > 1 {
		n := 0
		for _, g := range segs[1:] {
			for _, t := range g.list {
				n += max(1, (t.to-t.from)/2)
			}
		}
		text := s[first.list[0].from:first.list[0].to]
		if v, err := strconv.Atoi(text); err == nil && v == n {
			return segs[1:]
		}
		if v, err := strconv.ParseUint(text, 16, 32); err == nil && int(v) == n && n > 9 {
			return segs[1:]
		}
	}
	if l := first.list; len(l) > 1 && l[0].prefixed && l[0].to-l[0].from == 2 && !l[1].prefixed && l[1].kind == tokBytes &&
		strings.EqualFold(s[l[0].from:l[0].to], s[l[1].from:l[1].from+2]) {
		first.list = l[1:]
	}
	return segs
}

// resolve turns the digits of a segment into bytes.
func (r *run) resolve(s string, g *segment) {
	const (
		letters = 1 << iota
		minus
		zeroes  // 05
		singles // 5
		threes  // 144
		longer
		prefixed
		large // over 255
	)
	has := 0
	for _, t := range g.list {
		text := s[t.from:t.to]
		switch {
		case t.kind == tokText:
			r.text(s, t)
			continue
		case t.kind == tokMinus:
			has |= minus
			continue
		case t.prefixed:
			has |= prefixed
		}
		if !decimal(text) {
			has |= letters
		} else if v, err := strconv.Atoi(text); err != nil || v > 255 {
			has |= large
		}
		switch n := len(text); {
		case n == 1:
			has |= singles
		case n == 3:
			has |= threes
		case n > 3:
			has |= longer
		}
		if len(text) > 1 && text[0] == '0' {
			has |= zeroes
		}
	}
	if has&minus != 0 {
		r.decimals(s, g)
		return
	}
	plain := has&(letters|zeroes|longer|prefixed|large) == 0
	if plain && (has&threes != 0 && (len(g.list) > 2 || r.number) || g.commas && has&(singles|threes) != 0 && g.closed) {
		r.decimals(s, g)
		return
	}
	if plain && g.closed && (g.commas || len(g.list) == 1) {
		for _, t := range g.list {
			v, _ := strconv.Atoi(s[t.from:t.to])
			r.alt, r.altAt = append(r.alt, byte(v)), append(r.altAt, t.from)
		}
	}
	for _, t := range g.list {
		if t.kind == tokText {
			continue
		}
		text := s[t.from:t.to]
		switch {
		case len(text) == 1 && (has&(longer|threes) == 0 && len(g.list) > 1 && (has&zeroes == 0 || has&prefixed != 0) || t.prefixed):
			r.b, r.at = append(r.b, byte(digit(text[0]))), append(r.at, t.from)
		case len(text)%2 != 0:
			if r.broken == "" {
				if r.broken = "an odd number of digits: " + strconv.Itoa(len(text)); len(text) == 1 && has&zeroes != 0 {
					r.broken = "one digit where all other bytes have two: something is missing"
				}
			}
		default:
			for i := 0; i < len(text); i += 2 {
				r.b, r.at = append(r.b, byte(digit(text[i])<<4|digit(text[i+1]))), append(r.at, t.from+i)
			}
		}
	}
}

// decimals reads numbers from -128 to 255.
func (r *run) decimals(s string, g *segment) {
	r.number = true
	for _, t := range g.list {
		if t.kind == tokText {
			continue
		}
		v, err := strconv.Atoi(s[t.from:t.to])
		if err != nil || v < -128 || v > 255 || t.prefixed {
			if r.broken == "" {
				r.broken = "a number among decimal ones that is no byte"
			}
			continue
		}
		r.b, r.at = append(r.b, byte(v)), append(r.at, t.from)
	}
}

// text reads a string of Python's.
func (r *run) text(s string, t token) {
	for i := t.from + 2; i < t.to-1; i++ {
		c, at := s[i], i
		if c == '\\' && i+1 < t.to-1 {
			i++
			switch s[i] {
			case 'x':
				if i+2 >= t.to-1 || digit(s[i+1]) < 0 || digit(s[i+2]) < 0 {
					r.broken = "a string that does not end"
					return
				}
				c = byte(digit(s[i+1])<<4 | digit(s[i+2]))
				i += 2
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			default:
				c = s[i]
			}
		}
		r.b, r.at = append(r.b, c), append(r.at, at)
	}
}
