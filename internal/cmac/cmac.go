// Package cmac is CMAC (NIST SP 800-38B) for blocks of 8 and 16 bytes. Its CBC
// chain may start anywhere, as EV1 messaging needs, and it allocates nothing
// once made.
package cmac

import (
	"crypto/cipher"
	"crypto/subtle"
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

// Wipe overwrites what was derived from the key. The MAC is of no use after it.
func (m *MAC) Wipe() { *m = MAC{} }

// Size is the length of the block and of the full MAC.
func (m *MAC) Size() int { return m.size }

// Subkeys returns K1 and K2.
func (m *MAC) Subkeys() (k1, k2 []byte) { return m.k1[:m.size], m.k2[:m.size] }

// Reset starts a new message. iv starts the chain; nil is zero.
func (m *MAC) Reset(iv []byte) {
	m.n = 0
	m.x = [16]byte{}
	if iv != nil {
		copy(m.x[:m.size], iv)
	}
}

// Write adds p to the message.
func (m *MAC) Write(p []byte) {
	if m.size == 16 && (m.n == 0 || m.n == 16) {
		p = m.write16(p)
	}
	for len(p) > 0 {
		if m.n == m.size {
			m.b.Encrypt(m.x[:m.size], m.x[:m.size])
			m.n = 0
		}
		k := subtle.XORBytes(m.x[m.n:m.size], m.x[m.n:m.size], p)
		m.n += k
		p = p[k:]
	}
}

// write16 takes the whole blocks of p, at a block's border. The last block
// waits for what follows.
func (m *MAC) write16(p []byte) []byte {
	x := m.x[:]
	for ; len(p) >= 16; p = p[16:] {
		if m.n == 16 {
			m.b.Encrypt(x, x)
		}
		subtle.XORBytes(x, x, p[:16]) // one 16-byte store, which the cipher loads at once
		m.n = 16
	}
	return p
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

// Sum ends the message and returns the full MAC. It is valid until the next
// call of a method.
func (m *MAC) Sum() []byte {
	last := &m.k1
	if m.n < m.size {
		m.x[m.n] ^= 0x80
		last = &m.k2
	}
	x := m.x[:m.size]
	subtle.XORBytes(x, x, last[:m.size])
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
