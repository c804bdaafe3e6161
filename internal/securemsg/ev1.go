package securemsg

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// EV1 messaging (AuthenticateISO, AuthenticateAES). One IV runs through the
// whole session, in both directions: each message moves it, plain ones too.
//
//	command   plain  header | data            IV = CMAC(INS header data)
//	          MAC    header | data | MAC8     MAC8 = first 8 bytes of that CMAC
//	          full   header | data CRC32(INS header data) zeros        CBC from IV
//	          own    header | new ver CRC32(INS header new ver) zeros        this key
//	                 header | X ver CRC32(INS header X ver) CRC32(new) zeros another
//	                                          X = new ^ old
//	answer    plain, MAC   data | MAC8        IV = CMAC(data status)
//	          full         data CRC32(data status) zeros               CBC from IV
//
// After enciphering, the IV is the last cryptogram block.
type ev1 struct {
	state
	blocks
	mac     *cmac.MAC
	iv      [16]byte
	one     [1]byte // a byte for the checksums
	session func() []byte
}

const ev1MAC = 8

func newEV1(s state, b cipher.Block, session []byte) *ev1 {
	return &ev1{state: s, blocks: newBlocks(b), mac: cmac.New(b), session: hide(session)}
}

func (e *ev1) clone() channel {
	c := *e
	c.mac = cmac.New(e.b)
	c.session = hide(e.session())
	return &c
}

func (e *ev1) wipe() {
	e.dead = true
	clear(e.session())
	clear(e.iv[:])
	e.mac.Wipe()
	e.blocks.wipe()
}

// move takes a message into the IV.
func (e *ev1) move(m Message, data []byte, command bool) {
	e.mac.Reset(e.iv[:e.size])
	if command {
		e.mac.WriteByte(m.Code)
	}
	e.mac.Write(m.Head)
	e.mac.Write(data)
	if !command {
		e.mac.WriteByte(m.Code)
	}
	copy(e.iv[:], e.mac.Sum())
}

// crc is the checksum of an enciphered message.
func (e *ev1) crc(m Message, data []byte, command bool) uint32 {
	e.one[0] = m.Code
	sum := crc.Init32
	if command {
		sum = crc.Update32(sum, e.one[:])
	}
	sum = crc.Update32(sum, m.Head)
	sum = crc.Update32(sum, data)
	if !command {
		sum = crc.Update32(sum, e.one[:])
	}
	return sum
}

func (e *ev1) Seal(dst []byte, m Message) ([]byte, error) {
	if err := e.usable(m); err != nil {
		return nil, err
	}
	command := e.sealsCommands()
	dst = append(room(dst, m), m.Head...)
	start := len(dst)
	dst = append(dst, m.Data...)
	switch m.Mode {
	case wire.CommPlain, 2, wire.CommMAC:
		e.move(m, m.Data, command)
		if !command || m.Mode == wire.CommMAC {
			dst = append(dst, e.iv[:ev1MAC]...)
		}
		return dst, nil
	case wire.CommFull:
		dst = binary.LittleEndian.AppendUint32(dst, e.crc(m, m.Data, command))
	case wire.CommOwn:
		dst = binary.LittleEndian.AppendUint32(dst, e.crc(m, m.Data, true))
		if m.NewKey != nil {
			dst = binary.LittleEndian.AppendUint32(dst, crc.Sum32(m.NewKey))
		}
	default:
		return nil, e.fail(m, nil, "no mode %v", m.Mode)
	}
	if m.Pad != PadNone {
		dst = pad(dst, start, e.size, m.Pad == Pad80)
	} else if (len(dst)-start)%e.size != 0 {
		return nil, e.fail(m, ErrLength, "%d bytes are not whole blocks", len(dst)-start)
	}
	e.encrypt(e.iv[:], dst[start:])
	return dst, nil
}

func (e *ev1) Open(dst []byte, m Message) ([]byte, error) {
	if err := e.usable(m); err != nil {
		return nil, err
	}
	command := e.opensCommands()
	switch m.Mode {
	case wire.CommPlain, 2:
		if !command {
			return e.openMAC(dst, m)
		}
		e.move(m, m.Data, true)
		return append(dst, m.Data...), nil
	case wire.CommMAC:
		return e.openMAC(dst, m)
	case wire.CommFull, wire.CommOwn:
		return e.openFull(dst, m)
	}
	return nil, e.broken(m, nil, "no mode %v", m.Mode)
}

func (e *ev1) openMAC(dst []byte, m Message) ([]byte, error) {
	n := len(m.Data) - ev1MAC
	if n < 0 {
		return nil, e.broken(m, ErrLength, "%d bytes have no place for a CMAC", len(m.Data))
	}
	e.move(m, m.Data[:n], e.opensCommands())
	if subtle.ConstantTimeCompare(e.iv[:ev1MAC], m.Data[n:]) != 1 {
		return nil, e.broken(m, ErrIntegrity, "the CMAC is wrong")
	}
	return append(dst, m.Data[:n]...), nil
}

func (e *ev1) openFull(dst []byte, m Message) ([]byte, error) {
	if len(m.Data) == 0 || len(m.Data)%e.size != 0 {
		return nil, e.broken(m, ErrLength, "%d enciphered bytes are not whole blocks", len(m.Data))
	}
	command := e.opensCommands()
	start := len(dst)
	dst = append(dst, m.Data...)
	p := dst[start:]
	e.decrypt(e.iv[:], p)
	var n int
	if m.Mode == wire.CommOwn {
		var err error
		if n, err = e.openKey(p, m); err != nil {
			clear(p)
			return nil, err
		}
		return dst[:start+n], nil
	}
	n = plainLen(p, e.size, 4, m.Len, func(n int) int { return sameCRC32(e.crc(m, p[:n], command), p[n:]) })
	if n < 0 {
		clear(p)
		return nil, e.broken(m, ErrIntegrity, "no CRC and padding as they should be")
	}
	return dst[:start+n], nil
}

func (e *ev1) openKey(p []byte, m Message) (int, error) {
	crcs := 4
	if m.OldKey != nil {
		crcs = 8
	}
	block := e.size
	if len(p)%16 == 0 {
		block = 16 // DES blocks may be filled up to 16 bytes: nfcjlib's hardware tests do
	}
	if err := e.keyLength(m, len(p), crcs, block); err != nil {
		return 0, err
	}
	n := m.Len
	ok := sameCRC32(e.crc(m, p[:n], true), p[n:]) & padded(p[n+crcs:])
	if m.OldKey != nil {
		subtle.XORBytes(p, p[:len(m.OldKey)], m.OldKey)
		ok &= sameCRC32(crc.Sum32(p[:len(m.OldKey)]), p[n+4:])
	}
	if ok != 1 {
		return 0, e.broken(m, ErrIntegrity, "a CRC of the key is wrong")
	}
	return n, nil
}

func (e *ev1) wrapRequest(m Message) key.WrapRequest {
	return key.WrapRequest{
		Scheme: wire.SchemeEV1, Command: command(m), Session: append([]byte(nil), e.session()...),
		IV: append([]byte(nil), e.iv[:e.size]...),
	}
}

func (e *ev1) sealWrapped(dst []byte, m Message, cryptogram []byte) ([]byte, error) {
	if err := e.usable(m); err != nil {
		return nil, err
	}
	if len(cryptogram) == 0 || len(cryptogram)%e.size != 0 {
		return nil, e.fail(m, ErrLength, "a wrapped key of %d bytes is not whole blocks", len(cryptogram))
	}
	copy(e.iv[:], cryptogram[len(cryptogram)-e.size:])
	return append(append(dst, m.Head...), cryptogram...), nil
}
