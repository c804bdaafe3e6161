package transit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Head is what an envelope begins with.
const Head = "desfire: transit/v1"

// Envelope is what a key of transit has enciphered. It is written as lines, and
// comments after #:
//
//	desfire: transit/v1
//	key: campus
//	mount: transit
//	ciphertext: vault:v1:XjsPWPjqPrBi1N2Ms2s1QM798YyFWnO4TR4lsFA=
//
// mount is where the engine is, transit if it is not said. There is no address in
// it, and no token: a file must not say who is shown the token.
type Envelope struct {
	Mount, Key string
	Ciphertext string
}

// IsEnvelope reports whether a text is an envelope.
func IsEnvelope(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line) == Head
		}
	}
	return false
}

// maxCiphertext bounds what is enciphered: identities, not books.
const maxCiphertext = 64 << 10

var (
	mountName  = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)
	keyName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	ciphertext = regexp.MustCompile(`^vault:v[0-9]{1,9}:[A-Za-z0-9+/=]+$`)
)

// Parse reads an envelope.
func Parse(text []byte) (*Envelope, error) {
	e := &Envelope{Mount: "transit"}
	fail := func(no int, format string, args ...any) (*Envelope, error) {
		return nil, fmt.Errorf("envelope of transit, line %d: %s", no, fmt.Sprintf(format, args...))
	}
	seen := map[string]bool{}
	no := 0
	for line := range strings.Lines(string(text)) {
		no++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			return fail(no, "want NAME: VALUE")
		case len(seen) == 0 && line != Head:
			return fail(no, "it begins with %s", Head)
		case seen[name]:
			return fail(no, "%s stands there twice", name)
		}
		switch name {
		case "desfire":
		case "key":
			if e.Key = value; !keyName.MatchString(value) || len(value) > 200 || strings.HasSuffix(value, ".") {
				return fail(no, "key: want the name of a key of transit: letters, digits and . _ -")
			}
		case "mount":
			if e.Mount = value; !mountName.MatchString(value) || len(value) > 200 {
				return fail(no, "mount: want the path of the engine: letters, digits and _ - /")
			}
		case "ciphertext":
			if e.Ciphertext = value; !ciphertext.MatchString(value) || len(value) > maxCiphertext {
				return fail(no, "ciphertext: want vault:v1:BASE64, as transit gives it")
			}
		default:
			return fail(no, "want desfire, key, mount and ciphertext, and nothing else")
		}
		seen[name] = true
	}
	if e.Key == "" || e.Ciphertext == "" {
		return nil, errors.New("envelope of transit: want desfire, key and ciphertext in it")
	}
	return e, nil
}
