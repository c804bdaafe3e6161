package trace

import (
	"errors"
	"fmt"
	"strings"
)

// marks tell the direction of a line, longest first.
var marks = [...]struct {
	text    string
	command bool
}{
	{">>>>", true}, {"<<<<", false}, {"-->", true}, {"<--", false}, {">>", true}, {"<<", false},
	{"->", true}, {"<-", false}, {"=>", true}, {"<=", false}, {">", true}, {"<", false},
}

// marked finds the mark of a line and what follows it. A mark stands at the
// beginning or between spaces, for example after a time.
func marked(line string) (command bool, rest string, ok bool) {
	for from := 0; from < len(line); {
		i := strings.IndexAny(line[from:], "<>-=")
		if i < 0 {
			return false, "", false
		}
		i += from
		if i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
			for _, m := range marks {
				if !strings.HasPrefix(line[i:], m.text) {
					continue
				}
				rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line[i+len(m.text):]), ":"))
				if _, err := hexTokens(rest); err == nil {
					return m.command, rest, true
				}
				break
			}
		}
		for from = i; from < len(line) && strings.IndexByte("<>-=", line[from]) >= 0; {
			from++
		}
	}
	return false, "", false
}

var errNotHex = errors.New("not hexadecimal")

// hexTokens reads bytes: digits with or without spaces, colons, commas and 0x,
// up to a comment that starts with #, ; or (. A token of one digit is a byte
// if spaces separate all bytes. "[]" is nothing, as pyscard prints it.
func hexTokens(s string) ([]byte, error) {
	if i := strings.IndexAny(s, "#;("); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimPrefix(strings.TrimSpace(s), "[]")
	tokens := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == ':' || r == ',' })
	if len(tokens) == 0 {
		return nil, errNotHex
	}
	out := make([]byte, 0, len(s)/2)
	for _, t := range tokens {
		if len(t) > 2 {
			t = strings.TrimPrefix(strings.TrimPrefix(t, "0x"), "0X")
		}
		if len(t) == 1 {
			t = "0" + t
		}
		if len(t)%2 != 0 {
			return nil, errNotHex
		}
		for i := 0; i < len(t); i += 2 {
			h, l := digit(t[i]), digit(t[i+1])
			if h < 0 || l < 0 {
				return nil, errNotHex
			}
			out = append(out, byte(h<<4|l))
		}
	}
	return out, nil
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

// readLines reads commands and answers marked with > and <. Other lines are
// comments, unless they start with a mark.
func readLines(p *pairs, lines []string, f Format) error {
	for i, l := range lines {
		t := strings.TrimSpace(l)
		for _, prefix := range [...]string{"connecting to ", "reconnecting to "} {
			if name, ok := strings.CutPrefix(t, prefix); ok && f == FormatPyscard {
				p.reader = name
				p.reset = true
			}
		}
		command, rest, ok := marked(l)
		if !ok {
			if f == FormatLines && (strings.HasPrefix(t, ">") || strings.HasPrefix(t, "<")) {
				return fmt.Errorf("line %d: want pairs of hexadecimal digits after %s", i+1, t[:1])
			}
			continue
		}
		b, err := hexTokens(rest)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		cut, err := spanOf(rest, b)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if command {
			p.command(b)
			p.list[len(p.list)-1].CutCommand = cut
		} else if p.open {
			p.list[len(p.list)-1].CutResponse = cut
		}
		if !command && !p.answer(b) {
			return fmt.Errorf("line %d: an answer without a command before it", i+1)
		}
	}
	return nil
}
