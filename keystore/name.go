package keystore

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
)

// ErrNotHere says that data, such as a layout, a table, a dump or a recording, says
// where a key is, or is one. Data name keys; where those are is said by whoever
// uses the data: on the command line, in the environment, in a keyring.
var ErrNotHere = errors.New("only the name of a key stands here: where keys are is said by the keyring or the command line of whoever uses this, never by data that others may have written")

var masterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName is an error if text is no name of a key, as keyrings and layouts have
// them: letters, digits and . _ - , 64 at most. What looks like the digits of a key
// is none. The written form of a key, as exec:, pkcs11:, os:, env:, @FILE, prompt
// and digits, is ErrNotHere: whatever data say, nothing is run, read or asked for.
// Errors show nothing that could be a key.
func CheckName(text string) error {
	if form := writtenForm(text); form != "" {
		return fmt.Errorf("%s: %w", form, ErrNotHere)
	}
	switch {
	case hexRun(text) >= 2*key.TypeDES.BlockSize():
		return errors.New("the name looks like a key: take another")
	case len(text) > 64:
		return fmt.Errorf("a name of %d bytes: want letters, digits and . _ - , 64 at most", len(text))
	case !masterName.MatchString(text):
		shown := strconv.Quote(text)
		if hexRun(text) >= 8 {
			shown = "(not shown)"
		}
		return fmt.Errorf("the name %s of a key: want letters, digits and . _ - , 64 at most", shown)
	}
	return nil
}

// writtenForm is what the written form of a key begins with, empty if text is none.
// Case and blanks do not hide it, nor does a type before it.
func writtenForm(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	name, value, ok := strings.Cut(text, ":")
	typed := false
	if ok {
		if _, err := key.ParseType(name); err == nil {
			typed, text = true, strings.TrimSpace(value)
		}
	}
	switch name, _, ok := strings.Cut(text, ":"); {
	case text == "prompt":
		return "prompt"
	case strings.HasPrefix(text, "@"):
		return "@FILE"
	case ok && keytext.Elsewhere(name+":"):
		return name + ":"
	case typed:
		return "a key"
	}
	return ""
}

// hexRun is the length of the longest run of hexadecimal digits, whatever separates
// them.
func hexRun(text string) (longest int) {
	run := 0
	for _, c := range text {
		switch {
		case strings.ContainsRune("0123456789abcdefABCDEF", c):
			run++
			longest = max(longest, run)
		case unicode.IsLetter(c):
			run = 0
		}
	}
	return longest
}
