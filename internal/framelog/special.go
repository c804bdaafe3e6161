package framelog

import "strings"

// special takes lines that are rows of a table or a prompt.
func (s *scanner) special(l *line, trimmed string) bool {
	for _, prefix := range [...]string{"connecting to ", "reconnecting to "} {
		if name, ok := strings.CutPrefix(trimmed, prefix); ok {
			s.reader = strings.TrimSpace(name)
			s.add(item{kind: itemReset, line: l.no})
			return true
		}
	}
	if trimmed == "> reset" { // scriptor
		s.add(item{kind: itemReset, line: l.no})
		return true
	}
	if strings.Contains(l.text, "|") && s.row(l) {
		return true
	}
	if i := strings.Index(l.text, "hf 14a "); i >= 0 && strings.Contains(l.text[:i], "> ") || i == 0 && strings.HasPrefix(trimmed, "hf 14a ") {
		return s.prompt(l, i+len("hf 14a "))
	}
	if strings.Contains(l.text, ",") && len(l.text) < maxLine && s.fields(l) {
		return true
	}
	if strings.Contains(l.text, "pm3 -->") || strings.HasPrefix(trimmed, "proxmark3>") {
		return true // what was typed
	}
	return false
}

// row reads a row of Proxmark's trace list:
//
//	  start |     end | Src | Data                         | CRC | Annotation
//	7040    | 9504    | Rdr |02  90  60  00  00  00  14  98 |  ok |
//	        |         |     |30  31                         |  ok |
//
// The source is Rdr, Tag, or empty for the rest of a row before.
func (s *scanner) row(l *line) bool {
	columns := strings.Split(l.text, "|")
	if len(columns) < 5 {
		return false
	}
	for _, c := range columns[:2] { // times, or nothing
		if strings.Trim(c, " \t0123456789") != "" {
			return false
		}
	}
	src := strings.TrimSpace(columns[2])
	dir := Unknown
	switch src {
	case "Rdr", "Reader":
		dir = ToCard
	case "Tag", "Card":
		dir = ToReader
	case "":
		if strings.TrimSpace(columns[0]+columns[1]) != "" {
			return false
		}
	default:
		return false
	}
	from := len(columns[0]) + len(columns[1]) + len(columns[2]) + 3
	digits := strings.ReplaceAll(columns[3], "!", " ") // parity error
	it := item{line: l.no, text: l.text, dir: dir, fam: famProgram, shape: "trace list", air: airCRC}
	if strings.Contains(digits, "(") {
		it.air = airPieces // less than a byte: (7) is the number of its bits
	}
	toks := tokens(digits)
	if it.air == airCRC {
		if len(toks) == 0 || !toks[0].digits() {
			return false
		}
		r := readRun(digits, toks, 0)
		for i := range r.b {
			it.b, it.at = append(it.b, r.b[i]), append(it.at, l.offset(from+r.at[i]))
		}
		it.broken, it.cut = r.broken, r.cut
	}
	s.kinds.add(KindPM3Trace)
	if n := len(s.items); src == "" {
		if n == 0 || s.items[n-1].shape != "trace list" || s.items[n-1].kind != itemFrame {
			s.skip(&it, "the row that it goes on with is missing")
			return true
		}
		last := &s.items[n-1]
		if len(last.b) < maxFrame {
			last.b, last.at, last.last = append(last.b, it.b...), append(last.at, it.at...), l.no
		}
		if last.broken == "" {
			last.broken = it.broken
		}
		return true
	}
	s.add(it)
	return true
}

const promptShape = "hf 14a"

// prompt reads what was typed at Proxmark's prompt: hf 14a raw or hf 14a apdu.
func (s *scanner) prompt(l *line, at int) bool {
	body := l.text[at:]
	raw := strings.HasPrefix(body, "raw")
	if !raw && !strings.HasPrefix(body, "apdu") {
		return true
	}
	toks := tokens(body)
	crcAdded, cut := false, false
	first := -1
	for k := 1; k < len(toks); k++ {
		t := toks[k]
		text := body[t.from:t.to]
		if t.kind == tokPunct && text == "-" && k+1 < len(toks) && toks[k+1].from == t.to {
			flag := body[toks[k+1].from:toks[k+1].to]
			k++
			if toks[k].kind == tokWord || len(flag) < 4 {
				crcAdded = crcAdded || strings.Contains(flag, "c") && !strings.HasPrefix(flag, "-")
				if flag == "b" || flag == "t" {
					k++
				}
				continue
			}
			t = toks[k]
		}
		if t.kind == tokBytes && first < 0 {
			first = k
		}
		cut = cut || t.kind == tokDots
	}
	if first < 0 {
		return true
	}
	r := readRun(body, toks, first)
	it := item{line: l.no, text: l.text, dir: ToCard, fam: famProgram, shape: promptShape, broken: r.broken, cut: cut || r.cut}
	for i := range r.b {
		it.b, it.at = append(it.b, r.b[i]), append(it.at, l.offset(at+r.at[i]))
	}
	if raw && len(it.b) > 0 && it.b[0]&maskI == blockI {
		it.air = airCRC
		if crcAdded {
			it.air = airNoCRC
		}
	}
	s.add(it)
	return true
}
