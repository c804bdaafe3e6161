package pn532

// Frames of the PN532 (user manual UM0701-02, 6.2.1).
const (
	fromHost = 0xD4 // TFI
	fromChip = 0xD5
	tfiError = 0x7F // "syntax error": the chip does not know the command

	// maxBody is the longest body of an extended frame: TFI, code, 263 bytes.
	maxBody = 265
)

var (
	ackFrame  = []byte{0, 0, 0xFF, 0x00, 0xFF, 0}
	nackFrame = []byte{0, 0, 0xFF, 0xFF, 0x00, 0}
)

// appendFrame appends the frame of a command or, with another TFI, an answer.
func appendFrame(dst []byte, tfi, code byte, data ...[]byte) []byte {
	n := 2
	for _, d := range data {
		n += len(d)
	}
	dst = append(dst, 0, 0, 0xFF)
	if n <= 0xFF {
		dst = append(dst, byte(n), -byte(n))
	} else {
		dst = append(dst, 0xFF, 0xFF, byte(n>>8), byte(n), -(byte(n>>8) + byte(n)))
	}
	start := len(dst)
	dst = append(dst, tfi, code)
	for _, d := range data {
		dst = append(dst, d...)
	}
	return append(dst, -sum(dst[start:]), 0)
}

func sum(b []byte) (s byte) {
	for _, x := range b {
		s += x
	}
	return s
}

// frameKind is what a frame is.
type frameKind uint8

const (
	frameInfo frameKind = iota + 1 // body: TFI, code, data
	frameACK
	frameNACK
	frameSyntaxError
	frameBroken // the length was right, the rest was not
)

// frame is one frame. Its body is valid until the next call of the decoder.
type frame struct {
	kind frameKind
	body []byte
}

// decoder finds frames in bytes, whatever lies between them.
type decoder struct {
	buf   []byte
	done  int  // bytes of buf that are used up
	noise bool // bytes came that are no frame
}

// feed adds bytes that have come.
func (d *decoder) feed(p []byte) {
	d.buf = append(d.buf[:copy(d.buf, d.buf[d.done:])], p...)
	d.done = 0
}

// reset forgets what has come.
func (d *decoder) reset() { d.buf, d.done, d.noise = d.buf[:0], 0, false }

// next is the next whole frame. A broken frame is looked through again for
// those that it may hide: it may have been cut.
func (d *decoder) next() (frame, bool) {
	for {
		rest := d.buf[d.done:]
		start := startCode(rest)
		if start < 0 {
			d.noise = d.noise || !zeros(rest)
			// The last byte may be the first of a start code.
			d.done += max(0, len(rest)-1)
			return frame{}, false
		}
		d.noise = d.noise || !zeros(rest[:start])
		f, n, verdict := parse(rest[start+2:])
		switch verdict {
		case incomplete:
			d.done += start
			return frame{}, false
		case whole:
			d.done += start + 2 + n
			return f, true
		}
		d.noise = true
		d.done += start + 1
		if verdict == broken {
			return frame{kind: frameBroken}, true
		}
	}
}

// startCode is where 00 FF is.
func startCode(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] == 0 && b[i+1] == 0xFF {
			return i
		}
	}
	return -1
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

type verdict uint8

const (
	incomplete verdict = iota
	whole
	broken
	noFrame
)

// parse takes apart what follows a start code, and returns how much that is.
func parse(b []byte) (f frame, n int, v verdict) {
	if len(b) < 2 {
		return frame{}, 0, incomplete
	}
	size, head := int(b[0]), 2
	switch {
	case b[0] == 0x00 && b[1] == 0xFF:
		return frame{kind: frameACK}, 2, whole
	case b[0] == 0xFF && b[1] == 0x00:
		return frame{kind: frameNACK}, 2, whole
	case b[0] == 0xFF && b[1] == 0xFF:
		if len(b) < 5 {
			return frame{}, 0, incomplete
		}
		if sum(b[2:5]) != 0 {
			return frame{}, 0, noFrame
		}
		size, head = int(b[2])<<8|int(b[3]), 5
	case b[0]+b[1] != 0:
		return frame{}, 0, noFrame
	}
	if size == 0 || size > maxBody {
		return frame{}, 0, noFrame
	}
	if len(b) < head+size+1 {
		return frame{}, 0, incomplete
	}
	n = head + size + 1
	body := b[head : head+size]
	switch {
	case sum(b[head:n]) != 0:
		return frame{}, 0, broken
	case size == 1 && body[0] == tfiError:
		return frame{kind: frameSyntaxError}, n, whole
	case size < 2:
		return frame{}, 0, broken
	}
	return frame{frameInfo, body}, n, whole
}
