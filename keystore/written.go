package keystore

import (
	"regexp"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
)

// Parse reads a key in its written form, which key.Parse describes: digits, or
// the name of a file or variable that has them. SourceOf tells which. visible
// reports that the text shows a secret, so that whoever sees it has the key, such
// as other users of the computer a command line: warn. The key of zeros is no
// secret. Errors never show digits.
func Parse(text string) (k *key.Secret, visible bool, err error) {
	if k, err = key.Parse(text); err != nil {
		return nil, false, err
	}
	return k, InTheOpen(text) && k.CheckValue() != key.Zero(k.Type()).CheckValue(), nil
}

// SourceOf is where the written form of a key says that it is kept, as in
// @FILE or aes:env:NAME; of a program, its name; of an address of a provider, what
// stands before a question mark. It is empty if the digits themselves stand there,
// or something that looks like them, and where a PIN stands in an address.
func SourceOf(text string) string {
	text = strings.TrimSpace(text)
	if providedElsewhere(text) {
		if strings.Contains(strings.ToLower(text), "pin-value") {
			return ""
		}
		text, _, _ = strings.Cut(text, "?")
		return text
	}
	if _, value, ok := strings.Cut(text, ":"); InTheOpen(text) || ok && Hide(value) != value || Hide(text) != text {
		return ""
	}
	if s, err := ParseSpec(text); err == nil {
		return s.Source()
	}
	return text
}

// providedElsewhere reports whether a text is an address of a provider.
func providedElsewhere(text string) bool {
	if name, value, ok := strings.Cut(text, ":"); ok {
		if _, err := key.ParseType(name); err == nil {
			text = strings.TrimSpace(value)
		}
	}
	return strings.HasPrefix(text, "pkcs11:") || strings.HasPrefix(text, "os:")
}

// InTheOpen reports whether the written form of a key holds digits, and no name.
func InTheOpen(text string) bool {
	text = strings.TrimSpace(text)
	_, value, _ := strings.Cut(text, ":")
	return !keytext.Elsewhere(text) && !keytext.Elsewhere(strings.TrimSpace(value))
}

var digits = regexp.MustCompile(`(?i)(?:[0-9a-f]{2}[ :]?){7}[0-9a-f]{2}[0-9a-f :]*`)

// Hide takes what looks like a key, eight bytes or more in hexadecimal, out of a
// text that is to be shown.
func Hide(text string) string { return digits.ReplaceAllString(text, "(hidden)") }
