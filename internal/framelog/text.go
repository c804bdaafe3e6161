package framelog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrBinary says that a file is no text.
var ErrBinary = errors.New("a binary file, no text")

// Decode makes a text of a file: of UTF-16, with or without its mark, as
// PowerShell writes it, and of UTF-8.
func Decode(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		return fromUTF16(data[2:], binary.LittleEndian), nil
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		return fromUTF16(data[2:], binary.BigEndian), nil
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if bytes.IndexByte(data, 0) >= 0 {
		var zeros [2]int // at even and odd places
		head := data[:min(len(data), 4096)]
		for i, c := range head {
			if c == 0 {
				zeros[i%2]++
			}
		}
		switch half := len(head) / 2; {
		case zeros[0] == 0 && zeros[1] > half*3/4:
			return fromUTF16(data, binary.LittleEndian), nil
		case zeros[1] == 0 && zeros[0] > half*3/4:
			return fromUTF16(data, binary.BigEndian), nil
		}
	}
	if isBinary(data) {
		return "", ErrBinary
	}
	return string(data), nil
}

// window is a part of a file that is looked at by itself: text may stand before
// what is none.
const window = 4096

// isBinary reports whether a part of a file is no text. Some letters of another
// encoding are, and zeros that a crash left.
func isBinary(data []byte) bool {
	zeros := utf8.Valid(data)
	for len(data) > 0 {
		part := data[:min(len(data), window)]
		data = data[len(part):]
		bad := 0
		for i := 0; i < len(part); {
			r, n := utf8.DecodeRune(part[i:])
			switch c := part[i]; {
			case r == utf8.RuneError && n < 2, c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\x1b' && !(c == 0 && zeros):
				bad++
			}
			i += n
		}
		if bad > len(part)/10 && bad > 2 {
			return true
		}
	}
	return false
}

func fromUTF16(data []byte, order binary.ByteOrder) string {
	var b strings.Builder
	b.Grow(len(data) / 2)
	for i := 0; i+1 < len(data); i += 2 {
		r := rune(order.Uint16(data[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			if full := utf16.DecodeRune(r, rune(order.Uint16(data[i+2:]))); full != '\uFFFD' {
				r = full
				i += 2
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// line is a line of the text without what only a screen or a page needs.
type line struct {
	no   int
	text string
	base int   // where it begins in the text
	at   []int // for each byte where it stands, nil if none was left out
}

func (l *line) offset(i int) int {
	if l.at != nil {
		return l.at[i]
	}
	return l.base + i
}

// eachLine cuts a text into lines, whatever ends them, while f goes on.
func eachLine(text string, f func(l line) bool) {
	no := 0
	for from := 0; from < len(text); {
		no++
		end := strings.IndexAny(text[from:], "\r\n")
		next := len(text)
		if end < 0 {
			end = len(text)
		} else {
			end += from
			if next = end + 1; text[end] == '\r' && next < len(text) && text[next] == '\n' {
				next++
			}
		}
		if !f(cleaned(line{no: no, text: text[from:end], base: from})) {
			return
		}
		from = next
	}
}

// replaced are writings of characters that pages and editors change.
var replaced = [...]struct{ from, to string }{
	{"&gt;", ">"}, {"&lt;", "<"}, {"&amp;", "&"}, {"&nbsp;", " "}, {"&#39;", "'"}, {"&quot;", `"`},
	{"\u00a0", " "}, {"\u200b", ""}, {"\ufeff", ""}, {"\u2009", " "}, {"\u202f", " "}, {"×", "x"}, {"：", ":"}, {"，", ","}, {"…", "..."},
	{"→", "->"}, {"⇒", "=>"}, {"➡", "->"}, {"⟶", "->"}, {"►", ">"}, {"▶", ">"}, {"»", ">>"}, {"≫", ">>"}, {"➜", "->"}, {"➔", "->"},
	{"←", "<-"}, {"⇐", "<="}, {"⬅", "<-"}, {"⟵", "<-"}, {"◄", "<"}, {"◀", "<"}, {"«", "<<"}, {"≪", "<<"},
	{"–", "-"}, {"—", "-"}, {"−", "-"}, {"‐", "-"},
}

// cleaned takes out escape sequences of terminals and puts plain characters for
// those of pages.
func cleaned(l line) line {
	s := l.text
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < 0x80 && s[i] != '\x1b' && s[i] != '&' && s[i] != 0
	}
	if plain && !strings.Contains(s, "yte()") || len(s) > maxLine {
		return l
	}
	b := make([]byte, 0, len(s))
	at := make([]int, 0, len(s))
	put := func(text string, from int) {
		for i := range len(text) {
			b = append(b, text[i])
			at = append(at, l.base+from)
		}
	}
scan:
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == 0:
			i++
			continue
		case c == '\x1b':
			i = afterEscape(s, i)
			continue
		case c == '.' && castAt(s, i) > 0:
			i += castAt(s, i)
			continue
		case c == '&' || c >= 0x80:
			for _, r := range replaced {
				if strings.HasPrefix(s[i:], r.from) {
					put(r.to, i)
					i += len(r.from)
					continue scan
				}
			}
		}
		put(s[i:i+1], i)
		i++
	}
	l.text, l.at = string(b), at
	return l
}

// castAt is how long a cast of Kotlin is that stands behind a byte at i, as in
// 0x90.toByte(), or 0.
func castAt(s string, i int) int {
	for _, cast := range [...]string{".toByte()", ".toUByte()"} {
		if i > 0 && digit(s[i-1]) >= 0 && strings.HasPrefix(s[i:], cast) {
			return len(cast)
		}
	}
	return 0
}

// afterEscape is where the escape sequence at i ends.
func afterEscape(s string, i int) int {
	i++
	if i >= len(s) || s[i] != '[' {
		return i
	}
	for i++; i < len(s); i++ {
		if c := s[i]; c >= '@' && c <= '~' {
			return i + 1
		}
	}
	return i
}
