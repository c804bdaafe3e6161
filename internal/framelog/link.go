package framelog

import "encoding/binary"

// linkKind is a wrapper around a frame that tells itself: it has a length of its
// own, or a checksum.
type linkKind uint8

const (
	linkNone  linkKind = iota
	linkCCID           // between a computer and a reader on USB
	linkPN53x          // between a computer and an NXP PN531, PN532 or PN533
)

// linkOf says what wraps b.
func linkOf(b []byte, d Direction) linkKind {
	switch {
	case isCCID(b, d):
		return linkCCID
	case d != Unknown && pn53xFrame(b, d):
		return linkPN53x
	}
	return linkNone
}

// Messages of CCID.
const (
	ccidHeader  = 10
	ccidPowerOn = 0x62
	ccidXfr     = 0x6F
	ccidEscape  = 0x6B
	ccidData    = 0x80
	ccidEscaped = 0x83
)

func isCCID(b []byte, d Direction) bool {
	if len(b) < ccidHeader || uint64(binary.LittleEndian.Uint32(b[1:])) != uint64(len(b)-ccidHeader) || b[5] > 15 {
		return false
	}
	command := b[0] >= 0x61 && b[0] <= 0x73
	answer := b[0] >= 0x80 && b[0] <= 0x84
	switch d {
	case ToCard:
		return command
	case ToReader:
		return answer
	}
	return command || answer
}

// unwrapCCID takes CCID off, as far as items have it.
func (s *scanner) unwrapCCID() {
	found := map[string]bool{}
	for i := range s.items {
		if it := &s.items[i]; it.kind == itemFrame && isCCID(it.b, it.dir) {
			found[it.shape] = true
		}
	}
	if len(found) == 0 {
		return
	}
	inside := map[string]bool{}
	var sent byte
	s.filter(func(it *item) bool {
		if it.kind != itemFrame || !found[it.shape] {
			return true
		}
		if !isCCID(it.b, it.dir) {
			if likely(it.b, it.dir) == strong {
				return true
			}
			s.skip(it, "among CCID blocks, one whose length does not fit")
			return false
		}
		if it.dir == Unknown {
			if it.dir = ToCard; it.b[0] >= 0x80 {
				it.dir = ToReader
			}
		}
		kind, status := it.b[0], it.b[7]
		inner := it.b[ccidHeader:]
		switch {
		case it.dir == ToCard:
			sent = kind
			if kind == ccidXfr && len(inner) > 0 || kind == ccidEscape && len(inner) > 4 && inner[0] == 0xFF {
				break
			}
			s.control(it, "CCID block %02X for the reader", kind)
			return false
		case status&0x80 != 0:
			s.control(it, "CCID: the reader asks for more time")
			return false
		case kind == ccidData && sent == ccidXfr || kind == ccidEscaped && sent == ccidEscape:
			if status&0x40 != 0 {
				s.failed(it, "CCID: the reader reports error %02X", it.b[8])
				return false
			}
			if len(inner) == 0 {
				s.failed(it, "CCID: the reader has no answer")
				return false
			}
		default:
			s.control(it, "CCID block %02X of the reader", kind)
			return false
		}
		it.b, it.at, it.shape = inner, it.at[ccidHeader:], "CCID "+it.shape
		inside[it.shape] = true
		return true
	})
	s.unwrapT1(inside)
	s.kinds.add(KindCCID)
}

// failed stands for the answer to a command that none came for.
func (s *scanner) failed(it *item, reason string, args ...any) {
	s.fails = append(s.fails, failure{line: it.line, reason: sprintf(reason, args...)})
}

// filter keeps the items that keep says yes to.
func (s *scanner) filter(keep func(it *item) bool) {
	out := s.items[:0]
	for i := range s.items {
		if it := s.items[i]; keep(&it) {
			out = append(out, it)
		}
	}
	s.items = out
}
