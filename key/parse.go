package key

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// maxKeyFile bounds what Parse reads from a file.
const maxKeyFile = 4096

// Parse makes a key of its written form:
//
//	des:0011223344556677               DES, 8 or 16 bytes
//	2k3des:00..  3k3des:00..  aes:00.. 16, 24, 16 bytes
//	aes:00../2A                        with a version, two hexadecimal digits
//	aes:@FILE  aes:env:NAME            digits, or digits/version, from elsewhere
//	@FILE  env:NAME                    the whole form from elsewhere
//
// Spaces and colons between digits are ignored. Errors never show digits.
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
		s, err := resolve(spec)
		if err != nil {
			return nil, err
		}
		if elsewhere(s) {
			return nil, errors.New("what the file or variable holds must be a key, not another reference")
		}
		return parse(s)
	}
	name, value, ok := strings.Cut(spec, ":")
	if !ok {
		return nil, errors.New("want TYPE:DIGITS with des, 2k3des, 3k3des or aes as type, or @FILE, or env:NAME")
	}
	t, ok := parseType(name)
	if !ok {
		return nil, errors.New("the type before the colon must be des, 2k3des, 3k3des or aes")
	}
	value = strings.TrimSpace(value)
	if elsewhere(value) {
		s, err := resolve(value)
		if err != nil {
			return nil, err
		}
		value = s
	}
	return parseValue(t, value)
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

func parseValue(t Type, value string) (*Secret, error) {
	digits, suffix, versioned := strings.Cut(value, "/")
	var version byte
	if versioned {
		v, err := strconv.ParseUint(strings.TrimSpace(suffix), 16, 8)
		if err != nil {
			return nil, fmt.Errorf("%v: the version after / must be 00 to FF", t)
		}
		version = byte(v)
	}
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "\t", "").Replace(digits))
	if err != nil {
		// hex errors show the offending character
		return nil, fmt.Errorf("%v: want an even number of hexadecimal digits", t)
	}
	k, err := New(t, b, version)
	if err != nil {
		return nil, err
	}
	if versioned {
		k = k.WithVersion(version)
	}
	return k, nil
}

func elsewhere(s string) bool { return strings.HasPrefix(s, "@") || strings.HasPrefix(s, "env:") }

func resolve(ref string) (string, error) {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		v, ok := os.LookupEnv(name)
		if !ok || strings.TrimSpace(v) == "" {
			return "", fmt.Errorf("environment variable %s is not set", harmless(name))
		}
		return strings.TrimSpace(v), nil
	}
	name := ref[1:]
	f, err := os.Open(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return "", fmt.Errorf("file %s: %w", harmless(name), err)
	}
	defer f.Close()
	b := make([]byte, maxKeyFile+1)
	n, err := f.Read(b)
	switch {
	case n > maxKeyFile:
		return "", fmt.Errorf("file %s: too large for a key", harmless(name))
	case n == 0:
		return "", fmt.Errorf("file %s: empty (%v)", harmless(name), err)
	}
	return strings.TrimSpace(string(b[:n])), nil
}

// harmless hides a name that looks like the digits of a key.
func harmless(name string) string {
	digits := 0
	for _, c := range name {
		if strings.ContainsRune("0123456789abcdefABCDEF", c) {
			digits++
		}
	}
	if digits >= 16 && digits*4 >= len(name)*3 {
		return "(name hidden: it looks like a key)"
	}
	return strconv.Quote(name)
}
