package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// keyCryptogram is a deciphered key change.
type keyCryptogram struct {
	mixed   []byte // the new key, or new XOR old
	version bool
	two     bool // another key than the session's: a second checksum
	sum     []byte
	sumOf   func([]byte) []byte
}

const (
	adviceTwo     = "for another key than the session's: new XOR old, the version of an AES key, the checksum over all that, and the checksum of the new key alone"
	adviceTwoEV2  = "for another key than the session's: new XOR old, the version of an AES key, and the CRC32 of the new key alone"
	adviceVersion = "put the version of an AES key behind it: the card wants 17 bytes"
)

// keyChange looks into the cryptogram of a key change whose first checksum or
// MAC is right. It reports whether it found a reason.
func (w *walk) keyChange(m *trace.Message, q *sealed) bool {
	c := keyChangeOf(q.openKeyChange(), q)
	if c == nil {
		w.find(m, "length", Likely, "the cryptogram of the key change has a length that no key has", "16 bytes of key, 24 of 3K3DES, then the version of an AES key, then the checksums")
		return true
	}
	number := m.Body[min(m.Head, len(m.Body))-1]
	no := int(number & 0x3F)
	card := m.App != nil && *m.App == wire.PICC
	same := q.s.KeyNo() >= 0 && q.s.KeyNo()&0x3F == no
	advice := adviceTwo
	if q.s.Scheme() >= wire.SchemeEV2 {
		advice = adviceTwoEV2
	}
	switch typ := number >> 6; {
	case card && no == 0 && c.version && typ != 2:
		w.find(m, "changekey-type", Proved, fmt.Sprintf("the new key of the card is one of AES (17 bytes), but the key number %02X says that it is another", number), "for the card's master key put the type into the number: 80 for AES")
		return true
	case card && no == 0 && len(c.mixed) == 24 && typ != 1:
		w.find(m, "changekey-type", Proved, fmt.Sprintf("the new key of the card is one of 3K3DES (24 bytes), but the key number %02X says that it is another", number), "for the card's master key put the type into the number: 40 for 3K3DES")
		return true
	case !card && m.App != nil && !c.version && q.s.Type() == key.TypeAES:
		w.find(m, "changekey-version", Proved, "the new key is one of AES, but its version is missing", adviceVersion)
		return true
	case !card && m.App != nil && c.version && q.s.Type() != key.TypeAES:
		w.find(m, "changekey-version", Proved, "the new key has a version behind it, which only AES keys have; the keys here are of another type", "send the key alone: DES keys carry their version in the parity bits")
		return true
	case same && c.two:
		w.find(m, "changekey-form", Proved, "the reader changes the key of the session, but sent it XORed with the old one and with a second checksum", "for the session's own key send the new key as it is")
		return true
	case q.s.KeyNo() >= 0 && !same && !c.two:
		w.find(m, "changekey-form", Proved, fmt.Sprintf("the reader changes key %d in a session of key %d, but sent the new key without the second checksum, as for the session's own", no, q.s.KeyNo()&0x3F), advice)
		return true
	case !c.two:
		return false
	}
	return w.oldKey(m, q, c, no, advice)
}

// oldKey looks whether the second checksum of a key change fits one of the keys
// that may be the old one.
func (w *walk) oldKey(m *trace.Message, q *sealed, c *keyCryptogram, no int, advice string) bool {
	var wrong *fault
	stated := false
	for i := len(m.Keys) - 1; i >= 0; i-- {
		k := m.Keys[i]
		here := k.No == no && (k.App == nil || m.App == nil || *k.App == m.App.Wire())
		stated = stated || here
		f, right := c.against(k.Value.Export(), q)
		switch {
		case right && !here && k.No >= 0:
			w.find(m, "old-key", Likely, fmt.Sprintf("the reader took the key that was given as key %d for the old key %d", k.No, no), "give the exact key that is on the card as the old one")
			return true
		case right:
			return false // the card may have another one
		case f != nil && wrong == nil:
			wrong = f
		}
	}
	if !stated { // it may be the one that cards are delivered with
		f, right := c.against(make([]byte, len(c.mixed)), q)
		if right {
			return false
		}
		if wrong == nil {
			wrong = f
		}
	}
	switch {
	case wrong != nil:
		if wrong.next == "" {
			wrong.next = advice
		}
		w.find(m, wrong.rule, Proved, wrong.text, wrong.next)
		return true
	case stated:
		w.find(m, "old-key", Likely, fmt.Sprintf("the reader did not take the key given as the old key %d, or made the second checksum wrong", no), "XOR the new key with the exact old one; "+advice)
		return true
	}
	w.find(m, "old-key", Possible, fmt.Sprintf("no key that is given is the old key %d that the reader used", no), fmt.Sprintf("give it with --key %d=TYPE:DIGITS to find out whether the cryptogram is right", no))
	return false
}

