package screen

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func join(lines []Text) string {
	s := make([]string, len(lines))
	for i, l := range lines {
		s[i] = string(l)
	}
	return strings.Join(s, "|")
}

func TestFold(t *testing.T) {
	words := []Text{"a=1", "b=2", "", "c={with words}", "d=4"}
	if got := join(Fold(words, "  ", 9)); got != "a=1  b=2|c={with words}|d=4" {
		t.Errorf("%q", got)
	}
	if got := join(Fold(words, "  ", 0)); got != "a=1  b=2  c={with words}  d=4" {
		t.Errorf("%q", got)
	}
	if Fold(nil, "  ", 10) != nil {
		t.Error("lines of nothing")
	}
	if got := join(Wrap("one two three", 8)); got != "one two|three" {
		t.Errorf("%q", got)
	}
}

type named string

func (n named) String() string { return "name " + string(n) }

type kind string

// Whatever a card says, the terminal gets nothing to obey but our own colors.
func TestNothingToObey(t *testing.T) {
	const evil = "a\x1b[2Jb\u009bc\u202ed\n"
	const shown = `a\x1B[2Jb\x9Bc\u202Ed\n`
	p := NewPalette(true)
	for name, got := range map[string]Text{
		"string":   Sprintf("%s", evil),
		"padded":   Sprintf("%-3s", evil),
		"error":    Sprintf("%v", errors.New(evil)),
		"stringer": Sprintf("%v", named(evil))[len("name "):],
		"kind":     Sprintf("%s", kind(evil)),
		"rendered": Text(strings.TrimSuffix(strings.TrimPrefix(string(p.Bad.Render(evil)), "\x1b[31m"), "\x1b[m")),
		"twice":    Sprintf("%s", Sprintf("%s", evil)),
		"quoted":   Text(strings.ReplaceAll(strings.Trim(string(Sprintf("%q", evil)), `"`), `\\`, `\`)),
	} {
		if string(got) != shown {
			t.Errorf("%s: %q, want %q", name, got, shown)
		}
	}
	var b bytes.Buffer
	log := NewLog(&b, slog.LevelInfo).With("with", evil)
	log.Info(evil, "err", errors.New(evil), "name", named(evil), slog.Group("g", "in", evil))
	if got := b.String(); strings.ContainsAny(strings.TrimSuffix(got, "\n"), "\x1b\n\u009b\u202e") || strings.Count(got, "2Jb") != 5 {
		t.Errorf("log: %q", got)
	}
}

func TestFormatsOfOtherVerbs(t *testing.T) {
	if got := Sprintf("%X %d %5.1f %v", []byte{0xAB}, 7, 1.25, []int{1}); got != "AB 7   1.2 [1]" {
		t.Errorf("%q", got)
	}
}
