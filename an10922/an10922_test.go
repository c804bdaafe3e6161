package an10922_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/subtle"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
)

func TestVectors(t *testing.T) {
	ctx := context.Background()
	vector.Each(t, "diversification", func(t *testing.T, v *vector.Vector) {
		b, m := v.Hex("key"), v.Hex("M")
		switch {
		case v.Has("A"): // AES-192
			got, err := an10922.AES192(b, m)
			if err != nil || !bytes.Equal(got, v.Hex("diversified")) {
				t.Errorf("%X, %v", got, err)
			}
			x := bytes.Clone(v.Hex("A")[8:])
			subtle.XORBytes(x, x, v.Hex("B")[:8])
			if !bytes.Equal(got, append(append(v.Hex("A")[:8], x...), v.Hex("B")[8:]...)) {
				t.Error("the parts do not make the key")
			}
		case v.Has("raw"):
			kt := key.Type2K3DES
			if len(b) == 24 {
				kt = key.Type3K3DES
			}
			master, err := key.New(kt, b, 0)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := an10922.Bytes(ctx, master, m)
			if err != nil || !bytes.Equal(raw, v.Hex("raw")) {
				t.Errorf("%X, %v", raw, err)
			}
			k, err := an10922.Key(ctx, master, m)
			if err != nil || !bytes.Equal(k.Export(), v.Hex("with_master_version")) {
				t.Errorf("with the master's version: %v", err)
			}
			if v.Has("master_version") && master.Version() != v.Hex("master_version")[0] {
				t.Errorf("master's version %02X", master.Version())
			}
			v.Ignore("libfreefare_variant") // a convention of hosts that we do not follow
		default:
			master, err := key.NewAES(b, 0x2A)
			if err != nil {
				t.Fatal(err)
			}
			k, err := an10922.Key(ctx, master, m)
			if err != nil || !bytes.Equal(k.Export(), v.Hex("diversified")) || k.Version() != 0x2A {
				t.Errorf("%v, %v", k, err)
			}
			intermediates(t, v, b, m)
		}
	})
}

func intermediates(t *testing.T, v *vector.Vector, b, m []byte) {
	blk, err := aes.NewCipher(b)
	if err != nil {
		t.Fatal(err)
	}
	mac := cmac.New(blk)
	if v.Has("k1") {
		k1, k2 := mac.Subkeys()
		if !bytes.Equal(k1, v.Hex("k1")) || !bytes.Equal(k2, v.Hex("k2")) {
			t.Errorf("subkeys %X %X", k1, k2)
		}
		v.Ignore("cmac_k0", "D_xored") // shown by the subkeys and the result
	}
	if v.Has("plain_cmac_wrong") {
		mac.Reset(nil)
		mac.WriteByte(1)
		mac.Write(m)
		if !bytes.Equal(mac.Sum(), v.Hex("plain_cmac_wrong")) || bytes.Equal(v.Hex("plain_cmac_wrong"), v.Hex("diversified")) {
			t.Error("the note on the ordinary CMAC does not hold")
		}
	}
}

// The input of the application note's example.
func TestInput(t *testing.T) {
	got := an10922.Input([]byte{0x04, 0x78, 0x2E, 0x21, 0x80, 0x1D, 0x80}, 0x3042F5, "NXP Abu")
	for _, v := range vector.Load(t, "diversification") {
		if v.ID == "div-aes128-1" && !bytes.Equal(got, v.Hex("M")) {
			t.Errorf("%X, want %X", got, v.Hex("M"))
		}
	}
}

func TestBadInput(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		kt   key.Type
		n    int
		good bool
	}{{key.TypeAES, 0, false}, {key.TypeAES, 31, true}, {key.TypeAES, 32, false}, {key.Type2K3DES, 15, true}, {key.Type2K3DES, 16, false}, {key.Type3K3DES, 16, false}} {
		if _, err := an10922.Key(ctx, key.Zero(tt.kt), make([]byte, tt.n)); (err == nil) != tt.good {
			t.Errorf("%v with %d bytes: %v", tt.kt, tt.n, err)
		}
	}
	if _, err := an10922.AES192(make([]byte, 16), []byte{1}); err == nil {
		t.Error("AES-192 with 16 bytes")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := an10922.Key(ended, key.Zero(key.TypeAES), []byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

// The identifier of a system is bytes if it is hexadecimal, unless it says that
// it is text.
func TestSystem(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "NXP Abu": "NXP Abu", "4E585020": "NXP ", "hex:beef": "\xBE\xEF", "text:beef": "beef", "beef": "\xBE\xEF", "bee": "bee", "text:": "",
	} {
		if got := an10922.System(text); string(got) != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
