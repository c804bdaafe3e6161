package key

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
)

// Parse makes a key of its written form:
//
//	des:0011223344556677               DES, 8 or 16 bytes
//	2k3des:00..  3k3des:00..  aes:00.. 16, 24, 16 bytes
//	aes:00../2A                        with a version, two hexadecimal digits
//	aes:@FILE  aes:env:NAME            digits, or digits/version, from elsewhere
//	@FILE  env:NAME                    the whole form from elsewhere
//
// Spaces and colons between digits are ignored. What is elsewhere is read as
// ParseText and ParseTextAs say. Errors never show digits.
func Parse(spec string) (*Secret, error) {
	k, err := parse(spec)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return k, nil
}

func parse(spec string) (*Secret, error) {
	spec = strings.TrimSpace(spec)
	if elsewhere(spec) {
		return resolve(spec, parseText)
	}
	name, value, ok := strings.Cut(spec, ":")
	if !ok {
		return nil, errors.New("want TYPE:DIGITS with des, 2k3des, 3k3des or aes as type, or @FILE, or env:NAME")
	}
	t, ok := parseType(name)
	if !ok {
		return nil, errNoType
	}
	value = strings.TrimSpace(value)
	if elsewhere(value) {
		return resolve(value, func(text []byte) (*Secret, error) { return parseTextAs(t, text) })
	}
	return parseValue(t, []byte(value))
}

var errNoType = errors.New("the type before the colon must be des, 2k3des, 3k3des or aes")

// ParseText reads a key from what a key file holds: one line TYPE:DIGITS or
// TYPE:DIGITS/VERSION, and around it blank lines and comments, which begin with
// #. It names nothing elsewhere. The caller overwrites text.
func ParseText(text []byte) (*Secret, error) {
	k, err := parseText(text)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return k, nil
}

// ParseTextAs is ParseText for a key whose type is known. The type need not
// stand in the text; where it does it must be t.
func ParseTextAs(t Type, text []byte) (*Secret, error) {
	k, err := parseTextAs(t, text)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return k, nil
}

func parseText(text []byte) (*Secret, error) {
	line, err := keyLine(text)
	if err != nil {
		return nil, err
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	if t, known := parseType(string(name)); ok && known {
		return parseValue(t, value)
	}
	if bare(line) {
		return nil, errors.New("holds digits without a type: put it before them, as in aes:00.., or before the place where they are, as in aes:@FILE")
	}
	if !ok {
		return nil, errors.New("want TYPE:DIGITS with des, 2k3des, 3k3des or aes as type")
	}
	return nil, errNoType
}

func parseTextAs(t Type, text []byte) (*Secret, error) {
	line, err := keyLine(text)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	named, known := parseType(string(name))
	if !ok || !known {
		return parseValue(t, line)
	}
	k, err := parseValue(named, value)
	if err != nil || named == t {
		return k, err
	}
	// DES and 2K3DES can be one key.
	if as, err := parseValue(t, value); err != nil || as.Type() != k.Type() {
		return nil, fmt.Errorf("%v is asked for, and a key of type %v is there", t, named)
	}
	return k, nil
}

func keyLine(text []byte) ([]byte, error) {
	line, err := keytext.Line(text)
	if err == nil && keytext.Elsewhere(string(line)) {
		err = errors.New("what the file or variable holds must be a key, not another reference")
	}
	return line, err
}

// bare reports whether a line may be the digits of a key.
func bare(line []byte) bool {
	digits, _, _ := bytes.Cut(line, []byte("/"))
	return len(digits) >= 16 && len(bytes.Trim(digits, "0123456789abcdefABCDEF: \t")) == 0
}

// ParseType reads des, 2k3des, 3k3des or aes, in any case.
func ParseType(name string) (Type, error) {
	t, ok := parseType(name)
	if !ok {
		return 0, fmt.Errorf("key: type %s: want des, 2k3des, 3k3des or aes", keytext.Harmless(name))
	}
	return t, nil
}

func parseType(name string) (Type, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "des":
		return TypeDES, true
	case "2k3des", "2tdea":
		return Type2K3DES, true
	case "3k3des", "3tdea":
		return Type3K3DES, true
	case "aes":
		return TypeAES, true
	}
	return 0, false
}

func parseValue(t Type, value []byte) (*Secret, error) {
	digits, suffix, versioned := bytes.Cut(value, []byte("/"))
	var version byte
	if versioned {
		v, err := strconv.ParseUint(string(bytes.TrimSpace(suffix)), 16, 8)
		if err != nil {
			return nil, fmt.Errorf("%v: the version after / must be 00 to FF", t)
		}
		version = byte(v)
	}
	b := make([]byte, 0, len(digits))
	defer func() { clear(b[:cap(b)]) }()
	for _, c := range digits {
		if c != ' ' && c != ':' && c != '\t' {
			b = append(b, c)
		}
	}
	n, err := hex.Decode(b, b)
	if err != nil {
		// hex errors show the offending character
		return nil, fmt.Errorf("%v: want an even number of hexadecimal digits", t)
	}
	k, err := New(t, b[:n], version)
	if err != nil {
		return nil, err
	}
	if versioned {
		k = k.WithVersion(version)
	}
	return k, nil
}

func elsewhere(s string) bool { return strings.HasPrefix(s, "@") || strings.HasPrefix(s, "env:") }

// resolve reads the key that a file or a variable holds.
func resolve(ref string, parse func([]byte) (*Secret, error)) (*Secret, error) {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		text, err := keytext.Env(name)
		if err != nil {
			return nil, err
		}
		return parsed(parse, text, "environment variable "+keytext.Harmless(name))
	}
	text, _, err := keytext.ReadFile(context.Background(), ref[1:], keytext.MaxFile)
	if err != nil {
		return nil, err
	}
	return parsed(parse, text, "file "+keytext.Harmless(ref[1:]))
}

func parsed(parse func([]byte) (*Secret, error), text []byte, where string) (*Secret, error) {
	defer clear(text)
	k, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return k, nil
}
