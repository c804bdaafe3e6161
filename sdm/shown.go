package sdm

import (
	"strings"
)

// shown is a text that a tag showed, or that a template makes, in parts.
//
//	scheme://head?name=value&name=value#name=value
type shown struct {
	scheme   string // with what ends it; empty if there is none
	head     string // host and path
	mark     string // "?" if there is one
	query    []item
	hash     string // "#" if there is one
	fragment []item
}

// item is one parameter, or whatever else stands between two &.
type item struct {
	text        string
	name, value string
	named       bool // it has a =
	at          int  // of text, in the whole; of value too, behind name and =
}

func (x *item) valueAt() int { return x.at + len(x.text) - len(x.value) }

// splitShown takes a text apart. Every text has a head, items, or both.
func splitShown(text string) *shown {
	s := &shown{}
	rest, at := text, 0
	cut := func(n int) string {
		part := rest[:n]
		rest, at = rest[n:], at+n
		return part
	}
	if i := strings.Index(rest, "://"); i > 0 && isScheme(rest[:i]) {
		s.scheme = cut(i + len("://"))
	}
	body := rest
	if i := strings.IndexByte(body, '#'); i >= 0 {
		body = body[:i]
	}
	switch i := strings.IndexByte(body, '?'); {
	case i >= 0:
		s.head = cut(i)
		s.mark = cut(1)
	case strings.Contains(body[strings.LastIndexByte(body, '/')+1:], "="):
		s.head = cut(strings.LastIndexByte(body, '/') + 1)
	default:
		s.head = cut(len(body))
	}
	query := rest
	if i := strings.IndexByte(query, '#'); i >= 0 {
		query = query[:i]
	}
	s.query = items(query, at)
	cut(len(query))
	if rest != "" {
		s.hash = cut(1)
		s.fragment = items(rest, at)
	}
	return s
}

func isScheme(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

func items(s string, at int) (list []item) {
	if s == "" {
		return nil
	}
	for _, text := range strings.Split(s, "&") {
		x := item{text: text, value: text, at: at}
		if name, value, ok := strings.Cut(text, "="); ok {
			x.name, x.value, x.named = name, value, true
		}
		list = append(list, x)
		at += len(text) + 1
	}
	return list
}

// join puts the parts together.
func (s *shown) join() string {
	texts := func(list []item) string {
		var t []string
		for _, x := range list {
			t = append(t, x.text)
		}
		return strings.Join(t, "&")
	}
	return s.scheme + s.head + s.mark + texts(s.query) + s.hash + texts(s.fragment)
}

// cleanShown undoes what programs between tag and server do to a text as a
// whole: blanks and quotes around it, &amp; of a page, an escaped URL.
func cleanShown(text string) (clean string, notes []string) {
	clean = text
	note := func(changed, words string) {
		if changed != clean {
			clean = changed
			notes = append(notes, words)
		}
	}
	note(strings.Trim(clean, " \t\r\n\x00"), "blanks around it were left out")
	for _, q := range []string{`""`, "''", "<>"} {
		if len(clean) > 1 && clean[0] == q[0] && clean[len(clean)-1] == q[1] {
			note(clean[1:len(clean)-1], "quotes around it were left out")
		}
	}
	note(strings.ReplaceAll(clean, "&amp;", "&"), "&amp; was read as &")
	lower := strings.ToLower(clean)
	if !strings.Contains(clean, "://") && (strings.Contains(lower, "%3a%2f%2f") || strings.Contains(lower, "%3d") && !strings.Contains(clean, "=")) {
		note(unescape(clean), "it was escaped as a whole, and read without that")
	}
	return clean, notes
}

// unescape undoes percent-encoding; what is none stays.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexValue(s[i+1]), hexValue(s[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

func isHex(s string) bool {
	for i := range len(s) {
		if hexValue(s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// plainItem is an item without percent-encoding.
func plainItem(x item) item {
	x.name, x.value, x.text = unescape(x.name), unescape(x.value), unescape(x.text)
	return x
}
