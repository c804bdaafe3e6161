package sim

import (
	"crypto/cipher"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/wire"
)

// Secure dynamic messaging (command reference 13, secure-messaging reference
// 7): a reader without authentication sees the file with mirrors in it.

func sdmCommands() []*command { return []*command{on((*Card).getFileCounters)} }

const (
	uidDigits     = 14
	counterDigits = 6
	macDigits     = 16
	maxReadCtr    = 0xFFFFFF
)

// sdmRead is the last counted read: a file may be read in pieces.
type sdmRead struct {
	content []byte // with its mirrors; nil for none
	file    wire.FileNo
	ins     byte
}

// follow forgets the counted read when another command comes.
func (s *sdmRead) follow(ins byte) {
	if s.content != nil && s.ins != ins {
		*s = sdmRead{}
	}
}

// mirrored is the content of the accessed file as the reader sees it.
func (c *Card) mirrored(content []byte) ([]byte, wire.Status) {
	f := c.call.file
	if f.sdm == nil || c.v.session.channel != nil {
		return content, wire.StatusOK
	}
	if last := &c.v.sdm; last.content != nil && last.file == f.no && last.ins == c.call.ins {
		return last.content, wire.StatusOK
	}
	s := f.sdm
	counter := f.readCtr
	switch {
	case s.Options.Has(wire.SDMReadCtrLimit) && counter >= s.ReadCtrLimit:
		return nil, wire.StatusPermissionDenied
	case counter >= maxReadCtr:
		return nil, wire.StatusIntegrityError
	}
	counter++
	m := &mirror{card: c, sdm: s, out: slices.Clone(content), counter: little(counter)}
	if err := m.write(); err != nil {
		return nil, wire.StatusEEPROMError
	}
	next := c.nvm.edit()
	next.editApp(c.call.app.aid).editFile(f.no).readCtr = counter
	if st := c.commit(next); st != wire.StatusOK {
		return nil, st
	}
	c.v.sdm = sdmRead{content: m.out, file: f.no, ins: c.call.ins}
	return m.out, wire.StatusOK
}

// getFileCounters answers how often the file was read.
func (c *Card) getFileCounters(m *wire.GetFileCounters, rsp *wire.FileCounters) wire.Status {
	f := c.fileOf(m.File)
	switch {
	case f == nil:
		return wire.StatusFileNotFound
	case f.sdm == nil:
		return wire.StatusPermissionDenied
	}
	switch who := f.sdm.Access.CtrRet(); {
	case who == wire.Never:
		return wire.StatusPermissionDenied
	case who != wire.Free && !c.authenticated(wire.KeyNo(who)):
		return wire.StatusAuthenticationError
	}
	*rsp = wire.FileCounters{SDMReadCtr: f.readCtr}
	return wire.StatusOK
}

// mirror writes the mirrors of one read.
type mirror struct {
	card    *Card
	sdm     *wire.SDM
	out     []byte
	counter []byte // 3 bytes, least significant first
}

// digits writes upper-case hexadecimal digits.
func (m *mirror) digits(at uint32, b []byte) {
	copy(m.out[at:], strings.ToUpper(hex.EncodeToString(b)))
}

func (m *mirror) write() error {
	s := m.sdm
	uid, ctr := s.Options.Has(wire.SDMUID), s.Options.Has(wire.SDMReadCtr)
	switch meta := s.Access.MetaRead(); {
	case meta == wire.Free:
		if uid {
			m.digits(s.UIDOffset, m.card.uid[:])
		}
		if ctr && s.ReadCtrOffset != wire.SDMNoMirror {
			m.digits(s.ReadCtrOffset, []byte{m.counter[2], m.counter[1], m.counter[0]})
		}
	case meta < wire.Free:
		data, err := m.piccData(m.key(meta), uid, ctr)
		if err != nil {
			return err
		}
		m.digits(s.PICCDataOffset, data)
	}
	file := s.Access.FileRead()
	if file == wire.Never {
		return nil
	}
	var sv []byte // the mirrored parts that the session keys are made with
	if uid {
		sv = append(sv, m.card.uid[:]...)
	}
	if ctr {
		sv = append(sv, m.counter...)
	}
	k := m.key(file)
	if m.card.nvm.config.lrp() {
		m.writeLRP(k, sv)
	} else {
		m.writeAES(k, sv)
	}
	return nil
}

// key finds a key, which checkSDM has seen.
func (m *mirror) key(no wire.Access) []byte {
	return findKey(m.card.call.app.keys, wire.KeyNo(no)).value
}

// piccData is UID and counter, enciphered.
func (m *mirror) piccData(k []byte, uid, ctr bool) ([]byte, error) {
	p := make([]byte, 1, 16)
	if uid {
		p[0] |= 0x80 | byte(len(m.card.uid))
		p = append(p, m.card.uid[:]...)
	}
	if ctr {
		p[0] |= 0x40
		p = append(p, m.counter...)
	}
	n := len(p)
	p = p[:16]
	random := make([]byte, 8)
	if m.card.nvm.config.lrp() {
		if _, err := io.ReadFull(m.card.rand, random); err != nil {
			return nil, err
		}
	}
	if _, err := io.ReadFull(m.card.rand, p[n:]); err != nil {
		return nil, err
	}
	if m.card.nvm.config.lrp() {
		lrp.NewCBC(lrp.New([16]byte(k)), 0, slices.Clone(random)).Encrypt(p)
		return append(random, p...), nil
	}
	aesBlock(k).Encrypt(p, p)
	return p, nil
}

func (m *mirror) writeAES(k, sv []byte) {
	derive := func(a, b byte) []byte {
		x := append([]byte{a, b, 0x00, 0x01, 0x00, 0x80}, sv...)
		return sumCMAC(k, append(x, make([]byte, 16-len(x))...))
	}
	s := m.sdm
	if s.Options.Has(wire.SDMEncFile) {
		enc := aesBlock(derive(0xC3, 0x3C))
		iv := append(slices.Clone(m.counter), make([]byte, 13)...)
		enc.Encrypt(iv, iv)
		p := slices.Clone(m.out[s.ENCOffset:][:s.ENCLength/2])
		cipher.NewCBCEncrypter(enc, iv).CryptBlocks(p, p)
		m.digits(s.ENCOffset, p)
	}
	t := macT(derive(0x3C, 0xC3), m.out[s.MACInputOffset:s.MACOffset])
	m.digits(s.MACOffset, t[:])
}

func (m *mirror) writeLRP(k, sv []byte) {
	x := append([]byte{0x00, 0x01, 0x00, 0x80}, sv...)
	x = append(x, make([]byte, roundUp(len(x)+2, 16)-len(x)-2)...)
	master := lrp.New(lrp.NewMAC(lrp.New([16]byte(k))).Sum(append(x, 0x1E, 0xE1)))
	s := m.sdm
	if s.Options.Has(wire.SDMEncFile) {
		p := slices.Clone(m.out[s.ENCOffset:][:s.ENCLength/2])
		lrp.NewCBC(master, 1, append(slices.Clone(m.counter), 0, 0, 0)).Encrypt(p)
		m.digits(s.ENCOffset, p)
	}
	full := lrp.NewMAC(master).Sum(m.out[s.MACInputOffset:s.MACOffset])
	t := cmac.Truncated(full[:])
	m.digits(s.MACOffset, t[:])
}

// sumCMAC is the full AES-CMAC.
func sumCMAC(k, b []byte) []byte {
	m := cmac.New(aesBlock(k))
	m.Reset(nil)
	m.Write(b)
	return slices.Clone(m.Sum())
}

// little is a 3-byte number, least significant byte first.
func little(n uint32) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
