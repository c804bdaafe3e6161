package framelog

import "strings"

// maxColumn is how many bytes a line of a dump has at most.
const maxColumn = 64

// isASCII reports whether rest is the n bytes before it, as a dump shows them:
// printable, or a dot. Where a line has as many other characters, some program
// printed them so.
func isASCII(rest string, n int, s string, segs []segment, cur segment) bool {
	gap := len(rest) - len(strings.TrimLeft(rest, " \t"))
	column := strings.TrimRight(rest, " \t")
	rest = column[min(gap, len(column)):]
	if len(rest) >= 2 && rest[0] == '|' && rest[len(rest)-1] == '|' {
		rest = rest[1 : len(rest)-1]
		column, gap = rest, 2
	}
	if rest == "" || n > maxColumn || len(rest) > n || len(rest) < n-8 || n == 1 && gap < 2 {
		return false
	}
	dots := strings.Trim(rest, ".") == ""
	if !dots && strings.IndexByte("[({<", rest[0]) >= 0 && strings.Trim(rest, ".[](){}<>") == "" {
		return false // [...]
	}
	if dots && len(rest) < 4 && gap < 2 {
		return false // bytes may be left out
	}
	if len(rest) == n && n > 3 && !dots && !strings.Contains(rest, " ") && strings.Trim(rest, "0123456789abcdefABCDEFxX,:.") != "" && !labelled(rest) {
		return true
	}
	var r run
	for i := range segs {
		r.resolve(s, &segs[i])
	}
	r.resolve(s, &cur)
	if inColumn(rest, r.b) {
		return true
	}
	lead := len(column) - n // it begins with blanks
	return lead > 0 && lead < gap && inColumn(column[lead:], r.b)
}

// labelled reports whether text is bytes behind a sign, as in R:00.
func labelled(text string) bool {
	i := strings.LastIndexAny(text, ":=>")
	return i > 0 && len(text[i+1:])%2 == 0 && allDigits(text[i+1:])
}

// inColumn reports whether text is what a dump shows of bytes. Blanks may be
// missing at its end.
func inColumn(text string, b []byte) bool {
	if len(b) == 0 || len(text) > len(b) {
		return false
	}
	for i, c := range b {
		switch {
		case i >= len(text):
			if c != ' ' {
				return false
			}
		case c < ' ' || c > '~':
			if text[i] != '.' {
				return false
			}
		case text[i] != c && !(text[i] == '.' && c == ' '):
			return false
		}
	}
	return true
}
