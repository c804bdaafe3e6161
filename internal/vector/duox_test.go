package vector

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"math/big"
	"testing"
)

// brainpoolP256r1 (RFC 5639, 3.4): y2 = x3 + ax + b mod p.
const (
	brainpoolP = "A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377"
	brainpoolA = "7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9"
	brainpoolB = "26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6"
)

// No package of this module speaks to a DUOX card. What can be said of its
// published root keys without their certificates, which are not among the
// vectors, is that each is a point of the curve it is published for.
func TestDUOXKeys(t *testing.T) {
	Each(t, "duox", func(t *testing.T, v *Vector) {
		v.Ignore("subject", "issuer", "hash", "issuer_signature_valid")
		point := v.Hex("public_key_uncompressed")
		switch curve := v.Text("curve"); curve {
		case "secp256r1", "secp521r1":
			c := elliptic.P256()
			if curve == "secp521r1" {
				c = elliptic.P521()
			}
			if _, err := ecdsa.ParseUncompressedPublicKey(c, point); err != nil {
				t.Error(err)
			}
			point[9] ^= 1
			if _, err := ecdsa.ParseUncompressedPublicKey(c, point); err == nil {
				t.Error("a changed point is still on the curve")
			}
		case "brainpoolP256r1":
			if len(point) != 65 || point[0] != 4 || !onBrainpool(point[1:33], point[33:]) {
				t.Error("not a point of the curve")
			}
			if point[9] ^= 1; onBrainpool(point[1:33], point[33:]) {
				t.Error("a changed point is still on the curve")
			}
		default:
			t.Errorf("unknown curve %s", curve)
		}
	})
}

func onBrainpool(xb, yb []byte) bool {
	number := func(s string) *big.Int {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return new(big.Int).SetBytes(b)
	}
	p, x, y := number(brainpoolP), new(big.Int).SetBytes(xb), new(big.Int).SetBytes(yb)
	right := new(big.Int).Exp(x, big.NewInt(3), p)
	right.Add(right, new(big.Int).Mul(number(brainpoolA), x))
	right.Add(right, number(brainpoolB)).Mod(right, p)
	return right.Cmp(new(big.Int).Exp(y, big.NewInt(2), p)) == 0
}
