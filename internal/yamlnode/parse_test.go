package yamlnode

import (
	"fmt"
	"strings"
	"testing"
)

// What would take the parser minutes is refused, and what files have is not.
func TestManyMembers(t *testing.T) {
	var cards strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&cards, "  %014X:\n    card: {0: a}\n    F48121:\n      0: b\n", i)
	}
	for name, tc := range map[string]struct {
		text string
		fine bool
	}{
		"many":         {strings.Repeat("a: b\n", 30_000), false},
		"many, deeper": {"x:\n" + strings.Repeat("  a: b\n", 30_000), false},
		"in items":     {strings.Repeat("- a: b\n"+strings.Repeat("  a: b\n", 5000), 6), false},
		"cards":        {"cards:\n" + cards.String(), true},
		"items":        {strings.Repeat("- a: b\n  c: d\n", 8_000), true},
		"flow":         {"{" + strings.Repeat("a: b, ", 20_000) + "}", true},
	} {
		_, err := Parse([]byte(tc.text), Words{})
		if (err == nil) != tc.fine {
			t.Errorf("%s: %v", name, err)
		}
		if !tc.fine && (err == nil || !strings.Contains(err.Error(), "too many members at one level")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"card", "keys", "applications"}
	for word, want := range map[string]string{"crad": "card", "key": "keys", "Card": "card", "aplications": "applications", "x": "", "colour": "", "": ""} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
}
