// Package bertlv reads and writes data objects as ISO 7816-4 has them in files:
// BER-TLV, with bytes 00 and FF between them that mean nothing.
package bertlv

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Tag is the bytes of a tag, the first most significant.
type Tag uint32

// String is the tag in hexadecimal.
func (t Tag) String() string { return fmt.Sprintf("%X", t.bytes()) }

// Constructed reports whether the value of an object is objects.
func (t Tag) Constructed() bool { return t.bytes()[0]&0x20 != 0 }

func (t Tag) bytes() []byte {
	b := []byte{byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t)}
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// ParseTag reads a tag of one to four bytes in hexadecimal.
func ParseTag(s string) (Tag, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil || len(b) == 0 {
		return 0, fmt.Errorf("tag %q: want it in hexadecimal, such as 5F20", s)
	}
	t, n, ok := readTag(b)
	if !ok || n != len(b) {
		return 0, fmt.Errorf("tag %q: it is no tag of one to four bytes (ISO 7816-4, 5.2.2.1)", s)
	}
	return t, nil
}

// Object is a data object. Value is the caller's data; Objects is what is in it
// where the tag is of a constructed object.
type Object struct {
	Tag     Tag
	Value   []byte
	Objects []Object
}

// Error is data that are no data objects.
type Error struct {
	Offset int // byte
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("BER-TLV: byte %d: %s", e.Offset, e.Reason) }

// maxDepth is how deep objects may lie in one another: data that nest deeper are
// an accident or an attack.
const maxDepth = 16

// Parse reads data objects. With an error, an *Error, come those before it.
func Parse(data []byte) ([]Object, error) { return parse(data, 0, 0) }

func parse(data []byte, base, depth int) (list []Object, err error) {
	bad := func(at int, format string, args ...any) ([]Object, error) {
		return list, &Error{base + at, fmt.Sprintf(format, args...)}
	}
	if depth > maxDepth {
		return bad(0, "objects lie deeper than %d in one another", maxDepth)
	}
	for at := 0; at < len(data); {
		if data[at] == 0x00 || data[at] == 0xFF {
			at++
			continue
		}
		tag, n, ok := readTag(data[at:])
		if !ok {
			return bad(at, "a tag is cut off, or longer than four bytes")
		}
		size, m, ok := readLength(data[at+n:])
		switch {
		case !ok:
			return bad(at, "the length of object %v is cut off, or longer than four bytes", tag)
		case size > len(data)-at-n-m:
			return bad(at, "object %v says that it has %d bytes; %d are there", tag, size, len(data)-at-n-m)
		}
		o := Object{Tag: tag, Value: data[at+n+m:][:size:size]}
		if tag.Constructed() {
			if o.Objects, err = parse(o.Value, base+at+n+m, depth+1); err != nil {
				return list, err
			}
		}
		list = append(list, o)
		at += n + m + size
	}
	return list, nil
}

// readTag reads a tag: one byte, or several if its five low bits are set, the
// last of which has its high bit clear.
func readTag(b []byte) (t Tag, n int, ok bool) {
	for n < len(b) && n < 4 {
		c := b[n]
		n++
		t = t<<8 | Tag(c)
		switch {
		case n == 1 && (c == 0x00 || c == 0xFF), n == 2 && c == 0x80:
			return 0, n, false
		case n == 1 && c&0x1F != 0x1F, n > 1 && c&0x80 == 0:
			return t, n, true
		}
	}
	return 0, n, false
}

// readLength reads a length: a byte up to 7F, or 81 to 84 and as many bytes.
func readLength(b []byte) (size, n int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, true
	}
	n = int(b[0] & 0x7F)
	if n == 0 || n > 4 || n >= len(b) {
		return 0, 0, false
	}
	var u uint32
	for _, c := range b[1 : 1+n] {
		u = u<<8 | uint32(c)
	}
	if u > 1<<30 {
		return 1 << 30, 1 + n, true // more than anything holds, also where int has 32 bits
	}
	return int(u), 1 + n, true
}

// Append appends a data object to b.
func Append(b []byte, tag Tag, value []byte) []byte {
	b = append(b, tag.bytes()...)
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n <= 0xFF:
		b = append(b, 0x81, byte(n))
	case n <= 0xFFFF:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, value...)
}
