package wire

import "fmt"

// Framing is how native commands travel.
type Framing uint8

// Framings.
const (
	FramingAuto    Framing = iota // the reader finds out
	FramingNative                 // INS and data; the status comes first in the answer
	FramingWrapped                // 90 INS 00 00 Lc data 00; 91 and the status come last
)

func (f Framing) String() string {
	names := [...]string{"auto", "native", "wrapped"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("Framing(%d)", uint8(f))
}

// AppendCommand appends one command frame to dst.
func AppendCommand(dst []byte, f Framing, ins byte, data []byte) []byte {
	if f == FramingNative {
		return append(append(dst, ins), data...)
	}
	return AppendAPDU(dst, byte(ClassNative), ins, 0, 0, data, 256)
}

// AppendAPDU appends a command APDU, extended where a length asks for it. le
// is the expected length: 256 is sent as 00 in a short APDU, 65536 as 0000 in
// an extended one, -1 for none.
func AppendAPDU(dst []byte, cla, ins, p1, p2 byte, data []byte, le int) []byte {
	dst = append(dst, cla, ins, p1, p2)
	if len(data) > 255 || le > 256 {
		dst = append(dst, 0)
		if len(data) > 0 {
			dst = append(dst, byte(len(data)>>8), byte(len(data)))
			dst = append(dst, data...)
		}
		if le >= 0 {
			dst = append(dst, byte(le>>8), byte(le))
		}
		return dst
	}
	if len(data) > 0 {
		dst = append(dst, byte(len(data)))
		dst = append(dst, data...)
	}
	if le >= 0 {
		dst = append(dst, byte(le))
	}
	return dst
}

// ParseAnswer splits one response frame. It fails if there is no room for a
// status. bare means that a native answer carries none.
func ParseAnswer(f Framing, frame []byte, bare bool) (data []byte, status Status, ok bool) {
	if f == FramingNative {
		switch {
		case bare:
			return frame, StatusSignatureOK, true
		case len(frame) == 0:
			return nil, 0, false
		}
		return frame[1:], Native(frame[0]), true
	}
	n := len(frame) - 2
	if n < 0 {
		return nil, 0, false
	}
	return frame[:n:n], Status(frame[n])<<8 | Status(frame[n+1]), true
}

// AppendAnswer appends one response frame, as the card sends it, to dst.
func AppendAnswer(dst []byte, f Framing, data []byte, status Status, bare bool) []byte {
	if f == FramingNative {
		if !bare {
			dst = append(dst, status.Byte())
		}
		return append(dst, data...)
	}
	dst = append(dst, data...)
	return append(dst, byte(status>>8), byte(status))
}

// Frame is one command frame as the card receives it.
type Frame struct {
	Framing  Framing // FramingWrapped for ISO commands as well
	Class    Class   // ClassNative or ClassISO; anything else is unknown
	INS      byte
	P1, P2   byte
	Data     []byte // part of the frame
	Le       int    // as in AppendAPDU
	Extended bool
}

// ParseCommand takes a command frame apart and decides how it is framed: 90
// with a header is wrapped, 00 is ISO 7816-4, anything else is native. The
// status is StatusOK, or the one to answer a malformed APDU with.
func ParseCommand(frame []byte) (Frame, Status) {
	if len(frame) == 0 {
		return Frame{Framing: FramingNative, Class: ClassNative}, StatusLengthError
	}
	isWrapped := frame[0] == byte(ClassNative) && len(frame) > 1
	if !isWrapped && frame[0] != byte(ClassISO) {
		return Frame{Framing: FramingNative, Class: ClassNative, INS: frame[0], Data: frame[1:], Le: -1}, StatusOK
	}
	c := Frame{Framing: FramingWrapped, Class: Class(frame[0]), Le: -1}
	if len(frame) < 4 {
		return c, StatusISOWrongLength
	}
	c.INS, c.P1, c.P2 = frame[1], frame[2], frame[3]
	body := frame[4:]
	ok := true
	switch {
	case len(body) == 0:
	case len(body) == 1:
		c.Le = shortLe(body[0])
	case body[0] != 0:
		n := int(body[0])
		ok = c.take(body[1:], n, 1)
	case len(body) == 3: // extended, Le only
		c.Extended = true
		c.Le = extendedLe(body[1:])
	case len(body) > 3:
		c.Extended = true
		ok = c.take(body[3:], int(body[1])<<8|int(body[2]), 2)
	default:
		ok = false
	}
	if !ok {
		return c, StatusISOWrongLength
	}
	return c, StatusOK
}

// take splits body into n bytes of data and an optional Le of leLen bytes.
func (c *Frame) take(body []byte, n, leLen int) bool {
	if n == 0 || len(body) != n && len(body) != n+leLen {
		return false
	}
	c.Data = body[:n:n]
	if len(body) > n {
		if leLen == 1 {
			c.Le = shortLe(body[n])
		} else {
			c.Le = extendedLe(body[n:])
		}
	}
	return true
}

func shortLe(b byte) int {
	if b == 0 {
		return 256
	}
	return int(b)
}

func extendedLe(b []byte) int {
	if n := int(b[0])<<8 | int(b[1]); n != 0 {
		return n
	}
	return 65536
}
