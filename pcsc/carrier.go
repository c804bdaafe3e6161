package pcsc

import (
	"bytes"
	"fmt"
)

// carrier is a command of an NXP PN53x chip that takes a frame to the card.
// Source: PN532 user manual, 7.3.8 and 7.3.9.
type carrier struct {
	prefix []byte
	answer []byte // comes before the chip's status byte
}

var (
	// inCommunicateThru sends the frame as it is.
	inCommunicateThru = carrier{prefix: []byte{0xD4, 0x42}, answer: []byte{0xD5, 0x43}}
	// inDataExchange sends the frame to target 1 by its protocol (ISO 14443-4).
	inDataExchange = carrier{prefix: []byte{0xD4, 0x40, 0x01}, answer: []byte{0xD5, 0x41}}
)

// Status bytes of a PN53x. Source: PN532 user manual, 7.1.
const (
	chipOK           = 0x00
	chipTimeout      = 0x01
	chipWrongContext = 0x27 // refused, nothing was sent
	chipCardGone     = 0x2B
	chipStatusBits   = 0x3F // above them are NAD and MI
)

// appendCommand wraps frame for the reader: FF 00 00 00 Lc, the chip's
// command, the frame.
func (c *carrier) appendCommand(b, frame []byte) ([]byte, error) {
	n := len(c.prefix) + len(frame)
	if n > 255 {
		return b, fmt.Errorf("a native frame of %d bytes is too long for this reader: at most %d", len(frame), 255-len(c.prefix))
	}
	b = append(b, 0xFF, 0, 0, 0, byte(n))
	b = append(b, c.prefix...)
	return append(b, frame...), nil
}

// chipError is a status byte of the reader's chip.
type chipError byte

func (e chipError) Error() string {
	text := "the reader's chip reports an error"
	switch byte(e) {
	case chipTimeout:
		text = "the card did not answer"
	case chipWrongContext:
		text = "the reader's chip cannot do this now"
	case chipCardGone:
		text = "the card is gone"
	}
	return fmt.Sprintf("%s (PN53x status %02X)", text, byte(e))
}

// Is reports whether the status means the condition target.
func (e chipError) Is(target error) bool {
	return target == ErrRemoved && byte(e) != chipWrongContext
}

// parse unwraps the reader's answer: the chip's answer, its status, the
// card's frame, 9000.
func (c *carrier) parse(answer []byte) ([]byte, error) {
	n := len(answer)
	if n == 2 && answer[0] == 0x63 {
		return nil, chipError(chipTimeout) // the reader's own word for it
	}
	if n < len(c.answer)+3 || !bytes.HasPrefix(answer, c.answer) || answer[n-2] != 0x90 || answer[n-1] != 0 {
		return nil, fmt.Errorf("the reader answers %X to a command for its chip, want %X", answer, c.answer)
	}
	if s := answer[len(c.answer)] & chipStatusBits; s != chipOK {
		return nil, chipError(s)
	}
	return answer[len(c.answer)+1 : n-2], nil
}

// isAPDU reports whether frame can pass as an ISO 7816-4 command: the reader
// takes it as it is.
func isAPDU(frame []byte) bool {
	if len(frame) < 4 {
		return false
	}
	switch frame[0] {
	case 0x00, 0x90, 0xFF:
	default:
		return false
	}
	n := len(frame)
	if n <= 5 {
		return true
	}
	if frame[4] != 0 {
		lc := 5 + int(frame[4])
		return n == lc || n == lc+1
	}
	if n < 7 {
		return false
	}
	lc := int(frame[5])<<8 | int(frame[6])
	return n == 7 || n == 7+lc || n == 7+lc+2
}
