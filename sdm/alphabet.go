package sdm

import (
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"
)

// WhyNot says why a text is no hexadecimal form of so many bytes: cut, shifted by a
// digit, in base32 or base64.
func WhyNot(value string, bytes int) string {
	n := 2 * bytes
	digits := fmt.Sprintf("%d hexadecimal digits (%d bytes)", n, n/2)
	switch {
	case value == "":
		return "it is empty, and should have " + digits
	case len(value) == 1:
		return "it has one character, and should have " + digits
	case isHex(value) && len(value)%2 != 0:
		return fmt.Sprintf("it has %d digits, and should have %s: a digit is lost, or it stands one character beside its place", len(value), digits)
	case isHex(value) && n == piccChars && len(value) == piccLRPChars:
		return fmt.Sprintf("it has %d digits (%d bytes): those of a tag that uses LRP, without it %s", len(value), len(value)/2, digits)
	case isHex(value) && n == piccLRPChars && len(value) == piccChars:
		return fmt.Sprintf("it has %d digits (%d bytes): those of a tag that does not use LRP, with it %s", len(value), len(value)/2, digits)
	case isHex(value) && n == macChars && len(value) == 2*macChars:
		return fmt.Sprintf("it has %d digits (%d bytes), a whole CMAC: cards send %s, the bytes 1, 3, ... 15 of it", len(value), len(value)/2, digits)
	case isHex(value) && len(value) < n:
		return fmt.Sprintf("it has %d digits (%d bytes), and should have %s: the place is too narrow, or the text was cut", len(value), len(value)/2, digits)
	case isHex(value):
		return fmt.Sprintf("it has %d digits (%d bytes), and should have %s: the place is wider than what the card fills in, or more was put behind it", len(value), len(value)/2, digits)
	}
	for _, x := range []struct {
		name   string
		decode func(string) ([]byte, error)
	}{
		{"base32", base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString},
		{"base64", base64.RawStdEncoding.DecodeString},
		{"base64", base64.RawURLEncoding.DecodeString},
	} {
		if b, err := x.decode(strings.TrimRight(value, "=")); err == nil && len(value) >= 8 {
			return fmt.Sprintf("it is %s of %d bytes, and should be %s: no card shows %s, and a server that did it has to undo it", x.name, len(b), digits, x.name)
		}
	}
	return "it is not hexadecimal, and should be " + digits
}
