package securemsg

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// D40 messaging (Authenticate). Each operation starts at IV zero and nothing
// runs on between messages. The header is in clear and is not covered.
//
//	plain   header | data
//	MAC     header | data | MAC4        MAC4 = first 4 bytes of the last block of
//	                                    CBC(data, zeros)
//	full    header | data CRC16 zeros   reader: C = D(P ^ C')   card: C = E(P ^ C')
//	own     header | new CRC16(new) zeros                            this key
//	        header | new^old CRC16(new^old) CRC16(new) zeros         another key
//
// The card of this generation can only encrypt: the reader always decrypts.
type d40 struct {
	state
	blocks
	iv      [16]byte
	session func() []byte
}

const d40MAC = 4

func newD40(s state, b cipher.Block, session []byte) *d40 {
	return &d40{state: s, blocks: newBlocks(b), session: hide(session)}
}

// hide keeps a copy of bytes where printing by reflection does not reach them.
func hide(b []byte) func() []byte {
	b = append([]byte(nil), b...)
	return func() []byte { return b }
}

func (d *d40) clone() channel {
	c := *d
	c.session = hide(d.session())
	return &c
}

func (d *d40) wipe() {
	d.dead = true
	clear(d.session())
	clear(d.iv[:])
	d.blocks.wipe()
}

func (d *d40) Seal(dst []byte, m Message) ([]byte, error) {
	if err := d.usable(m); err != nil {
		return nil, err
	}
	dst = append(room(dst, m), m.Head...)
	start := len(dst)
	dst = append(dst, m.Data...)
	switch m.Mode {
	case wire.CommPlain, 2:
		return dst, nil
	case wire.CommMAC:
		if len(m.Data) == 0 {
			return dst, nil // all of it is header, which D40 covers nowhere
		}
		return d.appendMAC(dst, m.Data), nil
	case wire.CommFull:
		dst = binary.LittleEndian.AppendUint16(dst, crc.Sum16(m.Data))
	case wire.CommOwn:
		dst = binary.LittleEndian.AppendUint16(dst, crc.Sum16(m.Data))
		if m.NewKey != nil {
			dst = binary.LittleEndian.AppendUint16(dst, crc.Sum16(m.NewKey))
		}
	default:
		return nil, d.fail(m, nil, "no mode %v", m.Mode)
	}
	if m.Pad != PadNone {
		dst = pad(dst, start, d.size, m.Pad == Pad80)
	} else if (len(dst)-start)%d.size != 0 {
		return nil, d.fail(m, ErrLength, "%d bytes are not whole blocks", len(dst)-start)
	}
	clear(d.iv[:])
	if d.sealsCommands() {
		d.send(d.iv[:], dst[start:])
	} else {
		d.encrypt(d.iv[:], dst[start:])
	}
	return dst, nil
}

// appendMAC appends the MAC of data to dst.
func (d *d40) appendMAC(dst, data []byte) []byte {
	clear(d.iv[:])
	for len(data) > 0 {
		n := subtle.XORBytes(d.iv[:d.size], d.iv[:d.size], data[:min(d.size, len(data))])
		d.b.Encrypt(d.iv[:d.size], d.iv[:d.size])
		data = data[n:]
	}
	return append(dst, d.iv[:d40MAC]...)
}

func (d *d40) Open(dst []byte, m Message) ([]byte, error) {
	if err := d.usable(m); err != nil {
		return nil, err
	}
	switch m.Mode {
	case wire.CommPlain, 2:
		return append(dst, m.Data...), nil
	case wire.CommMAC:
		return d.openMAC(dst, m)
	case wire.CommFull, wire.CommOwn:
		return d.openFull(dst, m)
	}
	return nil, d.broken(m, nil, "no mode %v", m.Mode)
}

func (d *d40) openMAC(dst []byte, m Message) ([]byte, error) {
	if len(m.Data) == 0 && d.opensCommands() {
		return dst, nil // see Seal
	}
	n := len(m.Data) - d40MAC
	if n < 1 {
		return nil, d.broken(m, ErrLength, "%d bytes have no place for data and a MAC", len(m.Data))
	}
	start := len(dst)
	dst = append(dst, m.Data[:n]...)
	dst = d.appendMAC(dst, m.Data[:n])
	if subtle.ConstantTimeCompare(dst[start+n:], m.Data[n:]) != 1 {
		clear(dst[start:])
		return nil, d.broken(m, ErrIntegrity, "the MAC is wrong")
	}
	return dst[:start+n], nil
}

func (d *d40) openFull(dst []byte, m Message) ([]byte, error) {
	if len(m.Data) == 0 || len(m.Data)%d.size != 0 {
		return nil, d.broken(m, ErrLength, "%d enciphered bytes are not whole blocks", len(m.Data))
	}
	start := len(dst)
	dst = append(dst, m.Data...)
	p := dst[start:]
	clear(d.iv[:])
	if d.opensCommands() {
		d.receive(d.iv[:], p)
	} else {
		d.decrypt(d.iv[:], p)
	}
	if m.Mode == wire.CommOwn {
		n, err := d.openKey(p, m)
		if err != nil {
			clear(p)
			return nil, err
		}
		return dst[:start+n], nil
	}
	n := plainLen(p, d.size, 2, m.Len, func(n int) int { return sameCRC16(p[:n], p[n:]) })
	if n < 0 {
		clear(p)
		return nil, d.broken(m, ErrIntegrity, "no CRC and padding as they should be")
	}
	return dst[:start+n], nil
}

// openKey checks the deciphered cryptogram of ChangeKey and leaves the new key
// and its version at the start of p.
func (d *d40) openKey(p []byte, m Message) (int, error) {
	crcs := 2
	if m.OldKey != nil {
		crcs = 4
	}
	if err := d.keyLength(m, len(p), crcs, d.size); err != nil {
		return 0, err
	}
	n := m.Len
	ok := sameCRC16(p[:n], p[n:]) & padded(p[n+crcs:])
	if m.OldKey != nil {
		subtle.XORBytes(p, p[:len(m.OldKey)], m.OldKey)
		ok &= sameCRC16(p[:len(m.OldKey)], p[n+2:])
	}
	if ok != 1 {
		return 0, d.broken(m, ErrIntegrity, "a CRC of the key is wrong")
	}
	return n, nil
}

// keyLength checks that have bytes hold key, version and CRCs, and no more
// blocks than needed.
func (s *state) keyLength(m Message, have, crcs, block int) error {
	if m.Len < 0 || len(m.OldKey) > m.Len || have != (m.Len+crcs+block-1)/block*block {
		return s.broken(m, ErrLength, "%d enciphered bytes do not fit a key and version of %d", have, m.Len)
	}
	return nil
}

func (d *d40) wrapRequest(m Message) key.WrapRequest {
	return key.WrapRequest{Scheme: wire.SchemeD40, Command: command(m), Session: append([]byte(nil), d.session()...)}
}

// command is INS and header.
func command(m Message) []byte { return append([]byte{m.Code}, m.Head...) }

func (d *d40) sealWrapped(dst []byte, m Message, cryptogram []byte) ([]byte, error) {
	if err := d.usable(m); err != nil {
		return nil, err
	}
	return append(append(dst, m.Head...), cryptogram...), nil
}
