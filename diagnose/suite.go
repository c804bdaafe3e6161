package diagnose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// suite is what a session's keys can do: the right ones, or wrong ones that a
// reader may have derived. It gives no key away.
type suite struct {
	fault    *fault // nil: the right keys
	block    int
	enc, dec func([]byte) []byte // one block; nil where it is not known
	cmac     func(iv []byte, parts ...[]byte) []byte
	lrpDec   func(counter uint32, b []byte) []byte
}

// suiteOf are the right keys of a session.
func suiteOf(s *trace.Session) *suite {
	su := &suite{block: s.BlockSize(), enc: s.EncryptBlock, dec: s.DecryptBlock, cmac: s.CMAC, lrpDec: s.DecryptLRP}
	if s.Scheme() == wire.SchemeD40 { // which has no CMAC, but readers may make one
		su.cmac = cmacOf(sessionBlock{s})
	}
	return su
}

// sessionBlock is the cipher of a session as the library has ciphers.
type sessionBlock struct{ s *trace.Session }

func (b sessionBlock) BlockSize() int          { return b.s.BlockSize() }
func (b sessionBlock) Encrypt(dst, src []byte) { copy(dst, b.s.EncryptBlock(src[:b.BlockSize()])) }
func (b sessionBlock) Decrypt(dst, src []byte) { copy(dst, b.s.DecryptBlock(src[:b.BlockSize()])) }

func cmacOf(b cipher.Block) func(iv []byte, parts ...[]byte) []byte {
	m := cmac.New(b)
	return func(iv []byte, parts ...[]byte) []byte {
		m.Reset(iv)
		for _, p := range parts {
			m.Write(p)
		}
		return append([]byte(nil), m.Sum()...)
	}
}

// cipherSuite is one of two ciphers: for data, and for MACs.
func cipherSuite(f *fault, data, mac cipher.Block) *suite {
	return &suite{fault: f, block: data.BlockSize(), enc: oneBlock(data.Encrypt), dec: oneBlock(data.Decrypt), cmac: cmacOf(mac)}
}

func oneBlock(f func(dst, src []byte)) func([]byte) []byte {
	return func(b []byte) []byte {
		out := make([]byte, len(b))
		f(out, b)
		return out
	}
}

// lrpSuite is LRP with a session master key.
func lrpSuite(f *fault, master [16]byte) *suite {
	k := lrp.New(master)
	m := lrp.NewMAC(k)
	return &suite{
		fault: f, block: aes.BlockSize,
		cmac: func(_ []byte, parts ...[]byte) []byte {
			sum := m.Sum(parts...)
			return sum[:]
		},
		lrpDec: func(counter uint32, b []byte) []byte {
			out := append([]byte(nil), b...)
			lrp.NewCBC(k, 1, []byte{byte(counter >> 24), byte(counter >> 16), byte(counter >> 8), byte(counter)}).Decrypt(out)
			return out
		},
	}
}

// newCipher makes a cipher of key bytes: 8, 16 or 24 of DES, 16 of AES.
func newCipher(t key.Type, k []byte) cipher.Block {
	var b cipher.Block
	switch {
	case t == key.TypeAES:
		b, _ = aes.NewCipher(k)
	case len(k) == 8:
		b, _ = des.NewCipher(k)
	case len(k) == 16:
		b, _ = des.NewTripleDESCipher(append(append([]byte(nil), k...), k[:8]...))
	default:
		b, _ = des.NewTripleDESCipher(k)
	}
	return b
}

// form is a way to cipher blocks. Readers take one for another.
type form uint8

const (
	formEncipher  form = iota // CBC: C = E(P ^ C before)
	formDecipher              // D40 readers: C = D(P ^ C before)
	formClear                 // nothing at all
	formEncipherE             // each block by itself
	formDecipherE
	formDecipherCBC // what libraries call CBC decryption: C = D(P) ^ P before
	numForms
)

func (f form) words() string {
	return [...]string{
		"enciphered by CBC", "deciphered (XOR, then decryption)", "in clear", "enciphered block by block (ECB)",
		"deciphered block by block (ECB)", "deciphered as a library does it (decryption, then XOR)",
	}[f]
}

// open takes off what a reader put on. It returns nil where it cannot.
func (s *suite) open(f form, iv, c []byte) []byte {
	if f == formClear {
		return c
	}
	if s.enc == nil || len(c)%s.block != 0 {
		return nil
	}
	p := make([]byte, 0, len(c))
	prev := iv
	for ; len(c) > 0; c = c[s.block:] {
		b := c[:s.block]
		var x []byte
		switch f {
		case formEncipher:
			x = xor(s.dec(b), prev)
		case formDecipher:
			x = xor(s.enc(b), prev)
		case formEncipherE:
			x = s.dec(b)
		case formDecipherE:
			x = s.enc(b)
		case formDecipherCBC:
			x = s.enc(xor(b, prev))
		}
		if x == nil {
			return nil
		}
		p = append(p, x...)
		if prev = b; f == formDecipherCBC {
			prev = x
		}
	}
	return p
}

// xor combines two slices of one length; nil stands for zeros.
func xor(a, b []byte) []byte {
	if a == nil || b == nil {
		return a
	}
	c := make([]byte, len(a))
	for i := range c {
		c[i] = a[i] ^ b[i]
	}
	return c
}

func rotl(b []byte, n int) []byte {
	if len(b) == 0 {
		return b
	}
	n = (n%len(b) + len(b)) % len(b)
	return append(append(make([]byte, 0, len(b)), b[n:]...), b[:n]...)
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, x := range b {
		out[len(b)-1-i] = x
	}
	return out
}

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
