package framelog

import "strings"

// tight reports whether a sign stands before token i that says: here it comes.
func (p *lineParser) tight(i int) bool {
	if i == 0 {
		return false
	}
	t := p.toks[i-1]
	switch t.kind {
	case tokMark, tokOpen, tokClose, tokNote:
		return true
	case tokWord:
		return p.boxed(i)
	case tokPunct:
		return strings.IndexByte(":=", p.body[t.from]) >= 0
	}
	return false
}

// boxed reports whether a bracket opens before token i, perhaps with a word in
// it: <Buffer 90 60>.
func (p *lineParser) boxed(i int) bool {
	return i > 0 && (p.toks[i-1].kind == tokOpen || i > 1 && p.toks[i-1].kind == tokWord && p.toks[i-2].kind == tokOpen)
}

// onlyLabel reports whether a line is its first word and bytes.
func (p *lineParser) onlyLabel() bool {
	for i := range p.toks {
		if i > 0 && !p.toks[i].digits() {
			return false
		}
	}
	return p.toks[0].kind == tokWord
}

// wordsFrom counts the words behind bytes, as far as it matters.
func (p *lineParser) wordsFrom(k int) (n int) {
	for ; k < len(p.toks) && n < 4; k++ {
		switch t := p.toks[k]; {
		case t.kind == tokWord:
			n++
		case t.kind == tokMark, t.kind == tokRest, t.digits():
			return n
		}
	}
	return n
}

// digitsLater reports whether more than a byte follows.
func (p *lineParser) digitsLater(from int) bool {
	for k := from; k < min(len(p.toks), from+64); k++ {
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
