package sdm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Coverage is what a MAC was made over.
type Coverage struct {
	Text string // what the card showed from there up to the MAC; empty: nothing but UID and counter
	// Header is what of the file stands before the text and is covered too: the
	// beginning of an NDEF message.
	Header []byte
	// Template says the same, with {from} in it, as ParseTemplate reads it.
	Template string
	// Loose is the text that it does not cover: nobody knows who wrote that. What is
	// proved otherwise stands by its name, {uid}.
	Loose string
}

// String says it in words.
func (c *Coverage) String() string {
	s := "UID and counter, and no text"
	if c.Text != "" {
		s = fmt.Sprintf("UID, counter and %q", c.Text)
	}
	if len(c.Header) > 0 {
		s += fmt.Sprintf(", with %X of the file before it", c.Header)
	}
	return s
}

// input is the text that a MAC may cover.
type input struct {
	layout
	from   int    // offset in the text
	header []byte // what goes before it
}

func (x *input) bytes() []byte {
	return append(slices.Clone(x.header), x.t.text[x.from:x.t.at["mac"].offset]...)
}

// coverage says what an input is.
func (x *input) coverage() *Coverage {
	t := *x.t.zeroed()
	t.at = maps.Clone(t.at)
	delete(t.at, "from")
	mac := t.at["mac"]
	c := &Coverage{Text: x.t.text[x.from:mac.offset], Header: x.header, Loose: x.loose()}
	t.before = len(x.header)
	if x.from < mac.offset || t.before > 0 {
		t.at["from"] = place{x.from, 0}
	}
	c.Template = t.String()
	return c
}

// loose is the text that is not covered.
func (x *input) loose() string {
	var b strings.Builder
	at := 0
	for _, name := range x.t.names() {
		p := x.t.at[name]
		if p.offset >= x.from || name == "enc" {
			continue
		}
		b.WriteString(x.t.text[at:p.offset] + "{" + name + "}")
		at = min(p.offset+p.length, x.from)
	}
	mac := x.t.at["mac"]
	b.WriteString(x.t.text[at:x.from] + x.t.text[mac.offset+mac.length:])
	return b.String()
}

// likely are the offsets from which a MAC is likely to cover the text, the
// likeliest first.
func (l layout) likely() (list []int) {
	t := l.t
	mac := t.at["mac"].offset
	add := func(at int) {
		if at >= 0 && at <= mac && len(list) < maxLikely && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	if from, ok := t.at["from"]; ok {
		add(from.offset)
	}
	if _, enc := t.at["enc"]; !enc {
		add(mac)
	}
	names := t.names()
	slices.Reverse(names)
	for _, name := range names {
		if name != "mac" {
			add(t.at[name].offset)
		}
	}
	s := splitShown(t.text)
	head := len(s.scheme)
	add(head)
	add(0)
	if strings.HasPrefix(s.head, "www.") {
		add(head + len("www."))
	}
	add(head + len(s.head))
	add(head + len(s.head) + len(s.mark))
	if i := strings.IndexByte(s.head, '/'); i >= 0 {
		add(head + i)
		add(head + i + 1)
	}
	for _, name := range names {
		if name != "mac" {
			add(t.at[name].offset + t.at[name].length)
		}
	}
	add(mac)
	items := append(slices.Clone(s.query), s.fragment...)
	slices.Reverse(items)
	for _, x := range items {
		add(x.at)
		add(x.valueAt())
		add(x.at - 1)
	}
	return list
}

// maxLikely bounds the likely offsets: a text may have thousands of parameters.
const maxLikely = 64

// headers are inputs that begin before the text, in the NDEF message that has it.
func (l layout) headers() (list []input) {
	t := *l.t
	t.at = maps.Clone(t.at)
	delete(t.at, "from")
	header, rest := t.header()
	cut := len(t.text) - rest
	if cut > t.at["mac"].offset {
		return nil
	}
	for from := range header {
		list = append(list, input{l, cut, header[from:]})
	}
	return list
}

// inputs are all ranges that are tried: few first, then every character, as long
// as a budget of bytes lasts. visit returns true to end.
func (l layout) inputs(every bool, budget *int, visit func(input) bool) bool {
	mac := l.t.at["mac"].offset
	try := func(x input) bool {
		n := mac - x.from + len(x.header)
		if *budget < n+16 {
			return false
		}
		*budget -= n + 16
		return visit(x)
	}
	done := l.likely()
	for _, from := range done {
		if try(input{l, from, nil}) {
			return true
		}
	}
	if !every {
		return false
	}
	for _, x := range l.headers() {
		if try(x) {
			return true
		}
	}
	for from := mac; from >= 0; from-- {
		if !slices.Contains(done, from) && try(input{l, from, nil}) {
			return true
		}
	}
	return false
}
