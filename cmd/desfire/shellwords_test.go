package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var shellLines = []struct {
	line string
	want []string
}{
	{"", nil},
	{"  ", nil},
	{"info", []string{"info"}},
	{" read  121314\t2\n", []string{"read", "121314", "2"}},
	{`write 121314 2 --text 'it is "so"'`, []string{"write", "121314", "2", "--text", `it is "so"`}},
	{`write --text "a b"'c d'e`, []string{"write", "--text", "a bc de"}},
	{`write --text ""`, []string{"write", "--text", ""}},
	{`write --text "a\"b\\c\d"`, []string{"write", "--text", `a"b\c\d`}},
	{`write --text 'a\b'`, []string{"write", "--text", `a\b`}},
	{`write a\ b\'c`, []string{"write", "a b'c"}},
	{"größe 'ü b'", []string{"größe", "ü b"}},
}

func TestShellWords(t *testing.T) {
	for _, tc := range shellLines {
		got, err := shellWords(tc.line)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q %v, want %q", tc.line, got, err, tc.want)
		}
	}
	for line, want := range map[string]string{`a 'b`: "' is not closed", `a "b\"`: `" is not closed`, `a \`: `ends with \`} {
		if got, err := shellWords(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q %v, want %s", line, got, err, want)
		}
	}
}

// A real shell takes the lines apart in the same way.
func TestShellWordsAsShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	for _, tc := range shellLines {
		out, err := exec.Command(sh, "-c", `set -- `+strings.ReplaceAll(tc.line, "\n", " ")+`; for w; do printf '%s\0' "$w"; done`).Output()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for w := range strings.SplitSeq(string(out), "\x00") {
			got = append(got, w)
		}
		if got = got[:len(got)-1]; !slices.Equal(got, tc.want) {
			t.Errorf("%s: the shell takes it for %q, not %q", tc.line, got, tc.want)
		}
	}
}
