package cmac_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/vector"
)

func block(t testing.TB, alg string, key []byte) cipher.Block {
	t.Helper()
	var b cipher.Block
	var err error
	switch alg {
	case "aes":
		b, err = aes.NewCipher(key)
	case "2tdea":
		b, err = des.NewTripleDESCipher(append(bytes.Clone(key), key[:8]...))
	case "3tdea":
		b, err = des.NewTripleDESCipher(key)
	case "des":
		b, err = des.NewCipher(key[:8])
	default:
		t.Fatalf("unknown algorithm %q", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	vector.Each(t, "cmac", func(t *testing.T, v *vector.Vector) {
		m := cmac.New(block(t, v.Text("alg"), v.Hex("key")))
		k1, k2 := m.Subkeys()
		if !bytes.Equal(k1, v.Hex("k1")) || !bytes.Equal(k2, v.Hex("k2")) {
			t.Errorf("subkeys %X %X", k1, k2)
		}
		msg, want := v.Hex("message"), v.Hex("cmac")
		m.Write(msg)
		if got := m.Sum(); !bytes.Equal(got, want) {
			t.Errorf("whole: %X, want %X", got, want)
		}
		for step := 1; step < len(msg); step++ {
			m.Reset(nil)
			for i := 0; i < len(msg); i += step {
				m.Write(msg[i:min(i+step, len(msg))])
			}
			if got := m.Sum(); !bytes.Equal(got, want) {
				t.Errorf("in pieces of %d: %X, want %X", step, got, want)
			}
		}
		m.Reset(nil)
		for _, b := range msg {
			m.WriteByte(b)
		}
		if got := m.Sum(); !bytes.Equal(got, want) {
			t.Errorf("byte by byte: %X, want %X", got, want)
		}
	})
}

// A chain that starts at C1 continues a message whose first block ciphers to C1.
func TestStart(t *testing.T) {
	b := block(t, "aes", bytes.Repeat([]byte{7}, 16))
	m := cmac.New(b)
	msg := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 8)
	m.Write(msg)
	want := bytes.Clone(m.Sum())
	c1 := make([]byte, 16)
	b.Encrypt(c1, msg[:16])
	m.Reset(c1)
	m.Write(msg[16:])
	if got := m.Sum(); !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
}

func TestNoAllocation(t *testing.T) {
	m, msg := cmac.New(block(t, "aes", make([]byte, 16))), make([]byte, 61)
	if n := testing.AllocsPerRun(100, func() { m.Reset(nil); m.Write(msg); m.Sum() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
