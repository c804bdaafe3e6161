// Package lrp is NXP's leakage resilient primitive (AN12304) in its 4-bit
// variant: evaluation, LRICB encryption and CMAC.
//
//	key k --> h = E(k,55..) --> plaintexts  P[0..15]
//	      \-> h = E(k,AA..) --> updated keys U[0..]
//
//	Eval(u, x):  y = U[u];  for each nibble n of x:  y = E(y, P[n]);  y = E(y, 00..)
package lrp

import (
	"crypto/subtle"

	"github.com/go-desfire/desfire/internal/cmac"
)

// BlockSize is the length of all blocks and keys.
const BlockSize = 16

// The blocks that New enciphers under the key.
var (
	seed55 = fill(0x55)
	seedAA = fill(0xAA)
	zero   [BlockSize]byte
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

// Key is a key's table of plaintexts and its updated keys.
type Key struct {
	plain [16][BlockSize]byte
	seed  [BlockSize]byte // of the updated keys
}

// New prepares a key of 16 bytes.
func New(key [BlockSize]byte) *Key {
	var s55, sAA [BlockSize]byte
	encrypt(&key, &s55, &seed55)
	encrypt(&key, &sAA, &seedAA)
	return FromSeeds(s55, sAA)
}

// FromSeeds prepares a key from its encryptions of the two seeds.
func FromSeeds(e55, eAA [BlockSize]byte) *Key {
	k := &Key{seed: eAA}
	h := e55
	for i := range k.plain {
		encrypt(&h, &k.plain[i], &seedAA)
		encrypt(&h, &h, &seed55)
	}
	return k
}

// Plaintext is entry i of the table.
func (k *Key) Plaintext(i int) [BlockSize]byte { return k.plain[i] }

// Updated is the updated key number i.
func (k *Key) Updated(i int) (u [BlockSize]byte) {
	h := k.seed
	for range i {
		encrypt(&h, &h, &seed55)
	}
	encrypt(&h, &u, &seedAA)
	return u
}

// Eval evaluates the nibbles of x, high one first, starting at updated key u.
// nibbles is their number; final adds the closing encryption.
func (k *Key) Eval(u [BlockSize]byte, x []byte, nibbles int, final bool) [BlockSize]byte {
	for i := range nibbles {
		n := x[i/2] >> 4
		if i%2 == 1 {
			n = x[i/2] & 0xF
		}
		encrypt(&u, &u, &k.plain[n])
	}
	if final {
		encrypt(&u, &u, &zero)
	}
	return u
}

// block puts a block through Eval, in place.
func (k *Key) block(u, x *[BlockSize]byte) {
	y := *u
	for _, b := range x {
		encrypt(&y, &y, &k.plain[b>>4])
		encrypt(&y, &y, &k.plain[b&0xF])
	}
	encrypt(&y, x, &zero)
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
//
// It keeps what all nibbles of the counter but the last come to, which serves
// sixteen blocks.
type CBC struct {
	key     *Key
	u       [BlockSize]byte
	ctr     []byte
	stem    [BlockSize]byte
	stemmed bool
}

// NewCBC encrypts with updated key number u. The counter's width is len(ctr)
// bytes; ctr is kept and counts on.
func NewCBC(k *Key, u int, ctr []byte) *CBC { return &CBC{key: k, u: k.Updated(u), ctr: ctr} }

// Counter is the counter of the next block. The caller may not change it.
func (c *CBC) Counter() []byte { return c.ctr }

// Skip counts blocks that were enciphered elsewhere.
func (c *CBC) Skip(blocks int) {
	for range blocks {
		c.count()
	}
}

// Encrypt enciphers whole blocks in place.
func (c *CBC) Encrypt(p []byte) {
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		k, b := c.next(), (*[BlockSize]byte)(p)
		encrypt(&k, b, b)
	}
}

// Decrypt deciphers whole blocks in place.
func (c *CBC) Decrypt(p []byte) {
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		k, b := c.next(), (*[BlockSize]byte)(p)
		decrypt(&k, b, b)
	}
}

// next is the key of the next block.
func (c *CBC) next() [BlockSize]byte {
	if !c.stemmed {
		c.stem, c.stemmed = c.key.Eval(c.u, c.ctr, 2*len(c.ctr)-1, false), true
	}
	y := c.stem
	encrypt(&y, &y, &c.key.plain[c.ctr[len(c.ctr)-1]&0xF])
	encrypt(&y, &y, &zero)
	c.count()
	return y
}

func (c *CBC) count() {
	for i := len(c.ctr) - 1; i >= 0; i-- {
		if c.ctr[i]++; i == len(c.ctr)-1 && c.ctr[i]&0xF == 0 {
			c.stemmed = false
		}
		if c.ctr[i] != 0 {
			break
		}
	}
}

// Wipe overwrites the updated key and what comes from it.
func (c *CBC) Wipe() {
	clear(c.u[:])
	clear(c.stem[:])
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
	var l [BlockSize]byte
	k.block(&m.u, &l)
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
func (m *MAC) Sum(parts ...[]byte) (y [BlockSize]byte) {
	n := 0
	for _, p := range parts {
		for len(p) > 0 {
			if n == BlockSize {
				m.key.block(&m.u, &y)
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
	m.key.block(&m.u, &y)
	return y
}
