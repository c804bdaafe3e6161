package trace

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// session is one authenticated session as an observer who has its keys sees
// it: both directions, checked by one set of rules of its own, so that a
// mistake of package securemsg would not hide here.
type session struct {
	scheme wire.Scheme
	method key.Method
	keyNo  int // -1 unknown
	typ    key.Type
	block  cipher.Block // D40 and EV1: session key; EV2: encryption key
	mac    *cmac.MAC    // EV1: session key; EV2: MAC key
	lrp    *lrpKeys
	ti     [4]byte
	st     state
}

// state is what moves during a session.
type state struct {
	iv  [16]byte // EV1
	ctr uint16   // EV2, LRP
	enc uint32   // LRP
}

// lrpKeys are the keys of an LRP session.
type lrpKeys struct {
	enc *lrp.Key
	mac *lrp.MAC
}

// newLRPKeys derives the session keys of LRP (secure messaging 5.4).
func newLRPKeys(k *key.Secret, rndA, rndB []byte) *lrpKeys {
	sv := append([]byte{0x00, 0x01, 0x00, 0x80}, mixed(rndA, rndB)...)
	sv = append(sv, 0x96, 0x69)
	return lrpKeysOf(lrp.NewMAC(lrp.New([16]byte(k.Export()))).Sum(sv))
}

func lrpKeysOf(master [16]byte) *lrpKeys {
	m := lrp.New(master)
	return &lrpKeys{enc: m, mac: lrp.NewMAC(m)}
}

// mixed is the context of EV2 and LRP key derivation (secure messaging 4.3).
func mixed(a, b []byte) []byte {
	c := append([]byte(nil), a[:2]...)
	c = append(c, xor(a[2:8], b[:6])...)
	c = append(c, b[6:16]...)
	return append(c, a[8:16]...)
}

