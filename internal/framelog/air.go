package framelog

import (
	"bytes"

	"github.com/go-desfire/desfire/internal/crc"
)

// Blocks of ISO/IEC 14443-4.
const (
	rats        = 0xE0
	blockI      = 0x02 // under maskI
	maskI       = 0xE2
	blockR      = 0xA2 // under maskR
	maskR       = 0xE6
	blockS      = 0xC2 // under maskS
	maskS       = 0xC7
	blockWTX    = 0x30
	blockNAK    = 0x10
	blockChain  = 0x10
	blockCID    = 0x08
	blockNAD    = 0x04
	blockNumber = 0x01
)

const notBlock = "anticollision: no block of ISO/IEC 14443-4"

func goodCRC(f []byte) bool {
	n := len(f) - 2
	return n >= 1 && crc.Sum16(f[:n]) == uint16(f[n])|uint16(f[n+1])<<8
}

// airEvidence says how sure it is that a frame off the air goes in a direction.
func airEvidence(b []byte, d Direction) int {
	command := false
	switch n := len(b); {
	case n == 1:
		command = b[0] == 0x26 || b[0] == 0x52
	case n == 2:
		command = (b[0] == 0x93 || b[0] == 0x95) && b[1] == 0x20
	case n == 5 && b[0]^b[1]^b[2]^b[3] == b[4] && b[0]|b[1]|b[2]|b[3] != 0 && d == ToReader:
		return weak
	case !goodCRC(b):
		return no
	case n == 4 && b[0] == rats || n == 9 && (b[0] == 0x93 || b[0] == 0x95):
		command = true
	case b[0]&maskI == blockI:
		if info, ok := blockInfo(b[:n-2]); ok {
			return likely(info, d)
		}
		return no
	}
	if command && d == ToCard {
		return strong
	}
	return no
}

// isAir decides whether the items of a family are frames off the air, and
// whether they have their CRC.
func (s *scanner) isAir(f family) airKind {
	good, bare, plain, others := 0, 0, 0, 0
	numbers := [2]int{}
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.fam != f || it.air != airNone || it.dir == Unknown && !it.bare {
			continue
		}
		switch d := it.dir; {
		case goodCRC(it.b) && (it.b[0]&maskI == blockI || it.b[0]&maskR == blockR || it.b[0]&maskS == blockS || it.b[0] == rats || it.b[0] == 0x93 || it.b[0] == 0x95 || d == ToReader):
			good++
		case d != Unknown && likely(it.b, d) == strong && !(it.b[0]&maskI == blockI && blockInside(it.b, d)):
			plain++
		case len(it.b) > 1 && it.b[0]&maskI == blockI && d != Unknown && blockInside(it.b, d):
			bare++
			numbers[it.b[0]&blockNumber]++
		default:
			others++
		}
	}
	switch {
	case good > 1 && good > plain || good == 1 && plain == 0:
		return airCRC
	case bare > 1 && plain == 0 && bare >= others:
		return airNoCRC
	}
	return airNone
}

// blockInside reports whether behind the header of a block stands what is surely
// a frame.
func blockInside(b []byte, d Direction) bool {
	info, ok := blockInfo(b)
	return ok && likely(info, d) == strong
}

// blockInfo is what a block carries.
func blockInfo(f []byte) ([]byte, bool) {
	info := f[1:]
	for _, bit := range [...]byte{blockCID, blockNAD} {
		if f[0]&bit != 0 {
			if len(info) == 0 {
				return nil, false
			}
			info = info[1:]
		}
	}
	return info, true
}

// unwrapAir joins the blocks of ISO/IEC 14443-4.
func (s *scanner) unwrapAir() {
	var all [famUnmarked + 1]airKind
	for f := range all {
		if all[f] = s.isAir(family(f)); all[f] == airCRC {
			s.kinds.add(KindAir)
		}
	}
	a := airReader{s: s}
	typed := false // what goes out was typed, and the answer has no label
	s.filter(func(it *item) bool {
		if it.kind == itemReset {
			a.forget()
			return true
		}
		if it.kind != itemFrame {
			return true
		}
		kind := it.air
		if it.dir != Unknown {
			typed = kind != airNone && it.shape == promptShape
		} else if typed && it.bare {
			kind = airCRC
		}
		if kind == airNone && (it.dir != Unknown || it.bare) {
			kind = all[it.fam]
		}
		if kind == airNone || it.air == airNone && kind == airNoCRC && len(it.b) > 0 && it.b[0]&maskI != blockI && likely(it.b, it.dir) == strong {
			return true
		}
		if it.dir == Unknown {
			if it.dir = ToCard; a.open {
				it.dir = ToReader
			}
		}
		if it.broken != "" || it.cut {
			return true // the pairing names it
		}
		return a.frame(it, kind)
	})
	a.forget()
}

