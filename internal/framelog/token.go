package framelog

import "strings"

type tokenKind uint8

const (
	tokWord  tokenKind = iota
	tokBytes           // hexadecimal digits in pairs
	tokOdd             // digits that are no pairs: one of them, or an odd number
	tokMinus           // a negative decimal number
	tokMark            // an arrow
	tokDots            // two dots or more
	tokOpen
	tokClose
	tokPunct
	tokNote // a comment in round brackets or between /* and */
	tokRest // a comment to the end of the line
	tokText // bytes in a string of Python's: b'\x90`'
)

// token is a piece of a line.
type token struct {
	kind     tokenKind
	from, to int
	dir      Direction // of an arrow
	prefixed bool      // digits behind 0x
}

// digits reports whether bytes may be in it.
func (t *token) digits() bool {
	switch t.kind {
	case tokBytes, tokOdd, tokMinus, tokText:
		return true
	}
	return false
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func allDigits(s string) bool {
	for i := range len(s) {
		if digit(s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func decimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func wordChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// tokens cuts a line. Only blanks are in none of its pieces.
func tokens(s string) []token {
	var list []token
	closing := -1 // of an angle bracket that is no arrow
	for i := 0; i < len(s); {
		c := s[i]
		t := token{kind: tokPunct, from: i, to: i + 1}
		switch {
		case c == ' ' || c == '\t':
			i++
			continue
		case c == 'b' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '"') && (i == 0 || !wordChar(s[i-1])):
			if end := strings.IndexByte(s[i+2:], s[i+1]); end >= 0 {
				t.kind, t.to = tokText, i+2+end+1
			}
		case c == '\\' && i+3 < len(s) && s[i+1] == 'x' && digit(s[i+2]) >= 0 && digit(s[i+3]) >= 0:
			t.kind, t.from, t.to, t.prefixed = tokBytes, i+2, i+4, true
		case wordChar(c):
			t = word(s, i)
		case c == '.' && i+1 < len(s) && s[i+1] == '.':
			for t.kind = tokDots; t.to < len(s) && s[t.to] == '.'; {
				t.to++
			}
		case c == '-' && i+1 < len(s) && s[i+1] >= '1' && s[i+1] <= '9' && i > 0 && strings.IndexByte(" ,[({\t", s[i-1]) >= 0:
			t = word(s, i+1)
			if t.from = i; decimal(s[i+1 : t.to]) {
				t.kind = tokMinus
			} else {
				t = token{kind: tokPunct, from: i, to: i + 1}
			}
		case c == '(':
			t = round(s, i)
		case c == '/' && strings.HasPrefix(s[i:], "/*"):
			if end := strings.Index(s[i+2:], "*/"); end >= 0 {
				t.kind, t.to = tokNote, i+2+end+2
			} else {
				t.kind, t.to = tokRest, len(s)
			}
		case c == '/' && strings.HasPrefix(s[i:], "//") && (i == 0 || s[i-1] != ':'):
			t.kind, t.to = tokRest, len(s)
		case c == ';' || c == '#' && !(i+1 < len(s) && (s[i+1] == ']' || s[i+1] >= '0' && s[i+1] <= '9')):
			t.kind = tokRest // to be seen: text goes on behind it
		case c == '[' || c == '{':
			t.kind = tokOpen
		case c == ']' || c == '}' || c == ')' || c == '>' && i == closing:
			t.kind = tokClose
		case strings.IndexByte("<>-=~", c) >= 0:
			if end := angle(s, i); end > 0 {
				closing = end
				t.kind = tokOpen
				break
			}
			t = arrow(s, i, closing)
		}
		list = append(list, t)
		i = t.to
	}
	return list
}

// word reads letters and digits at i and says whether they are bytes.
func word(s string, i int) token {
	t := token{kind: tokWord, from: i, to: i}
	for t.to < len(s) && wordChar(s[t.to]) {
		t.to++
	}
	w := s[i:t.to]
	switch {
	case len(w) > 2 && w[0] == '0' && (w[1] == 'x' || w[1] == 'X') && allDigits(w[2:]):
		t.from, t.prefixed = i+2, true
		t.kind = pairs(w[2:])
	case allDigits(w):
		t.kind = pairs(w)
	case len(w) == 3 && (w[2] == 'h' || w[2] == 'H') && allDigits(w[:2]):
		return token{kind: tokBytes, from: i, to: i + 2, prefixed: true}
	case len(w) == 1 && w[0] == 'h' && i > 0 && digit(s[i-1]) >= 0:
		t.kind = tokPunct // the h of 90h
	}
	return t
}

func pairs(digits string) tokenKind {
	if len(digits)%2 == 0 {
		return tokBytes
	}
	return tokOdd
}

// round reads what begins with a round bracket: bytes in brackets, or a comment.
func round(s string, i int) token {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				if onlyBytes(s[i+1:j]) && !(i > 0 && wordChar(s[i-1]) && j-i < 8) {
					return token{kind: tokOpen, from: i, to: i + 1}
				}
				return token{kind: tokNote, from: i, to: j + 1}
			}
		}
	}
	return token{kind: tokRest, from: i, to: len(s)}
}

// onlyBytes reports whether there are pairs of digits in s and nothing else, in
// square brackets or not. Where some have 0x, others may have one digit.
func onlyBytes(s string) bool {
	n, prefixed, single := 0, false, false
	for _, w := range strings.FieldsFunc(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), func(r rune) bool { return r == ' ' || r == ',' || r == ':' || r == '\t' }) {
		if len(w) > 2 && (w[:2] == "0x" || w[:2] == "0X") {
			w = w[2:]
			prefixed = true
		}
		if !allDigits(w) || len(w)%2 != 0 && len(w) > 1 {
			return false
		}
		single = single || len(w) == 1
		n += len(w)
	}
	return n > 0 && (prefixed || !single)
}

// angle finds the end of a bracket < > that opens at i, as in <Buffer 90 5a> or
// <905a0000 03>, or says 0.
func angle(s string, i int) int {
	if s[i] != '<' || i+1 >= len(s) || !wordChar(s[i+1]) && !(s[i+1] == '/' && i+2 < len(s) && wordChar(s[i+2])) {
		return 0
	}
	n := strings.IndexAny(s[i+1:], "<>")
	if n <= 0 || s[i+1+n] != '>' || s[i+n] == ' ' || strings.IndexByte("-=", s[i+n]) >= 0 {
		return 0
	}
	if next := i + n + 2; next < len(s) && s[next] == '>' {
		return 0
	}
	return i + 1 + n
}

// arrow reads signs that point one way.
func arrow(s string, i, closing int) token {
	t := token{kind: tokPunct, from: i, to: i}
	left, right := false, false
	for t.to < len(s) && t.to != closing && strings.IndexByte("<>-=~", s[t.to]) >= 0 {
		if s[t.to] == '<' {
			if right || t.to > i && angle(s, t.to) > 0 {
				break
			}
			left = true
		}
		if s[t.to] == '>' {
			if left {
				break
			}
			right = true
		}
		if s[t.to] == '-' && t.to > i && !left && !right && t.to+1 < len(s) && s[t.to+1] >= '1' && s[t.to+1] <= '9' && s[t.to-1] != '-' && s[t.to-1] != '=' {
			break
		}
		t.to++
	}
	t.to = max(t.to, i+1)
	switch {
	case right:
		t.kind, t.dir = tokMark, ToCard
	case left:
		t.kind, t.dir = tokMark, ToReader
	}
	return t
}
