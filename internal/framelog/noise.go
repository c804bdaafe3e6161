package framelog

import (
	"strconv"
	"strings"
)

// noise finds how much of a line stands before what it says: times, levels,
// bullets. client and passed are those of a log of pcscd: passed are the
// microseconds since the line before, -1 if the line has none.
func noise(s string) (client string, passed int64, from int) {
	passed = -1
	if i := strings.Index(s, "pcscd["); i >= 0 { // a system log
		if end := strings.Index(s[i:], "]: "); end > 0 {
			from = i + end + len("]: ")
		}
	}
	for from < len(s) {
		rest := s[from:]
		n := 0
		switch c := rest[0]; {
		case c == ' ' || c == '\t':
			n = 1
		case strings.HasPrefix(rest, "•"):
			n = len("•")
		case c == '*' && len(rest) > 1 && rest[1] == ' ':
			n = 1
		case c == '[':
			var thread string
			if n, thread = squareNoise(rest); thread != "" {
				client = thread
			}
		case c >= '0' && c <= '9':
			var us int64
			if n, us = numberNoise(rest); us >= 0 {
				passed = us
			}
		case (c == 'i' || c == 'o') && len(rest) > 3 && rest[1] == ' ' && strings.IndexByte("0123456789abcdefABCDEF ", rest[2]) >= 0 && digit(rest[3]) >= 0:
			n = 1 // pcsc-spy
		}
		if n == 0 {
			return client, passed, from
		}
		from += n
	}
	return client, passed, from
}

// squareNoise is the length of something in square brackets that is neither
// bytes nor a label.
func squareNoise(s string) (n int, thread string) {
	end := strings.IndexByte(s, ']')
	if end < 0 || end > 80 {
		return 0, ""
	}
	in := strings.TrimSpace(s[1:end])
	if decimal(in) && len(in) >= 10 {
		return end + 1, in
	}
	if in == "" || allDigits(strings.ReplaceAll(strings.ReplaceAll(in, " ", ""), ",", "")) || strings.Contains(in, "0x") || strings.IndexByte(in, '-') == 0 {
		return 0, ""
	}
	var words []string
	for _, w := range splitWords(in) {
		if words = append(words, w); labelAt(words) != nil {
			return 0, ""
		}
	}
	for i := range len(in) {
		if in[i] == '<' || in[i] == '>' {
			return 0, ""
		}
	}
	return end + 1, ""
}

// numberNoise is the length of a date, a time or a number of a line, that
// something follows.
func numberNoise(s string) (n int, us int64) {
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return 0, -1
	}
	w := strings.TrimRight(s[:end], ",:|")
	switch {
	case len(w) == 8 && decimal(w) && pcscdLine(s[end:]):
		us, _ = strconv.ParseInt(w, 10, 64)
		return end, us
	case isTime(w), isDate(w):
		return end, -1
	case strings.Count(w, ".") == 1 && strings.Trim(w, "0123456789.") == "" && len(w) > 3 && w[0] != '.':
		return end, -1
	}
	return 0, -1
}

// pcscdLine reports whether what follows a time of eight digits is of pcscd.
func pcscdLine(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, "[") {
		if end := strings.IndexByte(rest, ']'); end > 0 && decimal(rest[1:end]) {
			return true
		}
	}
	for _, p := range [...]string{"APDU:", "SW:", "->", "<-"} {
		if strings.HasPrefix(rest, p) {
			return true
		}
	}
	return strings.Contains(rest, ".c:")
}

// isTime reports whether w is as 12:00, 12:00:01 or 12:00:01.123.
func isTime(w string) bool {
	f := strings.Split(w, ":")
	if len(f) < 2 || len(f) > 3 {
		return false
	}
	last := f[len(f)-1]
	if i := strings.IndexAny(last, ".,"); i >= 0 {
		if !decimal(last[i+1:]) {
			return false
		}
		f[len(f)-1] = last[:i]
	}
	for i, part := range f {
		v, err := strconv.Atoi(part)
		if err != nil || len(part) > 2 || i > 0 && (v > 59 || len(part) != 2) || v > 59 {
			return false
		}
	}
	return true
}

// isDate reports whether w is as 2024-04-22, 04-22, 22.04.2024 or 2024-04-22T12:00:01.
func isDate(w string) bool {
	if t := strings.IndexByte(w, 'T'); t > 0 && isDate(w[:t]) {
		return true
	}
	f := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(f) < 2 || len(f) > 3 || len(f) == 2 && strings.IndexByte(w, '-') < 0 {
		return false
	}
	years := 0
	for _, part := range f {
		if !decimal(part) || len(part) != 2 && len(part) != 4 && len(part) != 1 {
			return false
		}
		if len(part) == 4 {
			years++
		}
	}
	return len(f) == 3 && years == 1 || len(f) == 2 && years == 0
}
