package lrp

import (
	"encoding/binary"
	"math/bits"
)

// AES-128 for keys that serve once. LRP takes a fresh key for every block, some 33
// for each block of a MAC, and every one of crypto/aes lies on the heap: an exchange
// made 420 of them. These lie in registers.
//
// It looks up tables, so that the cache could tell an attacker on the same machine
// something, where the hardware behind crypto/aes tells nothing. What it could tell
// of is little: the primitive uses no intermediate key for more than sixteen blocks,
// all of them known beforehand, and that is what it was made for.

// enc and dec hold S-box and column mixing in one: enc[x] is the column 2s s s 3s of
// s = S(x), dec[x] the column E9DB of the inverse, as big-endian words.
var enc, dec, box, xob = tables()

func tables() (enc, dec [256]uint32, box, xob [256]byte) {
	// 3 generates the field; its powers give the inverses.
	var power [255]byte
	var log [256]byte
	for x, i := byte(1), 0; i < 255; i++ {
		power[i], log[x] = x, byte(i)
		x ^= double(x)
	}
	for i := range 256 {
		var s byte
		if i != 0 {
			s = power[(255-int(log[i]))%255]
		}
		s ^= bits.RotateLeft8(s, 1) ^ bits.RotateLeft8(s, 2) ^ bits.RotateLeft8(s, 3) ^ bits.RotateLeft8(s, 4) ^ 0x63
		box[i], xob[s] = s, byte(i)
	}
	for i := range 256 {
		s := box[i]
		enc[i] = word(double(s), s, s, double(s)^s)
		s = xob[i]
		s2, s4 := double(s), double(double(s))
		s8 := double(s4)
		dec[i] = word(s8^s4^s2, s8^s, s8^s4^s, s8^s2^s)
	}
	return enc, dec, box, xob
}

// double multiplies by 2 in the field of AES.
func double(x byte) byte { return x<<1 ^ 0x1B&-(x>>7) }

func word(a, b, c, d byte) uint32 { return uint32(a)<<24 | uint32(b)<<16 | uint32(c)<<8 | uint32(d) }

// subRotated puts the bytes of w, the first of them last, through the S-box.
func subRotated(w uint32) uint32 {
	return word(box[byte(w>>16)], box[byte(w>>8)], box[byte(w)], box[byte(w>>24)])
}

// encrypt enciphers src under key. All three may be the same.
func encrypt(key, dst, src *[BlockSize]byte) {
	k0, k1 := binary.BigEndian.Uint32(key[0:]), binary.BigEndian.Uint32(key[4:])
	k2, k3 := binary.BigEndian.Uint32(key[8:]), binary.BigEndian.Uint32(key[12:])
	s0, s1 := k0^binary.BigEndian.Uint32(src[0:]), k1^binary.BigEndian.Uint32(src[4:])
	s2, s3 := k2^binary.BigEndian.Uint32(src[8:]), k3^binary.BigEndian.Uint32(src[12:])
	rcon := byte(1)
	for range 9 {
		k0 ^= subRotated(k3) ^ uint32(rcon)<<24
		k1 ^= k0
		k2 ^= k1
		k3 ^= k2
		rcon = double(rcon)
		s0, s1, s2, s3 = k0^mix(&enc, s0, s1, s2, s3), k1^mix(&enc, s1, s2, s3, s0), k2^mix(&enc, s2, s3, s0, s1), k3^mix(&enc, s3, s0, s1, s2)
	}
	k0 ^= subRotated(k3) ^ uint32(rcon)<<24
	k1 ^= k0
	k2 ^= k1
	k3 ^= k2
	binary.BigEndian.PutUint32(dst[0:], k0^last(&box, s0, s1, s2, s3))
	binary.BigEndian.PutUint32(dst[4:], k1^last(&box, s1, s2, s3, s0))
	binary.BigEndian.PutUint32(dst[8:], k2^last(&box, s2, s3, s0, s1))
	binary.BigEndian.PutUint32(dst[12:], k3^last(&box, s3, s0, s1, s2))
}

// decrypt deciphers src under key. All three may be the same.
func decrypt(key, dst, src *[BlockSize]byte) {
	var k [44]uint32
	for i := range 4 {
		k[i] = binary.BigEndian.Uint32(key[4*i:])
	}
	rcon := byte(1)
	for i := 4; i < len(k); i += 4 {
		k[i] = k[i-4] ^ subRotated(k[i-1]) ^ uint32(rcon)<<24
		k[i+1] = k[i-3] ^ k[i]
		k[i+2] = k[i-2] ^ k[i+1]
		k[i+3] = k[i-1] ^ k[i+2]
		rcon = double(rcon)
	}
	s0, s1 := k[40]^binary.BigEndian.Uint32(src[0:]), k[41]^binary.BigEndian.Uint32(src[4:])
	s2, s3 := k[42]^binary.BigEndian.Uint32(src[8:]), k[43]^binary.BigEndian.Uint32(src[12:])
	for i := 36; i > 0; i -= 4 {
		s0, s1, s2, s3 = unmixed(k[i])^mix(&dec, s0, s3, s2, s1), unmixed(k[i+1])^mix(&dec, s1, s0, s3, s2),
			unmixed(k[i+2])^mix(&dec, s2, s1, s0, s3), unmixed(k[i+3])^mix(&dec, s3, s2, s1, s0)
	}
	binary.BigEndian.PutUint32(dst[0:], k[0]^last(&xob, s0, s3, s2, s1))
	binary.BigEndian.PutUint32(dst[4:], k[1]^last(&xob, s1, s0, s3, s2))
	binary.BigEndian.PutUint32(dst[8:], k[2]^last(&xob, s2, s1, s0, s3))
	binary.BigEndian.PutUint32(dst[12:], k[3]^last(&xob, s3, s2, s1, s0))
	clear(k[:])
}

// unmixed is a word of the key as deciphering adds it, after the mixing.
func unmixed(w uint32) uint32 {
	return mix(&dec, uint32(box[w>>24])<<24, uint32(box[w>>16&0xFF])<<16, uint32(box[w>>8&0xFF])<<8, uint32(box[w&0xFF]))
}

// mix is a column of a round: S-box, shifted rows, mixed columns.
func mix(t *[256]uint32, a, b, c, d uint32) uint32 {
	return t[byte(a>>24)] ^ bits.RotateLeft32(t[byte(b>>16)], -8) ^ bits.RotateLeft32(t[byte(c>>8)], -16) ^ bits.RotateLeft32(t[byte(d)], -24)
}

// last is a column of the last round, which mixes nothing.
func last(t *[256]byte, a, b, c, d uint32) uint32 {
	return word(t[byte(a>>24)], t[byte(b>>16)], t[byte(c>>8)], t[byte(d)])
}
