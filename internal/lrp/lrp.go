// Package lrp is NXP's leakage resilient primitive (AN12304) in its 4-bit
// variant: evaluation, LRICB encryption and CMAC.
//
//	key k --> h = E(k,55..) --> plaintexts  P[0..15]
//	      \-> h = E(k,AA..) --> updated keys U[0..]
//
//	Eval(u, x):  y = U[u];  for each nibble n of x:  y = E(y, P[n]);  y = E(y, 00..)
package lrp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"

	"github.com/go-desfire/desfire/internal/cmac"
)

// BlockSize is the length of all blocks and keys.
const BlockSize = aes.BlockSize

// The blocks that New enciphers under the key.
var (
	seed55 = fill(0x55)
	seedAA = fill(0xAA)
)

// Seeds returns the two blocks that the holder of a key, where it is only a
// handle, enciphers for FromSeeds.
func Seeds() (s55, sAA [BlockSize]byte) { return seed55, seedAA }

func fill(b byte) (s [BlockSize]byte) {
	for i := range s {
		s[i] = b
	}
	return s
}

func cipherOf(key *[BlockSize]byte) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 16 bytes are always a key
	}
	return b
}

// Key is a key's table of plaintexts and its updated keys.
type Key struct {
	plain [16][BlockSize]byte
	seed  [BlockSize]byte // of the updated keys
}

// New prepares a key of 16 bytes.
func New(key [BlockSize]byte) *Key {
	b := cipherOf(&key)
	s55, sAA := seed55, seedAA
	b.Encrypt(s55[:], s55[:])
	b.Encrypt(sAA[:], sAA[:])
	return FromSeeds(s55, sAA)
}

// FromSeeds prepares a key from its encryptions of the two seeds.
func FromSeeds(e55, eAA [BlockSize]byte) *Key {
	k := &Key{seed: eAA}
	h := e55
	for i := range k.plain {
		b := cipherOf(&h)
		b.Encrypt(k.plain[i][:], seedAA[:])
		b.Encrypt(h[:], seed55[:])
	}
	return k
}

// Plaintext is entry i of the table.
func (k *Key) Plaintext(i int) [BlockSize]byte { return k.plain[i] }

// Updated is the updated key number i.
func (k *Key) Updated(i int) (u [BlockSize]byte) {
	h := k.seed
	for range i {
		cipherOf(&h).Encrypt(h[:], seed55[:])
	}
	cipherOf(&h).Encrypt(u[:], seedAA[:])
	return u
}

// Eval evaluates the nibbles of x, high one first, starting at updated key u.
// nibbles is their number; final adds the closing encryption.
func (k *Key) Eval(u [BlockSize]byte, x []byte, nibbles int, final bool) [BlockSize]byte {
	y := u
	for i := range nibbles {
		n := x[i/2] >> 4
		if i%2 == 1 {
			n = x[i/2] & 0xF
		}
		cipherOf(&y).Encrypt(y[:], k.plain[n][:])
	}
	if final {
		var zero [BlockSize]byte
		cipherOf(&y).Encrypt(y[:], zero[:])
	}
	return y
}

// Clone is a copy that is wiped on its own.
func (k *Key) Clone() *Key {
	c := *k
	return &c
}

// Wipe overwrites the tables.
func (k *Key) Wipe() { *k = Key{} }

// CBC is the LRICB mode: each block has a key of its own, evaluated from a
// counter that is written most significant byte first.
type CBC struct {
	key *Key
	u   [BlockSize]byte
	ctr []byte
}

// NewCBC encrypts with updated key number u. The counter's width is len(ctr)
// bytes; ctr is kept and counts on.
func NewCBC(k *Key, u int, ctr []byte) *CBC { return &CBC{key: k, u: k.Updated(u), ctr: ctr} }

// Counter is the counter of the next block.
func (c *CBC) Counter() []byte { return c.ctr }

// Encrypt enciphers whole blocks in place.
func (c *CBC) Encrypt(p []byte) {
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		c.next().Encrypt(p[:BlockSize], p[:BlockSize])
	}
}

// Decrypt deciphers whole blocks in place.
func (c *CBC) Decrypt(p []byte) {
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		c.next().Decrypt(p[:BlockSize], p[:BlockSize])
	}
}

func (c *CBC) next() cipher.Block {
	y := c.key.Eval(c.u, c.ctr, 2*len(c.ctr), true)
	for i := len(c.ctr) - 1; i >= 0; i-- {
		c.ctr[i]++
		if c.ctr[i] != 0 {
			break
		}
	}
	return cipherOf(&y)
}

// Wipe overwrites the updated key and the counter.
func (c *CBC) Wipe() {
	clear(c.u[:])
	clear(c.ctr)
}

// MAC is CMAC-LRP with updated key 0.
type MAC struct {
	key    *Key
	u      [BlockSize]byte
	k1, k2 [BlockSize]byte
}

// NewMAC prepares a MAC.
func NewMAC(k *Key) *MAC {
	m := &MAC{key: k, u: k.Updated(0)}
	l := k.Eval(m.u, make([]byte, BlockSize), 2*BlockSize, true)
	cmac.Double(m.k1[:], l[:])
	cmac.Double(m.k2[:], m.k1[:])
	return m
}

// Wipe overwrites the updated key and the subkeys.
func (m *MAC) Wipe() {
	clear(m.u[:])
	clear(m.k1[:])
	clear(m.k2[:])
}

// Subkeys returns K1 and K2.
func (m *MAC) Subkeys() (k1, k2 [BlockSize]byte) { return m.k1, m.k2 }

// Sum is the full MAC of the parts joined.
func (m *MAC) Sum(parts ...[]byte) [BlockSize]byte {
	var y [BlockSize]byte
	n := 0
	for _, p := range parts {
		for len(p) > 0 {
			if n == BlockSize {
				y = m.key.Eval(m.u, y[:], 2*BlockSize, true)
				n = 0
			}
			k := subtle.XORBytes(y[n:], y[n:], p)
			n += k
			p = p[k:]
		}
	}
	last := &m.k1
	if n < BlockSize {
		y[n] ^= 0x80
		last = &m.k2
	}
	subtle.XORBytes(y[:], y[:], last[:])
	return m.key.Eval(m.u, y[:], 2*BlockSize, true)
}
