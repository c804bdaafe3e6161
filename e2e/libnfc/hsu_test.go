package libnfc

import (
	"bufio"
	"fmt"
	"io"
)

// Frames of the PN532 on its high speed UART (PN532 user manual, UM0701-02, 6.2).
const (
	tfiHost = 0xD4 // from the host
	tfiChip = 0xD5 // from the chip
)

var (
	frameACK   = []byte{0, 0, 0xFF, 0x00, 0xFF, 0}
	frameError = []byte{0, 0, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0} // syntax error
)

// handler executes one command, code first, and returns the answer, code first.
// Nil is a command that the chip does not know.
type handler func(command []byte) []byte

// serveHSU answers frames until the line ends. Wake-up bytes and noise between
// frames are skipped, as the chip does.
func serveHSU(line io.ReadWriter, execute handler) error {
	in := bufio.NewReader(line)
	var last []byte
	for {
		body, err := readFrame(in)
		if err != nil {
			return err
		}
		switch {
		case body == nil: // ACK: the host gives up the command, which is over already
			continue
		case len(body) == 0: // NACK: once more, please
		default:
			last = append([]byte(nil), frameACK...)
			if answer := execute(body); answer != nil {
				last = appendFrame(last, answer)
			} else {
				last = append(last, frameError...)
			}
		}
		if _, err := line.Write(last); err != nil {
			return err
		}
	}
}

// readFrame returns the command of the next frame, nil for an ACK, empty for a
// NACK. A frame with a wrong checksum is noise.
func readFrame(in *bufio.Reader) ([]byte, error) {
	for {
		if err := skipToStart(in); err != nil {
			return nil, err
		}
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return nil, err
		}
		n := int(head[0])
		switch {
		case head == [2]byte{0x00, 0xFF}:
			return nil, nil
		case head == [2]byte{0xFF, 0x00}:
			return []byte{}, nil
		case head == [2]byte{0xFF, 0xFF}: // extended: two bytes of length
			var long [3]byte
			if _, err := io.ReadFull(in, long[:]); err != nil {
				return nil, err
			}
			if long[0]+long[1]+long[2] != 0 {
				continue
			}
			n = int(long[0])<<8 | int(long[1])
		case head[0]+head[1] != 0:
			continue
		}
		body := make([]byte, n+1) // with its checksum
		if _, err := io.ReadFull(in, body); err != nil {
			return nil, err
		}
		var sum byte
		for _, b := range body {
			sum += b
		}
		if sum == 0 && n >= 2 && body[0] == tfiHost {
			return body[1:n], nil
		}
	}
}

// skipToStart reads up to the start code 00 FF.
func skipToStart(in *bufio.Reader) error {
	zero := false
	for {
		b, err := in.ReadByte()
		if err != nil {
			return err
		}
		if zero && b == 0xFF {
			return nil
		}
		zero = b == 0
	}
}

// appendFrame appends the frame that carries an answer.
func appendFrame(dst, answer []byte) []byte {
	n := len(answer) + 1
	dst = append(dst, 0, 0, 0xFF)
	if n < 0xFF {
		dst = append(dst, byte(n), -byte(n))
	} else {
		hi, lo := byte(n>>8), byte(n)
		dst = append(dst, 0xFF, 0xFF, hi, lo, -(hi + lo))
	}
	dst = append(dst, tfiChip)
	dst = append(dst, answer...)
	sum := byte(tfiChip)
	for _, b := range answer {
		sum += b
	}
	return append(dst, -sum, 0)
}

// command names what the log of a failed test shows.
func command(code byte) string {
	names := map[byte]string{
		0x00: "Diagnose", 0x02: "GetFirmwareVersion", 0x06: "ReadRegister", 0x08: "WriteRegister", 0x12: "SetParameters",
		0x14: "SAMConfiguration", 0x16: "PowerDown", 0x32: "RFConfiguration", 0x40: "InDataExchange", 0x42: "InCommunicateThru",
		0x44: "InDeselect", 0x4A: "InListPassiveTarget", 0x4E: "InPSL", 0x52: "InRelease", 0x54: "InSelect",
	}
	if n, ok := names[code]; ok {
		return n
	}
	return fmt.Sprintf("command %02X", code)
}
