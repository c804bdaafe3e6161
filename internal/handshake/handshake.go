// Package handshake is the arithmetic of an authentication that both sides share,
// and whoever recomputes a recorded one: rotated randoms and session keys.
//
// a is the reader's random, b the card's.
package handshake

import (
	"context"
	"crypto/subtle"
	"slices"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
)

// Rotated is the bytes of a random rotated by one to the left.
func Rotated(b []byte) []byte { return append(append(make([]byte, 0, len(b)), b[1:]...), b[0]) }

// IsRotated tells whether rot is b rotated, in constant time.
func IsRotated(rot, b []byte) bool {
	want := Rotated(b)
	defer clear(want)
	return Same(rot, want)
}

// Same compares in constant time.
func Same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Classic is the session key of D40, EV1 and ISO 7816, of size bytes: 8 for DES
// and 24 for 3K3DES; 16 for 2K3DES, whose randoms have 8 bytes, and AES.
func Classic(a, b []byte, size int) []byte {
	parts := [][2]int{{0, 4}}
	switch {
	case size == 24:
		parts = [][2]int{{0, 4}, {6, 10}, {12, 16}}
	case size == 16 && len(a) == 8:
		parts = [][2]int{{0, 4}, {4, 8}}
	case size == 16:
		parts = [][2]int{{0, 4}, {12, 16}}
	}
	k := make([]byte, 0, size)
	for _, p := range parts {
		k = append(append(k, a[p[0]:p[1]]...), b[p[0]:p[1]]...)
	}
	return k
}

// Context is what the session keys of EV2 and LRP depend on:
//
//	A[0:2] (A[2:8] ^ B[0:6]) B[6:16] A[8:16]
func Context(a, b []byte) []byte {
	c := slices.Concat(a[:8], b[6:16], a[8:16])
	subtle.XORBytes(c[2:8], c[2:8], b[:6])
	return c
}

const parameters = "\x00\x01\x00\x80"

// EV2 derives the session keys of EV2 with nothing but the CBC of the card's key.
//
//	enc      CMAC(A5 5A 00 01 00 80 context)
//	MAC      CMAC(5A A5 00 01 00 80 context)
func EV2(ctx context.Context, k cmac.Encrypter, a, b []byte) (enc, mac []byte, err error) {
	h, err := cmac.NewHandle(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	defer h.Wipe()
	c := Context(a, b)
	defer clear(c)
	if enc, err = h.Sum(ctx, []byte("\xA5\x5A"+parameters), c); err != nil {
		return nil, nil, err
	}
	if mac, err = h.Sum(ctx, []byte("\x5A\xA5"+parameters), c); err != nil {
		clear(enc)
		return nil, nil, err
	}
	return enc, mac, nil
}

// LRP derives the session master key of LRP. The CBC of the card's key is all it
// needs.
//
//	CMAC-LRP(00 01 00 80 context 96 69)
func LRP(ctx context.Context, k cmac.Encrypter, a, b []byte) (master [16]byte, err error) {
	s55, sAA := lrp.Seeds()
	for _, s := range []*[16]byte{&s55, &sAA} {
		if err := k.EncryptCBC(ctx, nil, s[:], s[:]); err != nil {
			return master, err
		}
	}
	table := lrp.FromSeeds(s55, sAA)
	mac, c := lrp.NewMAC(table), Context(a, b)
	master = mac.Sum([]byte(parameters), c, []byte{0x96, 0x69})
	clear(s55[:])
	clear(sAA[:])
	clear(c)
	table.Wipe()
	mac.Wipe()
	return master, nil
}