// sessionKey builds the session key of D40 and EV1 (secure messaging 1.3).
func sessionKey(t key.Type, a, b []byte) []byte {
	var parts [][]byte
	switch t {
	case key.TypeDES:
		parts = [][]byte{a[0:4], b[0:4]}
	case key.Type2K3DES:
		parts = [][]byte{a[0:4], b[0:4], a[4:8], b[4:8]}
	case key.Type3K3DES:
		parts = [][]byte{a[0:4], b[0:4], a[6:10], b[6:10], a[12:16], b[12:16]}
	default:
		parts = [][]byte{a[0:4], b[0:4], a[12:16], b[12:16]}
	}
	var k []byte
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

// cipherOf makes the cipher of a session key.
func cipherOf(t key.Type, k []byte) (cipher.Block, error) {
	switch {
	case t == key.TypeAES && len(k) == 16:
		return aes.NewCipher(k)
	case t != key.TypeAES && len(k) == 8:
		return des.NewCipher(k)
	case t != key.TypeAES && len(k) == 16:
		return des.NewTripleDESCipher(append(append([]byte(nil), k...), k[:8]...))
	case t != key.TypeAES && len(k) == 24:
		return des.NewTripleDESCipher(k)
	}
	return nil, fmt.Errorf("a session key of %d bytes is none for %v", len(k), t)
}

// start makes the sessions that a fitting handshake may have opened: one, for
// ISO 7816-4 several. before is the session that NonFirst continues, in the
// states that it may be in.
func (h *handshake) start(f *fit, before []*session) (list []*session, err error) {
	s := session{method: h.method, keyNo: h.keyNo, typ: f.key.Type()}
	switch h.method {
	case key.MethodD40:
		s.scheme = wire.SchemeD40
	case key.MethodISO, key.MethodAES, key.MethodISO7816:
		s.scheme = wire.SchemeEV1
	case key.MethodEV2First, key.MethodEV2NonFirst:
		s.scheme = wire.SchemeEV2
		s.ti = f.ti
		ctx := mixed(f.rndA, f.rndB)
		derive := func(label ...byte) cipher.Block {
			m := cmac.New(cipherOfKey(f.key))
			m.Write(label)
			m.Write([]byte{0x00, 0x01, 0x00, 0x80})
			m.Write(ctx)
			b, _ := aes.NewCipher(m.Sum())
			return b
		}
		s.block = derive(0xA5, 0x5A)
		s.mac = cmac.New(derive(0x5A, 0xA5))
	default:
		s.scheme = wire.SchemeLRP
		s.ti, s.lrp = f.ti, f.lrp
		s.st.enc = 1 // one block was used for the card's answer
	}
	if h.method == key.MethodEV2NonFirst || h.method == key.MethodLRPNonFirst {
		for _, b := range before {
			if b.scheme == s.scheme {
				c := s
				c.ti, c.st.ctr = b.ti, b.st.ctr
				c.st.enc = 0
				list = among(list, &c)
			}
		}
		if list == nil {
			return nil, errors.New("it continues a session that is not known, so that the transaction identifier is missing")
		}
		return list, nil
	}
	if s.scheme != wire.SchemeD40 && s.scheme != wire.SchemeEV1 {
		return []*session{&s}, nil
	}
	for _, b := range append([][]byte{f.rndB}, f.moreB...) {
		if b == nil {
			continue
		}
		c := s
		if c.block, err = cipherOf(s.typ, sessionKey(s.typ, f.rndA, b)); err != nil {
			return nil, err
		}
		if s.scheme == wire.SchemeEV1 {
			c.mac = cmac.New(c.block)
		}
		list = append(list, &c)
	}
	return list, nil
}

func cipherOfKey(k *key.Secret) cipher.Block {
	b, _ := cipherOf(k.Type(), k.Export()) // a key always makes a cipher
	return b
}

// takeOver makes the session of a preset.
func (p *Preset) takeOver() (*session, error) {
	s := &session{keyNo: p.KeyNo}
	s.st.ctr = p.Counter
	copy(s.ti[:], p.TI)
	var err error
	switch p.Kind {
	case "ev2", "ev2_aes", "aes-ev2":
		s.scheme, s.method, s.typ = wire.SchemeEV2, key.MethodEV2First, key.TypeAES
		var b cipher.Block
		if b, err = cipherOf(key.TypeAES, p.MAC); err != nil {
			return nil, fmt.Errorf("preset mac: %w", err)
		}
		s.mac = cmac.New(b)
		if len(p.Enc) > 0 {
			if s.block, err = cipherOf(key.TypeAES, p.Enc); err != nil {
				return nil, fmt.Errorf("preset enc: %w", err)
			}
		}
		return s, nil
	case "lrp":
		s.scheme, s.method, s.typ = wire.SchemeLRP, key.MethodLRPFirst, key.TypeAES
		if len(p.Key) != 16 {
			return nil, fmt.Errorf("preset key: want the 16 bytes of the session master key, have %d", len(p.Key))
		}
		s.lrp, s.st.enc = lrpKeysOf([16]byte(p.Key)), p.EncCtr
		return s, nil
	case "d40", "ev1":
		s.typ = algOf(p.Alg, len(p.Key))
		if p.Kind == "d40" && s.typ == key.TypeAES {
			if p.Alg == "AES" {
				return nil, errors.New("preset alg: D40 has no sessions under AES")
			}
			s.typ = key.Type2K3DES
		}
		if s.block, err = cipherOf(s.typ, p.Key); err != nil {
			return nil, fmt.Errorf("preset key: %w", err)
		}
		if s.scheme = wire.SchemeD40; p.Kind == "ev1" {
			s.scheme, s.method, s.mac = wire.SchemeEV1, key.MethodISO, cmac.New(s.block)
			copy(s.st.iv[:], p.IV)
		}
		return s, nil
	}
	return nil, fmt.Errorf("preset kind %q: want d40, ev1, ev2 or lrp", p.Kind)
}

func algOf(name string, n int) key.Type {
	switch name {
	case "AES":
		return key.TypeAES
	case "3K3DES":
		return key.Type3K3DES
	case "2K3DES":
		return key.Type2K3DES
	case "DES":
		return key.TypeDES
	}
	switch n {
	case 8:
		return key.TypeDES
	case 24:
		return key.Type3K3DES
	}
	return key.TypeAES
}
