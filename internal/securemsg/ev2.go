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

// EV2 messaging (AuthenticateEV2First and NonFirst). Two session keys, a
// transaction identifier TI and a command counter n. Every command of the
// session counts once, between command and answer, plain ones too.
//
//	plain   header | data                nothing added, in either direction
//	MAC     header | data | MACt
//	full    header | C | MACt            C = CBC(data 80 00..), none if no data
//	own     as full, data = new ver                      this key
//	                      X ver CRC32(new)               another key, X = new ^ old
//
//	command  MACt of  INS    n   TI header data-or-C     IV = E(A5 5A TI n   0..)
//	answer   MACt of  status n+1 TI        data-or-C     IV = E(5A A5 TI n+1 0..)
//
// n is sent least significant byte first in these inputs. LRP has the same
// layout over another primitive: see lrp.go.
type ev2 struct {
	state
	suite suite
	head  [7]byte // code, counter, TI: how each MAC begins
}

const ev2MAC = 8

// suite is the primitive under the layout. head is code, counter and TI.
type suite interface {
	mac(head, header, data []byte) [ev2MAC]byte
	encrypt(p, head []byte, answer bool)
	decrypt(p, head []byte, answer bool)
	// skip takes note of blocks that were enciphered elsewhere.
	skip(blocks int)
	// wrap gives the session key and what the next cryptogram starts with.
	wrap(head []byte) (session, iv []byte)
	clone() suite
	wipe()
}

func newEV2(s state, k suite) *ev2 { return &ev2{state: s, suite: k} }

func (e *ev2) clone() channel {
	c := *e
	c.suite = e.suite.clone()
	return &c
}

func (e *ev2) wipe() {
	e.dead = true
	e.suite.wipe()
}

// begin writes the start of each MAC.
func (e *ev2) begin(code byte) {
	e.head[0] = code
	binary.LittleEndian.PutUint16(e.head[1:], e.info.Counter)
	copy(e.head[3:], e.info.TI[:])
}

// ready checks that the channel can take the message. A card treats a command
// after counter FFFF as one with a wrong MAC.
func (e *ev2) ready(m Message, command bool) error {
	if err := e.usable(m); err != nil {
		return err
	}
	if command && e.info.Counter == 0xFFFF {
		return e.fail(m, ErrIntegrity, "the command counter is at its end: authenticate again")
	}
	return nil
}

func (e *ev2) Seal(dst []byte, m Message) ([]byte, error) {
	command := e.sealsCommands()
	if err := e.ready(m, command); err != nil {
		return nil, err
	}
	e.begin(m.Code)
	dst = append(room(dst, m), m.Head...)
	start := len(dst)
	dst = append(dst, m.Data...)
	switch m.Mode {
	case wire.CommPlain, 2:
		if command {
			e.info.Counter++
		}
		return dst, nil
	case wire.CommMAC:
	case wire.CommFull, wire.CommOwn:
		if m.Mode == wire.CommOwn && m.NewKey != nil {
			dst = binary.LittleEndian.AppendUint32(dst, crc.Sum32(m.NewKey))
		}
		if len(dst) == start {
			break // nothing is never enciphered
		}
		if m.Pad != PadNone {
			dst = pad(dst, start, 16, true)
		} else if (len(dst)-start)%16 != 0 {
			return nil, e.fail(m, ErrLength, "%d bytes are not whole blocks", len(dst)-start)
		}
		e.suite.encrypt(dst[start:], e.head[:], !command)
	default:
		return nil, e.fail(m, nil, "no mode %v", m.Mode)
	}
	return e.finish(dst, m, start, command), nil
}

// finish appends the MAC over what stands from start on.
func (e *ev2) finish(dst []byte, m Message, start int, command bool) []byte {
	t := e.suite.mac(e.head[:], m.Head, dst[start:])
	if command {
		e.info.Counter++
	}
	return append(dst, t[:]...)
}

