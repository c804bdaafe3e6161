package originality

import (
	"math/big"
	"testing"
)

// FuzzCheck looks at signatures. None that is not in the vectors verifies, but
// for the other one that every ECDSA signature has, and a signature is good for
// one UID only.
func FuzzCheck(f *testing.F) {
	f.Add(make([]byte, 7), make([]byte, SignatureSize), uint16(0))
	f.Add(make([]byte, 4), make([]byte, 3), uint16(1))
	f.Fuzz(func(t *testing.T, uid, signature []byte, bit uint16) {
		k, err := Check(uid, signature)
		if err == nil {
			other := append([]byte(nil), uid...)
			other[int(bit/8)%7] ^= 1 << (bit % 8)
			if _, err := Check(other, signature); err == nil {
				t.Fatalf("one signature for %X and %X", uid, other)
			}
			if k.Point[0] != 4 {
				t.Fatalf("no point: %X", k.Point)
			}
			if zero := new(big.Int).SetBytes(signature[:28]); zero.Sign() == 0 {
				t.Fatal("r is zero")
			}
			return
		}
		if ok := len(uid) == 7 && len(signature) == SignatureSize; ok != (err == ErrNotSigned) {
			t.Fatalf("%d and %d bytes: %v", len(uid), len(signature), err)
		}
	})
}
