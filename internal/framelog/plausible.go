package framelog

import (
	"sync"

	"github.com/go-desfire/desfire/wire"
)

// How sure bytes are what a direction says.
const (
	no     = 0
	weak   = 1 // a native frame: its first byte is known
	strong = 2 // lengths, or a status word, fit
)

// likely says how sure it is that bytes are a frame in a direction, alone or in
// a wrapper that has a checksum or a length of its own.
func likely(b []byte, d Direction) int {
	if d == ToCard {
		return likelyCommand(b)
	}
	return likelyAnswer(b)
}

// isoCommands are INS of ISO/IEC 7816-4 and of the other classes that readers
// and their cards use.
const isoCommands = "\xA4\xB0\xB2\xD0\xD6\xDA\xDC\xE2\x82\x84\x86\x88\xC0\xCA\xCB\x20\x22\x2A\x24\x2C\x12\x44\x46\x47\x70\x78\x50\x58\xD8\xF2\xE6\xE4\xE0\xDB\xB1\xB3\xD7\xDD\x87\xA2"

func likelyCommand(b []byte) int {
	if len(b) == 0 || len(b) > maxFrame {
		return no
	}
	if linkOf(b, ToCard) != linkNone {
		return strong
	}
	if len(b) < 4 {
		return nativeCommand(b)
	}
	fits := apduFits(b)
	switch class := b[0]; {
	case class == byte(wire.ClassNative):
		if fits && b[2] == 0 && b[3] == 0 && len(b) > 4 {
			return strong
		}
		return weak
	case class == 0xFF && len(b) > 4 && fits:
		return strong
	case class == 0 || class == 0x80:
		if fits && len(b) > 4 && (indexByte(isoCommands, b[1]) || class != 0 && !(len(b) == 7 && b[4] == 0)) {
			return strong
		}
	case class == 0x84 || class == 0x0C || class == 0x04:
		if fits && len(b) > 5 && b[4] != 0 && indexByte(isoCommands, b[1]) {
			return strong
		}
	}
	return nativeCommand(b)
}

func indexByte(list string, c byte) bool {
	for i := range len(list) {
		if list[i] == c {
			return true
		}
	}
	return false
}

func nativeCommand(b []byte) int {
	if b[0] == wire.InsAdditionalFrame && len(b) <= 64 || len(b) <= 64 && nativeINS(b[0]) {
		return weak
	}
	return no
}

// nativeINS reports whether a native command has this INS.
func nativeINS(ins byte) bool { return nativeCommands()[ins] }

var nativeCommands = sync.OnceValue(func() *[256]bool {
	var known [256]bool
	for s := range wire.Commands() {
		if s.Class == wire.ClassNative {
			known[s.INS] = true
		}
	}
	return &known
})

// apduFits reports whether Lc and Le account for all bytes.
func apduFits(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	body := b[4:]
	switch n := len(body); {
	case n <= 1:
		return true
	case body[0] != 0:
		return n == 1+int(body[0]) || n == 2+int(body[0])
	case n == 3:
		return true
	case n > 3:
		lc := int(body[1])<<8 | int(body[2])
		return lc > 0 && (n == 3+lc || n == 5+lc)
	}
	return false
}

// apduLength is how long the command will be that begins so, 0 if that cannot
// be said. Le may follow.
func apduLength(b []byte) int {
	if len(b) < 5 || b[0] != 0x90 && b[0] != 0x00 && b[0] != 0x80 && b[0] != 0xFF || b[4] == 0 {
		return 0
	}
	return 5 + int(b[4])
}

func likelyAnswer(b []byte) int {
	if linkOf(b, ToReader) != linkNone {
		return strong
	}
	if statusWord(b) {
		return strong
	}
	if len(b) > 0 && len(b) <= 64 && b[0] != 0x90 && wire.Status(0x9100|uint16(b[0])).Known() {
		return weak
	}
	return no
}

// statusWord reports whether a known status word ends the answer.
func statusWord(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	sw := uint16(b[len(b)-2])<<8 | uint16(b[len(b)-1])
	switch sw >> 8 {
	case 0x91:
		return wire.Status(sw).Known()
	case 0x90:
		return sw == 0x9000 || sw == 0x90AF || wire.Status(sw).Known()
	case 0x61, 0x6C:
		return len(b) == 2
	case 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6D, 0x6E, 0x6F:
		return len(b) == 2 || wire.Status(sw).Known()
	}
	return false
}
