package lineedit

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func readKeys(typed string) (string, error) {
	got, err := io.ReadAll(&keys{in: strings.NewReader(typed)})
	return string(got), err
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string]string{
		"ls\r":                         "ls\r",
		"\x1b[A\x1bOA":                 "\x1b[A\x1b[A",
		"\x1b[1~\x1b[4~\x1bOH\x1b[F":   "\x01\x05\x01\x05",
		"\x1b[1;5C\x1b[1;5D\x1bb\x1bf": "\x1b[1;3C\x1b[1;3D\x1b[1;3D\x1b[1;3C",
		"a\x1b[200~b\x1b[201~c":        "abc", // pasted
		"\x1b\x1b[3~":                  "\x1b[3~",
		"\x1b]0;x\x07":                 "0;x\x07",
		"\x1b":                         "",
		"ä\x1b[Bö":                     "ä\x1b[Bö",
	} {
		if got, err := readKeys(typed); err != nil || got != want {
			t.Errorf("%q: %q, want %q (%v)", typed, got, want, err)
		}
	}
	for typed, want := range map[string]error{"a\x03b": ErrInterrupted, "\x1b[1\x03": ErrInterrupted, "\x1a": errSuspended} {
		if _, err := readKeys(typed); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", typed, err, want)
		}
	}
}

// Whatever is typed ends, and of sequences only those get through that an editor
// knows.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{"ls\r", "\x1b[A", "\x1b[200~x\x1b[201~", "\x1b[?25l", "\x1b]0;t\x07", "\x1bP1\x1b\\", "\x1b[[[A", "\x1b[1;5C"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, typed []byte) {
		got, _ := readKeys(string(typed))
		plain := got
		for _, s := range translated {
			if len(s) > 1 {
				plain = strings.ReplaceAll(plain, s, "")
			}
		}
		if strings.ContainsAny(plain, "\x1b\x03\x1a") {
			t.Fatalf("%q gives %q", typed, got)
		}
		if end := bytes.IndexAny(typed, "\x1b\x03\x1a"); end < 0 && got != string(typed) {
			t.Fatalf("%q gives %q", typed, got)
		}
	})
}
