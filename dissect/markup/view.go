package markup

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/dissect"
)

// exchange is a message as the template wants it.
type exchange struct {
	*dissect.Message
	Tag    Tag
	Frames string // "1 frame each way"
	At     string // since the first exchange
	Wrong  []wrong
	Causes []cause
	Halves []message
	Split  []slice
	Rows   []row
}

// Tag is a verdict in a few words.
type Tag struct{ Class, Sign, Words string }

// wrong is a check that failed.
type wrong struct {
	Words   string
	Compare []compared // empty if there is nothing to compare
	Differ  string
}

// compared is a line of bytes, those that differ marked.
type compared struct {
	Name  string
	Bytes []marked
}

type marked struct {
	Hex    string
	Differ bool
}

type cause struct {
	Sure, Text, Next string
	Width            int // of 52
}

// message is the frames of one frame each way or more in one direction.
type message struct {
	dissect.Frame
	Direction string
	Parts     []box
	Inner     []box
	Title     string
}

// box is a part with the identifier of its description.
type box struct {
	dissect.Part
	ID string
}

// Describe says a part in a sentence.
func (b box) Describe() string {
	words := b.Meaning
	if b.Value != "" && !strings.Contains(words, b.Value) {
		words = joined(b.Value, words)
	}
	return words
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// slice is a part of the time bar, in thousandths.
type slice struct {
	Name, Took string
	X, W       float64
	Card       bool
}

type row struct {
	box
	Inside bool
}

func view(m *dissect.Message) *exchange {
	v := &exchange{Message: m, Frames: frames(m)}
	if m.At > 0 {
		v.At = fmt.Sprintf("+%.3f s", m.At.Seconds())
	}
	v.Tag = tagOf(m)
	for _, d := range m.Verdicts {
		if d.Outcome != dissect.Refused {
			continue
		}
		w := wrong{Words: d.Words}
		if len(d.Want) > 0 {
			w.Compare, w.Differ = compare(d.Want, d.Got)
		}
		v.Wrong = append(v.Wrong, w)
		for _, c := range d.Causes {
			v.Causes = append(v.Causes, cause{c.Sure.String(), c.Text, strings.ReplaceAll(c.Next, " with --key", ""), width(c.Sure)})
		}
	}
	n := 0
	boxes := func(parts []dissect.Part) (list []box) {
		for _, p := range parts {
			list = append(list, box{p, fmt.Sprintf("x%dp%d", m.No, n)})
			n++
		}
		return list
	}
	for _, f := range m.Frames {
		h := message{Frame: f, Direction: "Reader to card", Parts: boxes(f.Parts)}
		if f.Answer {
			h.Direction = "Card to reader"
		}
		if f.Inner != nil {
			h.Title, h.Inner = f.Inner.Title, boxes(f.Inner.Parts)
		}
		v.Halves = append(v.Halves, h)
		for _, b := range h.Parts {
			v.Rows = append(v.Rows, row{b, false})
		}
		for _, b := range h.Inner {
			v.Rows = append(v.Rows, row{b, true})
		}
	}
	v.split()
	return v
}

func frames(m *dissect.Message) string {
	if len(m.Frames) <= 2 {
		return "1 frame each way"
	}
	return plural(len(m.Frames)/2, "frame") + " each way"
}

func tagOf(m *dissect.Message) Tag {
	outcome, checked, words := m.Verdict()
	switch {
	case outcome == dissect.Refused:
		return Tag{"bad", "✗", words}
	case outcome == dissect.Unchecked && checked:
		return Tag{"doubt", "?", words}
	case checked:
		return Tag{"good", "✓", words}
	}
	return Tag{"", "", words}
}

func width(s diagnose.Sureness) int {
	switch s {
	case diagnose.Proved:
		return 52
	case diagnose.Likely:
		return 38
	}
	return 12
}

// compare lays what was expected beside what came.
func compare(want, got []byte) (lines []compared, words string) {
	n := 0
	line := func(name string, a, b []byte) {
		c := compared{Name: name}
		for i, x := range a {
			c.Bytes = append(c.Bytes, marked{fmt.Sprintf("%02X", x), name != "Computed" && (i >= len(b) || b[i] != x)})
		}
		lines = append(lines, c)
	}
	line("Computed", want, got)
	line("Recorded", got, want)
	at := -1
	for i := range min(len(want), len(got)) {
		if d := bits.OnesCount8(want[i] ^ got[i]); d > 0 {
			n += d
			at = i
		}
	}
	words = fmt.Sprintf("%s of %d differ.", plural(n, "bit"), 8*len(want))
	if n == 1 {
		words = fmt.Sprintf("One bit of %d differs: byte %d, %02X = %s, %02X = %s.", 8*len(want), at+1, want[at], binary(want[at]), got[at], binary(got[at]))
	}
	return lines, words
}

func binary(b byte) string { return fmt.Sprintf("%04b\u00a0%04b", b>>4, b&0xF) }

// split makes the time bar.
func (v *exchange) split() {
	t := v.Times
	if t == nil || !t.Reckoned {
		return
	}
	x := 0.0
	for _, s := range [...]struct {
		name string
		took time.Duration
		card bool
	}{{"command on air", t.Command, false}, {"card", t.Card, true}, {"answer on air", t.Answer, false}} {
		w := 1000 * float64(s.took) / float64(t.Took)
		v.Split = append(v.Split, slice{s.name, milliseconds(s.took), x, w, s.card})
		x += w
	}
}