func (e *ev2) Open(dst []byte, m Message) ([]byte, error) {
	command := e.opensCommands()
	if err := e.ready(m, command); err != nil {
		e.dead = true
		return nil, err
	}
	e.begin(m.Code)
	switch m.Mode {
	case wire.CommPlain, 2:
		if command {
			e.info.Counter++
		}
		return append(dst, m.Data...), nil
	case wire.CommMAC, wire.CommFull, wire.CommOwn:
	default:
		return nil, e.broken(m, nil, "no mode %v", m.Mode)
	}
	n := len(m.Data) - ev2MAC
	if n < 0 || m.Mode != wire.CommMAC && n%16 != 0 {
		return nil, e.broken(m, ErrLength, "%d bytes do not fit data and a MAC", len(m.Data))
	}
	t := e.suite.mac(e.head[:], m.Head, m.Data[:n])
	if subtle.ConstantTimeCompare(t[:], m.Data[n:]) != 1 {
		return nil, e.broken(m, ErrIntegrity, "the MAC is wrong")
	}
	if command {
		e.info.Counter++ // the head keeps the old one for the IV
	}
	start := len(dst)
	dst = append(dst, m.Data[:n]...)
	if m.Mode == wire.CommMAC || n == 0 && m.Mode == wire.CommFull {
		return dst, nil
	}
	p := dst[start:]
	e.suite.decrypt(p, e.head[:], !command)
	if m.Pad != PadNone {
		if n = unpad80(p, 16); n < 0 {
			clear(p)
			return nil, e.broken(m, ErrIntegrity, "the padding is wrong")
		}
	}
	if m.Mode == wire.CommOwn {
		var err error
		if n, err = e.openKey(p[:n], m); err != nil {
			clear(p)
			return nil, err
		}
	}
	return dst[:start+n], nil
}

func (e *ev2) openKey(p []byte, m Message) (int, error) {
	crcs := 0
	if m.OldKey != nil {
		crcs = 4
	}
	if m.Len < 0 || len(m.OldKey) > m.Len || len(p) != m.Len+crcs {
		return 0, e.broken(m, ErrLength, "%d bytes are not a key and version of %d", len(p), m.Len)
	}
	if m.OldKey == nil {
		return m.Len, nil
	}
	subtle.XORBytes(p, p[:len(m.OldKey)], m.OldKey)
	if sameCRC32(crc.Sum32(p[:len(m.OldKey)]), p[m.Len:]) != 1 {
		return 0, e.broken(m, ErrIntegrity, "the CRC of the new key is wrong")
	}
	return m.Len, nil
}

func (e *ev2) wrapRequest(m Message) key.WrapRequest {
	e.begin(m.Code)
	session, iv := e.suite.wrap(e.head[:])
	return key.WrapRequest{Scheme: e.info.Scheme, Command: command(m), Session: session, IV: iv}
}

func (e *ev2) sealWrapped(dst []byte, m Message, cryptogram []byte) ([]byte, error) {
	if err := e.ready(m, true); err != nil {
		return nil, err
	}
	if len(cryptogram) == 0 || len(cryptogram)%16 != 0 {
		return nil, e.fail(m, ErrLength, "a wrapped key of %d bytes is not whole blocks", len(cryptogram))
	}
	e.begin(m.Code)
	e.suite.skip(len(cryptogram) / 16)
	dst = append(dst, m.Head...)
	start := len(dst)
	return e.finish(append(dst, cryptogram...), m, start, true), nil
}

// aesSuite is the primitive of EV2: AES in CBC mode and CMAC.
type aesSuite struct {
	enc     blocks
	cmac    *cmac.MAC
	macKey  cipher.Block
	iv      [16]byte
	session func() []byte // encryption key, for a key.Wrapper
}

func newAESSuite(enc, mac cipher.Block, session []byte) *aesSuite {
	return &aesSuite{enc: newBlocks(enc), cmac: cmac.New(mac), macKey: mac, session: hide(session)}
}

func (s *aesSuite) clone() suite {
	c := *s
	c.cmac = cmac.New(s.macKey)
	c.session = hide(s.session())
	return &c
}

func (s *aesSuite) wipe() {
	clear(s.session())
	clear(s.iv[:])
	s.cmac.Wipe()
	s.macKey = nil
	s.enc.wipe()
}

func (s *aesSuite) mac(head, header, data []byte) [ev2MAC]byte {
	s.cmac.Reset(nil)
	s.cmac.Write(head)
	s.cmac.Write(header)
	s.cmac.Write(data)
	return cmac.Truncated(s.cmac.Sum())
}

// start puts the IV of a message into s.iv.
func (s *aesSuite) start(head []byte, answer bool) {
	clear(s.iv[:])
	s.iv[0], s.iv[1] = 0xA5, 0x5A
	if answer {
		s.iv[0], s.iv[1] = 0x5A, 0xA5
	}
	copy(s.iv[2:], head[3:7])
	copy(s.iv[6:], head[1:3])
	s.enc.b.Encrypt(s.iv[:], s.iv[:])
}

func (s *aesSuite) encrypt(p, head []byte, answer bool) {
	s.start(head, answer)
	s.enc.encrypt(s.iv[:], p)
}

func (s *aesSuite) decrypt(p, head []byte, answer bool) {
	s.start(head, answer)
	s.enc.decrypt(s.iv[:], p)
}

func (s *aesSuite) skip(int) {}

func (s *aesSuite) wrap(head []byte) (session, iv []byte) {
	s.start(head, false)
	return append([]byte(nil), s.session()...), append([]byte(nil), s.iv[:]...)
}
