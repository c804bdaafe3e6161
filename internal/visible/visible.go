// Package visible makes text from a card, a log or a file safe to show: what a
// terminal would obey instead of print is written in a form that can be read.
package visible

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is s in one line that changes nothing but itself on a terminal. Control
// characters (C0, DEL and C1), the marks that turn the direction of text
// around and other characters that cannot be seen become \n, \t, \x1B or
// \u202E; bytes that are no UTF-8 become \xFF. Text without any is returned as
// it is.
func Text(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02X`, s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r <= 0xFF:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
		s = s[n:]
	}
	return b.String()
}

func clean(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// Lines is Text for each line of s; the line breaks stay.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Text(l)
	}
	return strings.Join(lines, "\n")
}

// JSON is encoded JSON that says the same and holds no character that a terminal
// could obey: what JSON allows to stand in strings as it is, and Text would not,
// is written as \u escapes. White space between values stays.
func JSON(encoded []byte) []byte {
	safe := func(r rune) bool { return r < utf8.RuneSelf && r != 0x7F || r >= utf8.RuneSelf && unicode.IsPrint(r) }
	if bytes.IndexFunc(encoded, func(r rune) bool { return !safe(r) }) < 0 {
		return encoded
	}
	out := make([]byte, 0, len(encoded)+64)
	for _, r := range string(encoded) {
		switch {
		case safe(r):
			out = utf8.AppendRune(out, r)
		case r > 0xFFFF:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04X\u%04X`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			out = fmt.Appendf(out, `\u%04X`, r)
		}
	}
	return out
}
