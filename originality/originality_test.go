package originality_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/originality"
)

func TestVectors(t *testing.T) {
	vector.Each(t, "originality", func(t *testing.T, v *vector.Vector) {
		uid, sig := v.Hex("uid"), v.Hex("signature_r_s")
		if v.Text("curve") != "secp224r1" || v.Text("valid") != "true" {
			t.Fatalf("curve %s, valid %s", v.Text("curve"), v.Text("valid"))
		}
		k, err := originality.Check(uid, sig)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Has("public_key") { // of a real card, which tells its product only
			if !strings.Contains(k.Products, strings.ReplaceAll(v.Text("product"), " ", "")) {
				t.Errorf("signed by the key of %s", k.Products)
			}
		} else if !bytes.Equal(k.Point[:], v.Hex("public_key")) {
			t.Errorf("signed by the key of %s", k.Products)
		} else if k.Products != v.Text("product") {
			t.Errorf("key of %q, published as %q", k.Products, v.Text("product"))
		}
		for bit := range 8 * len(uid) {
			bad := bytes.Clone(uid)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := originality.Check(bad, sig); !errors.Is(err, originality.ErrNotSigned) {
				t.Errorf("another UID: %v", err)
			}
		}
	})
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct{ uid, sig int }{{7, 0}, {7, 55}, {7, 57}, {4, 56}, {10, 56}, {0, 56}} {
		if _, err := originality.Check(make([]byte, tt.uid), make([]byte, tt.sig)); err == nil || errors.Is(err, originality.ErrNotSigned) {
			t.Errorf("%d and %d bytes: %v", tt.uid, tt.sig, err)
		}
	}
	if _, err := originality.Check(make([]byte, 7), make([]byte, 56)); !errors.Is(err, originality.ErrNotSigned) {
		t.Errorf("zeros: %v", err)
	}
	if _, err := originality.Check(make([]byte, 7), bytes.Repeat([]byte{0xFF}, 56)); !errors.Is(err, originality.ErrNotSigned) {
		t.Errorf("r and s beyond the group: %v", err)
	}
	if len(originality.Keys()) != 6 {
		t.Errorf("%d keys", len(originality.Keys()))
	}
}

// The signature of an NTAG 424 DNA as AN12196 prints it.
func Example() {
	uid := []byte{0x04, 0x51, 0x8D, 0xFA, 0xA9, 0x61, 0x80}
	var signature []byte
	fmt.Sscanf("D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21", "%X", &signature)
	k, err := originality.Check(uid, signature)
	fmt.Println(k.Products, err)
	// Output: NTAG424DNA, DESFire EV2, DESFire Light <nil>
}
