package pcsc

import "encoding/binary"

// Bytes around the data of an extended APDU: CLA INS P1 P2, three of Lc, two
// of Le; SW1 SW2.
const (
	extendedHead = 4 + 3 + 2
	statusWord   = 2
)

// limits asks the reader for the longest command and response that it takes.
// Zero: it does not say more than a short APDU.
func (l *link) limits() (command, response int) {
	n := l.maxAPDUData()
	if n <= 256 {
		return l.profile.frame, l.profile.frame
	}
	n = min(n, 1<<16-1)
	return n + extendedHead, n + statusWord
}

// maxAPDUData is dwMaxAPDUDataSize of PC/SC part 10, 2.6.14: 0 for short APDUs
// only, else the bytes of data that an extended one may have.
func (l *link) maxAPDUData() int {
	code := l.feature(featureProperties)
	if code == 0 {
		return 0
	}
	n, rc := l.api.control(l.card, code, nil, l.response)
	if rc != codeOK {
		return 0
	}
	v, ok := findTLV(l.response[:n], propertyMaxAPDU)
	if !ok || len(v) != 4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(v))
}

// feature finds the control code of a feature, 0 where the reader lacks it.
func (l *link) feature(tag byte) uint32 {
	n, rc := l.api.control(l.card, l.api.platform().control(ctlGetFeatures), nil, l.response)
	if rc != codeOK {
		return 0
	}
	v, ok := findTLV(l.response[:n], tag)
	if !ok || len(v) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(v)
}

// findTLV finds a value among one-byte tags and lengths.
func findTLV(b []byte, tag byte) ([]byte, bool) {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		v := b[2 : 2+int(b[1])]
		if b[0] == tag {
			return v, true
		}
		b = b[2+len(v):]
	}
	return nil, false
}
