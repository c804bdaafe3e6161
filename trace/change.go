package trace

import (
	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// change is what the cryptogram of a ChangeKey command holds. It prints
// nothing.
type change struct {
	mixed   []byte // the new key, or XORed with the old one
	version int    // -1: none sent
	other   bool   // another key than the session's: mixed is XORed
	sum     uint32 // checksum of the new key alone
	d40     bool   // sum is a CRC16
}

func (*change) String() string { return "key change" }

// openChange takes a deciphered cryptogram apart.
//
//	D40, EV1   own key: new, version, CRC; another: new xor old, version, CRC, CRC of new
//	EV2, LRP   own key: new, version; another: new xor old, version, CRC of new
//
// Whether there is a version and how long the key is, the checksum tells.
func (o *outcome) openChange(scheme wire.Scheme, v *view, plain []byte) {
	if scheme == wire.SchemeEV2 || scheme == wire.SchemeLRP {
		o.change = openChangeEV2(plain)
		if o.change == nil {
			o.fail(CheckCommandLength, "what ChangeKey holds has a length of %d, which no key has", len(plain))
		}
		return
	}
	o.checks++
	size := crcEV1
	sum := func(b []byte) uint32 { return crc.Sum32(b) }
	start := crc.Update32(crc.Sum32([]byte{v.ins}), v.body[:v.head])
	first := func(b []byte) uint32 { return crc.Update32(start, b) }
	read := le32
	if scheme == wire.SchemeD40 {
		size = crcD40
		sum = func(b []byte) uint32 { return uint32(crc.Sum16(b)) }
		first = sum
		read = func(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 }
	}
	// Shorter forms first: over data, its CRC and zeros a CRC is zero.
	for _, form := range [...]struct{ key, version int }{{16, 0}, {16, 1}, {24, 0}} {
		n := form.key + form.version
		if n+size > len(plain) || first(plain[:n]) != read(plain[n:]) {
			continue
		}
		c := &change{mixed: plain[:form.key], version: -1, d40: scheme == wire.SchemeD40}
		if form.version > 0 {
			c.version = int(plain[form.key])
		}
		rest := plain[n+size:]
		switch {
		case isPadding(rest):
			c.sum = sum(c.mixed)
		case len(rest) >= size && isPadding(rest[size:]):
			c.other, c.sum = true, read(rest)
		default:
			continue
		}
		o.change = c
		o.crcs++
		return
	}
	o.fail(CheckCommandCRC, "the CRC of the enciphered key is wrong")
}

func openChangeEV2(plain []byte) *change {
	c := &change{version: -1}
	n := len(plain)
	switch n {
	case 20, 21, 28, 29:
		c.other = true
		c.sum = le32(plain[n-crcEV1:])
		n -= crcEV1
	case 16, 17, 24, 25:
	default:
		return nil
	}
	if n%8 == 1 {
		n--
		c.version = int(plain[n])
	}
	c.mixed = plain[:n]
	return c
}

// own is the new key of the session's own change.
func (c *change) own() *key.Secret {
	k, err := c.make(c.mixed)
	if err != nil || c.other {
		return nil
	}
	return k
}

// against is the new key if old is the old one.
func (c *change) against(old []byte) *key.Secret {
	if len(old) != len(c.mixed) {
		return nil
	}
	b := xor(old, c.mixed)
	sum := crc.Sum32(b)
	if c.d40 {
		sum = uint32(crc.Sum16(b))
	}
	if sum != c.sum {
		return nil
	}
	k, err := c.make(b)
	if err != nil {
		return nil
	}
	return k
}

func (c *change) make(b []byte) (*key.Secret, error) {
	switch {
	case c.version >= 0:
		return key.NewAES(b, byte(c.version))
	case len(b) == 24:
		return key.New3K3DES(b)
	}
	return key.New2K3DES(b)
}
