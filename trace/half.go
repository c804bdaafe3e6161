package trace

import (
	"bytes"

	"github.com/go-desfire/desfire/wire"
)

// Half is how one half of a Message is protected, byte by byte. Spans are those
// of Message.Body or Message.Answer; zero values are of what is not there.
type Half struct {
	Mode   wire.CommMode // ModeUnknown: no session was open whose keys are known
	Sealed Span          // what is enciphered
	MAC    Span

	// Plain is Sealed deciphered: Data bytes, a CRC of CRC bytes, padding. It is
	// nil if it could not be deciphered, or holds a key that is changed.
	Plain []byte
	Data  int
	CRC   int

	// Want is what the MAC should be or, if there is none, the CRC. It is nil
	// where nothing was checked.
	Want  []byte
	Right bool // it is what it should be
}

// mac notes the MAC at the end of b.
func (h *Half) mac(want, b []byte) {
	n := len(b) - len(want)
	h.MAC, h.Want = Span{n, len(b)}, bytes.Clone(want)
	h.Right = bytes.Equal(want, b[n:])
}

// seal notes what was enciphered from an offset on.
func (h *Half) seal(at int, plain []byte) {
	h.Sealed, h.Plain, h.Data = Span{at, at + len(plain)}, plain, len(plain)
}

// crc notes the checksum behind n bytes of data.
func (h *Half) crc(n int, want []byte, right bool) {
	h.Data, h.CRC = n, min(len(want), len(h.Plain)-n)
	h.Want, h.Right = bytes.Clone(want), right
}

// half is that of the command or of the answer.
func (o *outcome) half(answer bool) *Half {
	if answer {
		return &o.answer
	}
	return &o.command
}

func bytes32(v uint32) []byte {
	return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}
