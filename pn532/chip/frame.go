package chip

// Frame identifiers (6.2.1.1).
const (
	fromHost = 0xD4
	fromChip = 0xD5
)

// Frames without content (6.2.1.3 to 6.2.1.5).
var (
	frameACK   = []byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	frameError = []byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00}
)

// maxContent is the longest content of a frame, its identifier included (6.2.1.2).
const maxContent = 265

// appendFrame appends the frame that carries an answer, code first.
func appendFrame(dst, answer []byte) []byte {
	n := len(answer) + 1
	dst = append(dst, 0x00, 0x00, 0xFF)
	if n <= 0xFF {
		dst = append(dst, byte(n), -byte(n))
	} else {
		dst = append(dst, 0xFF, 0xFF, byte(n>>8), byte(n), -(byte(n>>8) + byte(n)))
	}
	dst = append(dst, fromChip)
	dst = append(dst, answer...)
	sum := byte(fromChip)
	for _, b := range answer {
		sum += b
	}
	return append(dst, -sum, 0x00)
}

// kind is what a frame of the host is.
type kind uint8

const (
	noFrame kind = iota
	commandFrame
	ackFrame
	nackFrame
)

// receiver finds frames among the bytes that a host sends. It skips what is none: a frame
// whose sums are wrong is as good as never sent.
type receiver struct {
	step    step
	zero    bool // the last byte was 00
	length  int
	head    [3]byte
	have    int
	content []byte // identifier, command, checksum
}

type step uint8

const (
	wantStart step = iota
	wantLength
	wantLong
	wantContent
)

// feed takes one byte. command is valid until the next call.
func (r *receiver) feed(b byte) (k kind, command []byte) {
	switch r.step {
	case wantStart:
		if r.zero && b == 0xFF {
			r.step, r.have = wantLength, 0
		}
		r.zero = b == 0
	case wantLength:
		r.head[r.have] = b
		if r.have++; r.have < 2 {
			return noFrame, nil
		}
		switch head := [2]byte(r.head[:2]); {
		case head == [2]byte{0x00, 0xFF}:
			r.restart()
			return ackFrame, nil
		case head == [2]byte{0xFF, 0x00}:
			r.restart()
			return nackFrame, nil
		case head == [2]byte{0xFF, 0xFF}: // extended: two bytes of length
			r.step, r.have = wantLong, 0
		case head[0]+head[1] == 0 && head[0] > 0:
			r.want(int(head[0]))
		default:
			r.restart()
			r.zero = head[1] == 0
		}
	case wantLong:
		r.head[r.have] = b
		if r.have++; r.have < 3 {
			return noFrame, nil
		}
		if r.head[0]+r.head[1]+r.head[2] != 0 {
			r.restart()
			return noFrame, nil
		}
		r.want(int(r.head[0])<<8 | int(r.head[1]))
	case wantContent:
		r.content = append(r.content, b)
		if len(r.content) <= r.length {
			return noFrame, nil
		}
		r.restart()
		var sum byte
		for _, b := range r.content {
			sum += b
		}
		if sum == 0 && r.content[0] == fromHost {
			return commandFrame, r.content[1:r.length]
		}
	}
	return noFrame, nil
}

// want waits for a content of n bytes, if a chip has room for it.
func (r *receiver) want(n int) {
	if n < 1 || n > maxContent {
		r.restart()
		return
	}
	r.step, r.length, r.content = wantContent, n, r.content[:0]
}

func (r *receiver) restart() { r.step, r.zero = wantStart, false }
