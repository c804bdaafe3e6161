package visible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"campus":                "campus",
		"Käse 10 €":             "Käse 10 €",
		"\x1b[2Jgone":           `\x1B[2Jgone`,
		"a\nb\tc\r":             `a\nb\tc\r`,
		"\u009b31m":             `\x9B31m`, // CSI in one character
		"\u202Egnp.exe":         `\u202Egnp.exe`,
		"\xff\xfe":              `\xFF\xFE`,
		"\ufffd":                "\ufffd", // the character itself is no fault
		"\u2066x\u2069\u061c":   `\u2066x\u2069\u061C`,
		"\U000E0041":            `\U000E0041`, // a tag character
		"\x7f\x00":              `\x7F\x00`,
		"a\u00a0b":              `a\xA0b`,
		"line\u2028separator":   `line\u2028separator`,
		"zero\u200bwidth\ufeff": `zero\u200Bwidth\uFEFF`,
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	if got, want := Lines("a\x1b\nb\n"), "a\\x1B\nb\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "\x1b]0;x\a", "\u202e", "\xc3\x28", "\U000E0041\ud7ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := Text(s)
		if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("Text(%q) = %q", s, shown)
		}
		if Text(shown) != shown {
			t.Fatalf("%q changes when it is made visible again", shown)
		}
		plain, _ := json.Marshal(s)
		safe := JSON(plain)
		for _, r := range string(safe) {
			if !unicode.IsPrint(r) {
				t.Fatalf("JSON of %q holds %q", s, r)
			}
		}
		var a, b string
		if json.Unmarshal(plain, &a) != nil || json.Unmarshal(safe, &b) != nil || a != b {
			t.Fatalf("%q: JSON says %q, want %q", s, b, a)
		}
	})
}
