package lrp_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/internal/vector"
)

func TestEval(t *testing.T) {
	vector.Each(t, "lrp-eval", func(t *testing.T, v *vector.Vector) {
		k := lrp.New([16]byte(v.Hex("key")))
		if v.Has("p0") {
			table(t, k, v)
			return
		}
		in := v.Text("input")
		nibbles := len(in)
		if nibbles%2 == 1 {
			in += "0"
		}
		var x []byte
		if _, err := fmt.Sscanf(in, "%x", &x); err != nil && in != "" {
			t.Fatal(err)
		}
		got := k.Eval(k.Updated(v.Int("updated_key")), x, nibbles, v.Int("finalize") == 1)
		if want := v.Hex("result"); !bytes.Equal(got[:], want) {
			t.Errorf("%X, want %X", got, want)
		}
	})
}

func table(t *testing.T, k *lrp.Key, v *vector.Vector) {
	p0, p15, u0, u1, u2 := k.Plaintext(0), k.Plaintext(15), k.Updated(0), k.Updated(1), k.Updated(2)
	for name, got := range map[string][16]byte{"p0": p0, "p15": p15, "uk0": u0, "uk1": u1, "uk2": u2} {
		if want := v.Hex(name); !bytes.Equal(got[:], want) {
			t.Errorf("%s = %X, want %X", name, got, want)
		}
	}
	all := v.Text("all_plaintexts")
	for i := range 16 {
		if p := k.Plaintext(i); !strings.Contains(all, fmt.Sprintf("%X", p)) {
			t.Errorf("plaintext %d = %X is not in %s", i, p, all)
		}
	}
}

func TestLRICB(t *testing.T) {
	vector.Each(t, "lrp-lricb", func(t *testing.T, v *vector.Vector) {
		k := lrp.New([16]byte(v.Hex("key")))
		ctr, plain, want := v.Hex("counter"), v.Hex("plain"), v.Hex("cipher")
		p := bytes.Clone(plain)
		if v.Int("padding") == 1 {
			p = append(p, 0x80)
			p = append(p, make([]byte, -len(p)&15)...)
		}
		c := bytes.Clone(p)
		lrp.NewCBC(k, 0, bytes.Clone(ctr)).Encrypt(c)
		if !bytes.Equal(c, want) {
			t.Errorf("cipher %X, want %X", c, want)
		}
		lrp.NewCBC(k, 0, ctr).Decrypt(c)
		if !bytes.Equal(c, p) || !bytes.Equal(c, v.Hex("decrypted")) {
			t.Errorf("decrypted %X, want %X", c, p)
		}
	})
}

func TestCMAC(t *testing.T) {
	vector.Each(t, "lrp-cmac", func(t *testing.T, v *vector.Vector) {
		m := lrp.NewMAC(lrp.New([16]byte(v.Hex("key"))))
		msg := v.Hex("message")
		k1, k2 := m.Subkeys()
		if !bytes.Equal(k1[:], v.Hex("k1")) || !bytes.Equal(k2[:], v.Hex("k2")) {
			t.Errorf("subkeys %X %X", k1, k2)
		}
		used := k2
		if len(msg) > 0 && len(msg)%16 == 0 {
			used = k1
		}
		if !bytes.Equal(used[:], v.Hex("subkey_used")) {
			t.Errorf("subkey %X", used)
		}
		v.Ignore("k0") // checked by its doubles
		want := v.Hex("mac")
		if got := m.Sum(msg); !bytes.Equal(got[:], want) {
			t.Errorf("%X, want %X", got, want)
		}
		cut := len(msg) / 3
		if got := m.Sum(msg[:cut], nil, msg[cut:]); !bytes.Equal(got[:], want) {
			t.Errorf("in pieces: %X, want %X", got, want)
		}
	})
}

func BenchmarkMAC64(b *testing.B) {
	m, msg := lrp.NewMAC(lrp.New([16]byte{1})), make([]byte, 64)
	b.SetBytes(64)
	for b.Loop() {
		m.Sum(msg)
	}
}