// against looks whether the second checksum fits an old key, or what is wrong
// with it if the old key is this one.
func (c *keyCryptogram) against(old []byte, q *sealed) (*fault, bool) {
	if len(old) < len(c.mixed) {
		return nil, false
	}
	old = old[:len(c.mixed)]
	fresh := xor(c.mixed, old)
	if bytes.Equal(c.sumOf(fresh), c.sum) {
		return nil, true
	}
	for _, w := range []struct {
		text string
		sum  []byte
	}{
		{"the second checksum of the key change fits what was sent as the key: the new key was not XORed with the old one (or with zeros), or the checksum is over new XOR old instead of the new key alone", c.sumOf(c.mixed)},
		{"the second checksum of the key change has its high byte first", reversed(c.sumOf(fresh))},
		{"the second checksum of the key change is inverted in the end, as zip and Ethernet do", le32(^crc.Sum32(fresh))},
		{"the second checksum of the key change is over command code, key number and new key", c.sumOf(cat([]byte{q.m.INS}, q.m.Body[:q.m.Head], fresh))},
		{"the second checksum of the key change is over the old key", c.sumOf(old)},
	} {
		if bytes.Equal(w.sum, c.sum) {
			return &fault{"changekey-crc", w.text, ""}, false
		}
	}
	return c.parity(old), false
}

// parity looks whether the reader took the old key without its version: DES
// keys have it in the lowest bits.
func (c *keyCryptogram) parity(old []byte) *fault {
	if c.version {
		return nil
	}
	clear := make([]byte, len(old))
	for i, b := range old {
		clear[i] = b &^ 1
	}
	if !bytes.Equal(clear, old) && bytes.Equal(c.sumOf(xor(c.mixed, clear)), c.sum) {
		return &fault{"old-key-parity", "the reader took the old key without its version: the lowest bits of its bytes, which DES does not use, are part of the key here", "XOR with the old key as it was given to ChangeKey, version bits and all"}
	}
	return nil
}

// openKeyChange deciphers the cryptogram of a key change, the right way.
func (q *sealed) openKeyChange() []byte {
	data := q.m.Body[min(q.m.Head, len(q.m.Body)):]
	switch q.s.Scheme() {
	case wire.SchemeD40:
		return q.right.open(formDecipher, make([]byte, 8), data)
	case wire.SchemeEV1:
		return q.right.open(formEncipher, q.s.IV(), data)
	}
	return unpad80(q.decipherEV2(q.right, data[:max(0, len(data)-8)], q.s.Counter()))
}

func keyChangeOf(plain []byte, q *sealed) *keyCryptogram {
	c := &keyCryptogram{sumOf: func(b []byte) []byte { return le32(crc.Sum32(b)) }}
	if q.s.Scheme() >= wire.SchemeEV2 {
		n := len(plain)
		switch n {
		case 20, 21, 28, 29:
			c.two, c.sum = true, plain[n-4:]
			n -= 4
		case 16, 17, 24, 25:
		default:
			return nil
		}
		c.mixed, c.version = plain[:n-n%8], n%8 == 1
		return c
	}
	size := 4
	if q.s.Scheme() == wire.SchemeD40 {
		size = 2
		c.sumOf = func(b []byte) []byte { return le16(crc.Sum16(b)) }
	}
	first := q.checksums()[0]
	for _, n := range []int{16, 17, 24} {
		if n+size > len(plain) || !bytes.Equal(first.of(plain[:n]), plain[n:n+size]) {
			continue
		}
		c.mixed, c.version = plain[:n-n%8], n%8 == 1
		if rest := plain[n+size:]; len(rest) >= size && !allZero(rest) && !(rest[0] == 0x80 && allZero(rest[1:])) {
			c.two, c.sum = true, rest[:size]
		}
		return c
	}
	return nil
}

// keyBytes are keys by their bytes, those learned last first.
func keyBytes(keys []trace.Key) (list [][]byte) {
	for i := len(keys) - 1; i >= 0; i-- {
		list = append(list, keys[i].Value.Export())
	}
	return list
}
