// Package cmac is CMAC (NIST SP 800-38B) for blocks of 8 and 16 bytes. Its CBC
// chain may start anywhere, as EV1 messaging needs, and it allocates nothing
// once made.
package cmac

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// MAC computes message authentication codes under one key. It is not safe for
// concurrent use.
type MAC struct {
	b      cipher.Block
	size   int
	k1, k2 [16]byte
	x      [16]byte // chaining value, the bytes of the present block already added
	n      int      // how many those are
}

// New makes a MAC of a cipher with blocks of 8 or 16 bytes.
func New(b cipher.Block) *MAC {
	m := &MAC{b: b, size: b.BlockSize()}
	b.Encrypt(m.x[:m.size], m.x[:m.size])
	Double(m.k1[:m.size], m.x[:m.size])
	Double(m.k2[:m.size], m.k1[:m.size])
	m.Reset(nil)
	return m
}

// Size is the length of the block and of the full MAC.
func (m *MAC) Size() int { return m.size }

// Subkeys returns K1 and K2.
func (m *MAC) Subkeys() (k1, k2 []byte) { return m.k1[:m.size], m.k2[:m.size] }

// Reset starts a new message. iv starts the chain; nil is zero.
func (m *MAC) Reset(iv []byte) {
	m.n = 0
	clear(m.x[:])
	copy(m.x[:m.size], iv)
}

// Write adds p to the message.
func (m *MAC) Write(p []byte) {
	for len(p) > 0 {
		if m.n == m.size {
			m.b.Encrypt(m.x[:m.size], m.x[:m.size])
			m.n = 0
		}
		if m.n == 0 && m.size == 16 && len(p) >= 16 {
			xor16(&m.x, p)
			m.n, p = 16, p[16:]
			continue
		}
		k := subtle.XORBytes(m.x[m.n:m.size], m.x[m.n:m.size], p)
		m.n += k
		p = p[k:]
	}
}

// WriteByte adds one byte. It never fails.
func (m *MAC) WriteByte(b byte) error {
	if m.n == m.size {
		m.b.Encrypt(m.x[:m.size], m.x[:m.size])
		m.n = 0
	}
	m.x[m.n] ^= b
	m.n++
	return nil
}

func xor16(x *[16]byte, p []byte) {
	_ = p[15]
	le := binary.LittleEndian
	le.PutUint64(x[:8], le.Uint64(x[:8])^le.Uint64(p[:8]))
	le.PutUint64(x[8:], le.Uint64(x[8:])^le.Uint64(p[8:]))
}

// Sum ends the message and returns the full MAC. It is valid until the next
// call of a method.
func (m *MAC) Sum() []byte {
	x := m.x[:m.size]
	if m.n == m.size {
		subtle.XORBytes(x, x, m.k1[:m.size])
	} else {
		x[m.n] ^= 0x80
		subtle.XORBytes(x, x, m.k2[:m.size])
	}
	m.b.Encrypt(x, x)
	return x
}

// Double multiplies src by x in the field of CMAC, for blocks of 8 and 16
// bytes.
func Double(dst, src []byte) {
	poly := byte(0x87)
	if len(src) == 8 {
		poly = 0x1B
	}
	poly &= -(src[0] >> 7)
	for i := range len(src) - 1 {
		dst[i] = src[i]<<1 | src[i+1]>>7
	}
	dst[len(src)-1] = src[len(src)-1]<<1 ^ poly
}

// Truncated is MACt: the bytes 1, 3, ... 15 of a full MAC of 16 bytes, as EV2,
// LRP, transaction MAC and SDM use it.
func Truncated(full []byte) (t [8]byte) {
	for i := range t {
		t[i] = full[2*i+1]
	}
	return t
}
