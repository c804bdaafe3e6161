package an10922

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// cmacOf is the CMAC of a message that is padded to n bytes in its own way: a
// second reading of AN10922, with nothing of the first.
func cmacOf(block cipher.Block, poly byte, n int, message []byte) []byte {
	size := block.BlockSize()
	double := func(b []byte) []byte {
		out := make([]byte, len(b))
		for i := range b {
			out[i] = b[i] << 1
			if i+1 < len(b) {
				out[i] |= b[i+1] >> 7
			}
		}
		if b[0]&0x80 != 0 {
			out[len(out)-1] ^= poly
		}
		return out
	}
	zero := make([]byte, size)
	block.Encrypt(zero, zero)
	last := double(zero)
	if len(message) < n {
		message = append(bytes.Clone(message), 0x80)
		message = append(message, make([]byte, n-len(message))...)
		last = double(last)
	}
	for i := range last {
		message[n-size+i] ^= last[i]
	}
	out := make([]byte, n)
	cipher.NewCBCEncrypter(block, make([]byte, size)).CryptBlocks(out, message)
	return out[n-size:]
}

// FuzzKey derives keys. An AES key is what a second reading of the note makes of
// it; of every type the key has the type and version of its master, and no
// other input gives it.
func FuzzKey(f *testing.F) {
	for typ := range byte(4) {
		f.Add(typ, []byte("0123456789abcdefghijklmn"), []byte{4, 1, 2, 3, 4, 5, 6, 0xF4, 0x81, 0x21}, byte(3), "desfire")
		f.Add(typ, []byte("0123456789abcdefghijklmn"), bytes.Repeat([]byte{7}, 31), byte(3), "hex:00")
		f.Add(typ, make([]byte, 24), []byte{}, byte(0), "text:00")
	}
	f.Fuzz(func(t *testing.T, which byte, master, input []byte, version byte, system string) {
		ctx := context.Background()
		typ := []key.Type{key.TypeDES, key.Type2K3DES, key.Type3K3DES, key.TypeAES}[which%4]
		if len(master) < 24 {
			return
		}
		most := 15
		if typ == key.TypeAES {
			most = 31
		}
		m, err := key.New(typ, master[:typ.Size()], version)
		if err != nil {
			return
		}
		fits := len(input) > 0 && len(input) <= most
		k, err := Key(ctx, m, input)
		if (err == nil) != fits {
			t.Fatalf("%v with %d bytes: %v", typ, len(input), err)
		}
		if b, err := AES192(master[:24], input); (err == nil) != (len(input) > 0 && len(input) <= 31) || err == nil && len(b) != 24 {
			t.Fatalf("AES-192 with %d bytes: %v", len(input), err)
		}
		if s := System(system); len(s) > len(system) {
			t.Fatalf("%q is %X", system, s)
		}
		if whole := Input(input, wire.AID(0xF48121), "x"); !bytes.Equal(whole, append(append(bytes.Clone(input), 0xF4, 0x81, 0x21), 'x')) {
			t.Fatalf("%X", whole)
		}
		if !fits {
			return
		}
		want := typ
		if typ == key.TypeDES {
			want = key.Type2K3DES
		}
		if k.Type() != want || k.Version() != m.Version() {
			t.Fatalf("a %v of version %d from a %v of %d", k.Type(), k.Version(), typ, m.Version())
		}
		if typ == key.TypeAES {
			block, err := aes.NewCipher(master[:16])
			if err != nil {
				t.Fatal(err)
			}
			if want := cmacOf(block, 0x87, 32, append([]byte{1}, input...)); !bytes.Equal(k.Export(), want) {
				t.Fatalf("%X derives %X, want %X", input, k.Export(), want)
			}
		}
		other := bytes.Clone(input)
		other[int(version)%len(other)] ^= 1
		if k2, err := Key(ctx, m, other); err != nil || bytes.Equal(k2.Export(), k.Export()) {
			t.Fatalf("%X and %X give one key: %v", input, other, err)
		}
	})
}
