package framelog

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
	if n := len(p.items); n > 0 && c.used && t.dir == ToCard && p.items[n-1].dir == ToCard && c.words == 0 && p.answerAt(digitsFollow(p.toks, i)) {
		*c = current{arrow: "> a > b", dir: ToReader, fam: famProgram, colon: true}
		p.swJoin, p.words = false, nil
		return
	}
	inner := ""
	for _, w := range p.words[max(0, len(p.words)-2):] {
		if noTraffic[w] && w != "decrypt" && w != "decrype" && w != "encrypt" && w != "encrypted" {
			inner = w
		}
	}
	spoken := p.wordsBefore(i)
	*c = current{arrow: p.body[t.from:t.to], dir: t.dir, fam: famArrow, inner: inner, colon: true, spoken: spoken > 2 || spoken == 2 && p.toks[i-1].kind == tokWord}
	p.swJoin = false
	p.words = nil
}

// answerAt reports whether bytes begin at token i that are not surely a command.
func (p *lineParser) answerAt(i int) bool {
	return i > 0 && likelyCommand(readRun(p.body, p.toks, i).b) != strong
}

// pairOf takes the bytes before an arrow as the command and what follows it as
// the answer, if that is what they are.
func (p *lineParser) pairOf(i int) bool {
	r := &p.free[len(p.free)-1]
	if likelyCommand(r.b) != strong || digitsFollow(p.toks, i) == 0 {
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
	for i, w := range split {
		p.words, p.lastWord = append(p.words, w), w
		if i == len(split)-1 {
			dotted := t.to+1 < len(p.body) && p.body[t.to] == '.' && wordChar(p.body[t.to+1]) // of a name, as commands.c
			if found = labelAt(p.words); found != nil && (i > 0 && !found.strong || dotted) {
				found = nil
			}
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
		if found.fam == famProgram && found.strong || len(p.items) > 0 && c.words == 0 && p.colon(i) {
			break // S: 60 -> R: AF ..
		}
		if found.words == "data" && c.words == 0 && c.dir == ToReader {
			c.part = true
			return
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
		if found.words != "apdu" {
			c.words++
		}
		return
	}
	*c = current{l: found, dir: found.dir, fam: found.fam, status: found.isStatus(), count: c.count, spoken: p.wordsBefore(i) > 2}
	if c.used {
		c.count = 0
	}
	p.swJoin = false
}

// colon reports whether a colon stands right behind token i.
func (p *lineParser) colon(i int) bool {
	return i+1 < len(p.toks) && p.toks[i+1].kind == tokPunct && p.body[p.toks[i+1].from] == ':'
}

// wordsBefore counts the words close before a token, as far as it matters.
func (p *lineParser) wordsBefore(i int) (n int) {
	for k := i - 1; k >= max(0, i-16) && n < 3; k-- {
		if p.toks[k].kind == tokWord {
			n++
		}
	}
	return n
}
