package securemsg

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"github.com/go-desfire/desfire/internal/crc"
)

// blocks ciphers whole blocks in place, without allocating. iv is the running
// value: each method leaves the last cryptogram block in it.
type blocks struct {
	b    cipher.Block
	size int
	t    [16]byte
}

func newBlocks(b cipher.Block) blocks { return blocks{b: b, size: b.BlockSize()} }

// wipe forgets the key. Its schedule lies in the cipher, where only the garbage
// collector ends it.
func (c *blocks) wipe() {
	clear(c.t[:])
	c.b = nil
}

// room makes room for a message and what protects it, so that plain data which
// holds a key is not left behind in a slice that was too short.
func room(dst []byte, m Message) []byte { return slices.Grow(dst, len(m.Head)+len(m.Data)+32) }

// encrypt is CBC: C = E(P ^ C').
func (c *blocks) encrypt(iv, p []byte) {
	prev, n := iv, c.size
	for ; len(p) >= n; p = p[n:] {
		subtle.XORBytes(p[:n], p[:n], prev[:n])
		c.b.Encrypt(p[:n], p[:n])
		prev = p
	}
	copy(iv[:n], prev[:n])
}

// decrypt undoes encrypt: P = D(C) ^ C'.
func (c *blocks) decrypt(iv, p []byte) {
	n := c.size
	for ; len(p) >= n; p = p[n:] {
		copy(c.t[:n], p)
		c.b.Decrypt(p[:n], p[:n])
		subtle.XORBytes(p[:n], p[:n], iv[:n])
		copy(iv[:n], c.t[:n])
	}
}

// send is how a D40 reader enciphers, whose card can only encrypt:
// C = D(P ^ C').
func (c *blocks) send(iv, p []byte) {
	prev, n := iv, c.size
	for ; len(p) >= n; p = p[n:] {
		subtle.XORBytes(p[:n], p[:n], prev[:n])
		c.b.Decrypt(p[:n], p[:n])
		prev = p
	}
	copy(iv[:n], prev[:n])
}

// receive is how the D40 card undoes send: P = E(C) ^ C'.
func (c *blocks) receive(iv, p []byte) {
	n := c.size
	for ; len(p) >= n; p = p[n:] {
		copy(c.t[:n], p)
		c.b.Encrypt(p[:n], p[:n])
		subtle.XORBytes(p[:n], p[:n], iv[:n])
		copy(iv[:n], c.t[:n])
	}
}

// pad fills p[start:] up to whole blocks. pad80 adds 80 first, so that at least
// one byte is added.
func pad(p []byte, start, block int, pad80 bool) []byte {
	if pad80 {
		p = append(p, 0x80)
	}
	for (len(p)-start)%block != 0 {
		p = append(p, 0)
	}
	return p
}

// What follows judges deciphered bytes, and takes as long whatever they are. The
// results are 1 for yes and 0 for no, for use without branches.

// padded tells whether tail is padding: zeros, or 80 and zeros.
func padded(tail []byte) int {
	if len(tail) == 0 {
		return 1
	}
	first := tail[0]
	return zeros(tail[1:]) & (subtle.ConstantTimeByteEq(first, 0) | subtle.ConstantTimeByteEq(first, 0x80))
}

func zeros(p []byte) int {
	var all byte
	for _, b := range p {
		all |= b
	}
	return subtle.ConstantTimeByteEq(all, 0)
}

// sameCRC16 tells whether the checksum of data stands at the start of sent.
func sameCRC16(data, sent []byte) int {
	return subtle.ConstantTimeEq(int32(crc.Sum16(data)), int32(binary.LittleEndian.Uint16(sent)))
}

// sameCRC32 tells whether a checksum stands at the start of sent.
func sameCRC32(sum uint32, sent []byte) int {
	return subtle.ConstantTimeEq(int32(sum), int32(binary.LittleEndian.Uint32(sent)))
}

// unpad80 is the length of p without 80 and zeros, or -1.
func unpad80(p []byte, block int) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-block; i-- {
		switch p[i] {
		case 0:
		case 0x80:
			return i
		default:
			return -1
		}
	}
	return -1
}

// plainLen finds the end of the data in p, which is data, CRC and padding. crc
// reports whether the right CRC follows the first n bytes. want is the length
// if it is known, else -1: then padding of 80 and zeros, which has one reading,
// goes before padding of zeros. A CRC16 over data and its CRC is zero, so that
// of several readings with zeros the shortest is right. How long it takes tells
// the length of the data, no more.
func plainLen(p []byte, block, size, want int, crc func(n int) int) int {
	if want >= 0 {
		if end := want + size; end <= len(p) && len(p)-end <= block && padded(p[end:])&crc(want) == 1 {
			return want
		}
		return -1
	}
	if n := unpad80(p, block); n >= size && crc(n-size) == 1 {
		return n - size
	}
	for n := max(0, len(p)-size-block+1); n+size <= len(p); n++ {
		if zeros(p[n+size:])&crc(n) == 1 {
			return n
		}
	}
	return -1
}