// airReader joins the blocks of each direction.
type airReader struct {
	s                *scanner
	toCard, toReader item
	again            bool // the reader asked for the last block again
	last             []byte
	lastNumber       int
	lastCommand      []byte
	commandNumber    int
	open             bool
	ats              bool // the answer to RATS comes next
}

func (a *airReader) forget() {
	for _, it := range [...]*item{&a.toCard, &a.toReader} {
		if len(it.b) > 0 {
			a.s.skip(it, "the blocks that go on with it are missing")
			a.s.failed(it, "the blocks that go on with the answer are missing, line %d", it.line)
		}
	}
	*a = airReader{s: a.s}
}

// frame takes a frame off the air and reports whether it is now a frame of the
// card.
func (a *airReader) frame(it *item, kind airKind) bool {
	if kind == airPieces {
		a.s.control(it, notBlock)
		return false
	}
	f := it.b
	if kind == airCRC {
		n := len(f) - 2
		if !goodCRC(f) {
			if len(f) > 4 && f[0]&maskI == blockI && !a.anticollision(it) {
				a.s.skip(it, "a block whose CRC is wrong")
				a.s.failed(it, "the CRC of the block is wrong, line %d", it.line)
			} else {
				a.s.control(it, notBlock)
			}
			return false
		}
		f = f[:n]
	}
	if len(f) == 0 {
		return false
	}
	pcb, ats := f[0], a.ats
	a.ats = false
	switch {
	case ats && it.dir == ToReader:
		a.s.control(it, "ATS")
	case it.dir == ToCard && (pcb == 0x93 || pcb == 0x95 || pcb == 0x97) && len(f) == 7:
		a.s.control(it, notBlock)
	case it.dir == ToCard && pcb == rats && len(f) == 2:
		a.forget()
		a.s.control(it, "RATS")
		a.ats = true
		*it = item{kind: itemReset, line: it.line}
		return true
	case pcb&maskS == blockS && pcb&blockWTX == 0: // DESELECT
		a.s.control(it, "DESELECT")
		if it.dir == ToCard {
			a.forget()
			*it = item{kind: itemReset, line: it.line}
			return true
		}
	case pcb&maskS == blockS && pcb&blockWTX == blockWTX:
		a.s.control(it, "the card asks for more time")
	case pcb&0xF0 == 0xD0 && len(f) < 4:
		a.s.control(it, "PPS")
	case pcb&maskR == blockR:
		a.again = a.again || it.dir == ToCard && pcb&blockNAK != 0
		a.s.control(it, "a block that confirms or asks again")
	case pcb&maskI == blockI:
		info, ok := blockInfo(f)
		if !ok {
			a.s.skip(it, "a block without the number its header announces")
			return false
		}
		return a.block(it, pcb, info, it.at[len(f)-len(info):len(f)])
	default:
		a.s.control(it, notBlock)
	}
	return false
}

// anticollision reports whether a frame without a CRC is one that has none.
func (a *airReader) anticollision(it *item) bool {
	return len(it.b) == 5 && it.b[0]^it.b[1]^it.b[2]^it.b[3] == it.b[4]
}

func (a *airReader) block(it *item, pcb byte, info []byte, at []int) bool {
	number := int(pcb & blockNumber)
	if it.dir == ToCard {
		if a.open && len(a.toCard.b) == 0 && len(a.toReader.b) == 0 && number == a.commandNumber && bytes.Equal(a.lastCommand, info) {
			a.s.control(it, "sent again")
			return false
		}
		if len(a.toReader.b) > 0 {
			a.s.skip(&a.toReader, "the blocks that go on with it are missing")
		}
		a.again, a.toReader, a.last = false, item{}, nil
		if !a.collect(&a.toCard, it, info, at, pcb) {
			return false
		}
		a.open, a.lastCommand, a.commandNumber = true, it.b, number
		return len(it.b) > 0
	}
	if a.again && a.last != nil && number == a.lastNumber && bytes.Equal(a.last, info) {
		a.s.control(it, "sent again")
		return false
	}
	a.again, a.last, a.lastNumber = false, info, number
	if !a.collect(&a.toReader, it, info, at, pcb) {
		return false
	}
	a.open = false
	return len(it.b) > 0
}

// collect adds a block to those before and reports whether it is the last one.
func (a *airReader) collect(have, it *item, info []byte, at []int, pcb byte) bool {
	x := *it
	if len(have.b) > 0 {
		x = *have
		x.last = it.last
	}
	x.b, x.at, x.air = append(have.b, info...), append(have.at, at...), airNone
	if len(x.b) > maxFrame {
		a.s.skip(&x, "no frame is as long as these blocks together")
		*have = item{}
		return false
	}
	if *have = (item{}); pcb&blockChain != 0 {
		*have = x
		return false
	}
	*it = x
	return true
}
