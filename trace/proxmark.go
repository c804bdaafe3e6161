package trace

import (
	"bytes"
	"strings"

	"github.com/go-desfire/desfire/internal/crc"
)

// pm3Row reads a row of Proxmark's trace list:
//
//	  start |     end | Src | Data                         | CRC | Annotation
//	7040    | 9504    | Rdr |02  90  60  00  00  00  14  98 |  ok |
//	        |         |     |30  31                         |  ok |
//
// src is "Rdr", "Tag", or empty for the rest of a row before.
func pm3Row(line string) (src string, data []byte, ok bool) {
	columns := strings.Split(line, "|")
	if len(columns) < 5 {
		return "", nil, false
	}
	src = strings.TrimSpace(columns[2])
	if src != "Rdr" && src != "Tag" && (src != "" || strings.TrimSpace(columns[0]) != "" || strings.TrimSpace(columns[1]) != "") {
		return "", nil, false
	}
	for _, c := range columns[:2] { // times, or nothing
		if strings.Trim(c, " 0123456789") != "" {
			return "", nil, false
		}
	}
	digits := strings.ReplaceAll(columns[3], "!", " ") // parity error
	if strings.Contains(digits, "(") {
		return src, nil, true // less than a byte: (7) is the number of its bits
	}
	data, err := hexTokens(digits)
	return src, data, err == nil
}

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

// readPM3Trace takes the frames off the air: it joins blocks of ISO/IEC
// 14443-4 and leaves out everything that has no good CRC.
func readPM3Trace(p *pairs, lines []string) error {
	var a airReader
	var src string
	var frame []byte
	end := func() {
		if src != "" && len(frame) > 0 {
			a.frame(p, src == "Rdr", frame)
		}
		src, frame = "", nil
	}
	for _, l := range lines {
		s, data, ok := pm3Row(l)
		if !ok {
			continue
		}
		if s != "" {
			end()
			src = s
		}
		frame = append(frame, data...)
	}
	end()
	return nil
}

// airReader joins the blocks of each direction.
type airReader struct {
	toCard, toReader []byte
	again            bool // the reader asked for the last block again
	last             []byte
	lastNumber       int
}

func (a *airReader) frame(p *pairs, command bool, f []byte) {
	n := len(f) - 2
	if n < 1 || crc.Sum16(f[:n]) != uint16(f[n])|uint16(f[n+1])<<8 {
		return
	}
	f = f[:n]
	pcb := f[0]
	switch {
	case command && pcb == rats && len(f) == 2:
		*a = airReader{}
		p.reset = true
	case pcb&maskS == blockS && pcb&blockWTX == 0: // DESELECT
		p.reset = true
	case command && pcb&maskR == blockR:
		a.again = pcb&blockNAK != 0
	case pcb&maskI == blockI:
		info := f[1:]
		for _, bit := range [...]byte{blockCID, blockNAD} {
			if pcb&bit != 0 && len(info) > 0 {
				info = info[1:]
			}
		}
		a.block(p, command, pcb, info)
	}
}

func (a *airReader) block(p *pairs, command bool, pcb byte, info []byte) {
	number := int(pcb & blockNumber)
	if command {
		if p.open && len(a.toCard) == 0 && len(a.toReader) == 0 && bytes.Equal(p.list[len(p.list)-1].Command, info) {
			return // sent again
		}
		a.again, a.toReader, a.last = false, nil, nil
		a.toCard = append(a.toCard, info...)
		if pcb&blockChain == 0 && len(a.toCard) > 0 {
			p.command(a.toCard)
			a.toCard = nil
		}
		return
	}
	if a.again && a.last != nil && number == a.lastNumber && bytes.Equal(a.last, info) {
		return // sent again
	}
	a.again, a.last, a.lastNumber = false, info, number
	a.toReader = append(a.toReader, info...)
	if pcb&blockChain == 0 {
		p.answer(a.toReader)
		a.toReader = nil
	}
}
