package lrp

import (
	"crypto/aes"
	"math/rand/v2"
	"testing"
)

// The AES of this package is that of the standard library.
func TestAES(t *testing.T) {
	r := rand.NewChaCha8([32]byte{7})
	for i := range 20000 {
		var k, p, want, got [BlockSize]byte
		r.Read(k[:])
		r.Read(p[:])
		if i < 256 { // each byte alone, and zeros
			clear(k[:])
			clear(p[:])
			k[i%BlockSize], p[i/BlockSize] = byte(i), byte(255-i)
		}
		b, err := aes.NewCipher(k[:])
		if err != nil {
			t.Fatal(err)
		}
		b.Encrypt(want[:], p[:])
		encrypt(&k, &got, &p)
		if got != want {
			t.Fatalf("key %X: %X enciphers to %X, want %X", k, p, got, want)
		}
		decrypt(&k, &got, &got)
		if got != p {
			t.Fatalf("key %X: %X deciphers to %X, want %X", k, want, got, p)
		}
		self := k // key, input and output in one place
		encrypt(&self, &self, &self)
		if b.Encrypt(want[:], k[:]); self != want {
			t.Fatalf("key %X of itself: %X, want %X", k, self, want)
		}
	}
}

func BenchmarkEncrypt(b *testing.B) {
	var y, p [BlockSize]byte
	b.ReportAllocs()
	for b.Loop() {
		encrypt(&y, &y, &p)
	}
}

func BenchmarkEncryptStandard(b *testing.B) {
	var y, p [BlockSize]byte
	b.ReportAllocs()
	for b.Loop() {
		c, _ := aes.NewCipher(y[:])
		c.Encrypt(y[:], p[:])
	}
}

// A long message, a skip and a carry give each block the key that its counter
// evaluates to.
func TestCBCKeys(t *testing.T) {
	for _, start := range [][]byte{{0, 0, 0, 0}, {0, 0, 0xFF, 0xF3}, {0xFF, 0xFF, 0xFF, 0xFA}, {0xF9}, {1, 2, 3, 0xFF, 0xFF, 0xFF}} {
		k := New([BlockSize]byte{1, 2, 3})
		c := NewCBC(k, 1, append([]byte(nil), start...))
		ctr := append([]byte(nil), start...)
		for n := range 600 {
			if n%7 == 3 {
				c.Skip(2)
				countOn(ctr)
				countOn(ctr)
			}
			var want [BlockSize]byte
			y := k.Eval(k.Updated(1), ctr, 2*len(ctr), true)
			encrypt(&y, &want, &[BlockSize]byte{byte(n)})
			countOn(ctr)
			got := [BlockSize]byte{byte(n)}
			if c.Encrypt(got[:]); got != want {
				t.Fatalf("from %X, block %d: %X, want %X", start, n, got, want)
			}
		}
	}
}

func countOn(ctr []byte) {
	for i := len(ctr) - 1; i >= 0; i-- {
		if ctr[i]++; ctr[i] != 0 {
			return
		}
	}
}

func TestNoAllocation(t *testing.T) {
	k := New([BlockSize]byte{1})
	c, m, p := NewCBC(k, 1, make([]byte, 4)), NewMAC(k), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() { c.Encrypt(p); c.Decrypt(p); m.Sum(p[:7], p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
