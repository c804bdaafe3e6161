package failure

import (
	"regexp"
	"strings"
)

// Prefixes are the names of packages with which errors begin. People need none of them.
type Prefixes struct{ re *regexp.Regexp }

// NewPrefixes are the prefixes that every program leaves out, and more of them.
func NewPrefixes(more ...string) Prefixes {
	names := append([]string{"desfire", "rekey", "keystore", "unlock", "keyring", "perso", "dump", "purse", "boltjournal", "batch", "layout"}, more...)
	// They stand at the beginning and behind other prefixes: "of a dump: " is none.
	return Prefixes{regexp.MustCompile(`(^|: |; |\()(?:(?:` + strings.Join(names, "|") + `): )+`)}
}

// Cut is a text of errors without them.
func (p Prefixes) Cut(text string) string { return p.re.ReplaceAllString(text, "$1") }

// Line is that in one line.
func (p Prefixes) Line(text string) string { return p.Cut(strings.ReplaceAll(text, "\n", "; ")) }
