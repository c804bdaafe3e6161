package keystore

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
)

// ErrNotHere says that data, such as a layout, a table, a dump or a recording, says
// where a key is, or is one. Data name keys; where those are is said by whoever
// uses the data: on the command line, in the environment, in a keyring.
var ErrNotHere = errors.New("only the name of a key stands here: where keys are is said by the keyring or the command line of whoever uses this, never by data that others may have written")

var masterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ErrLikeKey says that a text may be the digits of a key.
var ErrLikeKey = errors.New("it looks like a key")

// CheckData is an error if a text of data, such as a layout, a table, a dump or a
// recording, is the written form of a key: exec:, pkcs11:, os:, env: and whatever
// else stands before a colon, @FILE, a path, prompt, with or without a type before
// it, is ErrNotHere; the digits of a key, with or without a type, are ErrLikeKey.
// This is the one rule for what data may say of keys: a program that asks it before
// it takes a text for the name of a key runs, reads and asks nothing, whatever the
// data say. Errors show nothing of the text but what stands before the colon.
func CheckData(text string) error {
	t := strings.ToLower(strings.TrimSpace(text))
	typed := false
	if name, value, ok := strings.Cut(t, ":"); ok {
		if _, err := key.ParseType(name); err == nil {
			typed, t = true, strings.TrimSpace(value)
		}
	}
	switch form := elsewhereForm(t); {
	case form != "":
		return fmt.Errorf("%s: %w", form, ErrNotHere)
	case typed || keytext.HexRun(text) >= 2*key.TypeDES.BlockSize():
		return ErrLikeKey
	}
	return nil
}

var scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)

// elsewhereForm is what a text begins with that says where something is, empty if
// it says nothing of the kind.
func elsewhereForm(text string) string {
	switch begin := scheme.FindString(text); {
	case text == "prompt":
		return text
	case strings.HasPrefix(text, "@"):
		return "@FILE"
	case strings.HasPrefix(text, "/"), strings.HasPrefix(text, "\\"):
		return "a path"
	case begin != "" && keytext.HexRun(begin) < 8:
		return begin
	case begin != "" || keytext.Elsewhere(text):
		return "a scheme"
	}
	return ""
}

// CheckName is an error if text is no name of a key, as keyrings and layouts have
// them: what CheckData takes, of letters, digits and . _ - , 64 at most. Errors show
// nothing that could be a key.
func CheckName(text string) error {
	if err := CheckData(text); errors.Is(err, ErrLikeKey) {
		return fmt.Errorf("the name of a key: %w: take another", err)
	} else if err != nil {
		return err
	}
	switch {
	case len(text) > 64:
		return fmt.Errorf("a name of %d bytes: want letters, digits and . _ - , 64 at most", len(text))
	case !masterName.MatchString(text):
		shown := strconv.Quote(text)
		if keytext.HexRun(text) >= 8 {
			shown = "(not shown)"
		}
		return fmt.Errorf("the name %s of a key: want letters, digits and . _ - , 64 at most", shown)
	}
	return nil
}
