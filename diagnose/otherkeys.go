package diagnose

import (
	"crypto/cipher"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// opening is how a session was opened, where its key is known.
type opening struct {
	exchange   int
	method     key.Method
	no         int
	key        *key.Secret
	rndA, rndB []byte
	challenge  []byte
}

// ivFault: the IV of a token garbles RndA alone, so that the card takes the
// token, and has another RndA than the reader.
func (o *opening) ivFault() (*fault, []byte) {
	h := handshake{method: o.method, challenge: o.challenge}
	b := o.key.Type().BlockSize()
	if h.isLRP() || len(o.challenge) < b || len(o.rndA) < b {
		return nil, nil
	}
	text, next := "the reader enciphered its token from the card's challenge on as IV, not from zero, so that the card has another RndA and other session keys", adviceZeroIV
	if _, chained := h.tokenForm(); chained {
		text, next = "the reader enciphered its token from an IV of zeros, not from the card's challenge on, so that the card has another RndA and other session keys", adviceChainedIV
	}
	return &fault{"first-iv", text, next + "; and compare RndA with the card's answer before the session is used"}, cat(xor(o.rndA[:b], o.challenge[len(o.challenge)-b:]), o.rndA[b:])
}

// mixed is the context of EV2 and LRP key derivation.
func mixed(a, b []byte) []byte { return cat(a[:2], xor(a[2:8], b[:6]), b[6:16], a[8:16]) }

// ev2SessionKeys are the encryption key and the MAC key of EV2.
func ev2SessionKeys(c cipher.Block, a, b []byte) [2][]byte {
	return [2][]byte{derive(c, []byte{0xA5, 0x5A}, mixed(a, b)), derive(c, []byte{0x5A, 0xA5}, mixed(a, b))}
}

func derive(c cipher.Block, label, context []byte) []byte {
	m := cmac.New(c)
	m.Write(label)
	m.Write([]byte{0, 1, 0, 0x80})
	m.Write(context)
	return append([]byte(nil), m.Sum()...)
}

// classicKey is the session key of D40 and EV1.
func classicKey(t key.Type, a, b []byte) []byte {
	switch t {
	case key.TypeDES:
		return cat(a[:4], b[:4])
	case key.Type2K3DES:
		return cat(a[:4], b[:4], a[4:8], b[4:8])
	case key.Type3K3DES:
		return cat(a[:4], b[:4], a[6:10], b[6:10], a[12:16], b[12:16])
	}
	return cat(a[:4], b[:4], a[12:16], b[12:16])
}

// wrong are the session keys that readers derive by mistake.
func (o *opening) wrong(scheme wire.Scheme, t key.Type) []*suite {
	if o == nil || o.key == nil || len(o.rndA) != len(o.rndB) || len(o.rndA) < o.key.Type().NonceSize() {
		return zeroKeys(scheme, t)
	}
	switch scheme {
	case wire.SchemeEV2:
		return append(o.wrongEV2(), zeroKeys(scheme, key.TypeAES)...)
	case wire.SchemeLRP:
		return o.wrongLRP()
	}
	return append(o.wrongClassic(), zeroKeys(scheme, o.key.Type())...)
}

const adviceClassic = "take the parts of the session key from RndA and RndB, deciphered and not rotated, in the order A B A B"

func (o *opening) wrongClassic() (list []*suite) {
	t, a, b := o.key.Type(), o.rndA, o.rndB
	add := func(rule, text, next string, t key.Type, k []byte) {
		c := newCipher(t, k)
		list = append(list, cipherSuite(&fault{rule, text, next}, c, c))
	}
	for _, w := range []struct {
		rule, text string
		a, b       []byte
	}{
		{"session-key-randoms", "the reader derived the session key with RndA and RndB exchanged", b, a},
		{"session-key-rotated", "the reader derived the session key from RndB rotated", a, rotl(b, 1)},
		{"session-key-rotated", "the reader derived the session key from RndA rotated", rotl(a, 1), b},
		{"session-key-rotated", "the reader derived the session key from RndA and RndB rotated", rotl(a, 1), rotl(b, 1)},
	} {
		add(w.rule, w.text, adviceClassic, t, classicKey(t, w.a, w.b))
	}
	if f, a := o.ivFault(); f != nil {
		add(f.rule, f.text, f.next, t, classicKey(t, a, b))
	}
	switch t {
	case key.TypeDES:
		add("session-key-layout", "the reader derived a session key of 2K3DES, but the card's key is one of DES (two equal halves)", "for a key with two equal halves the session key is the eight bytes RndA[0..3] RndB[0..3]", key.Type2K3DES, classicKey(key.Type2K3DES, a, b))
	case key.Type2K3DES:
		add("session-key-layout", "the reader derived a session key of DES, but the card's key is one of 2K3DES (its halves differ)", "for 2K3DES the session key has sixteen bytes: RndA[0..3] RndB[0..3] RndA[4..7] RndB[4..7]", key.TypeDES, classicKey(key.TypeDES, a, b))
	case key.Type3K3DES:
		add("session-key-layout", "the reader took the parts of the session key at 4 and 8, but for 3K3DES they stand at 6 and 12", adviceClassic, t, cat(a[:4], b[:4], a[4:8], b[4:8], a[8:12], b[8:12]))
	case key.TypeAES:
		add("session-key-layout", "the reader derived the AES session key from the parts that 2K3DES takes (4..7)", "for AES the session key is RndA[0..3] RndB[0..3] RndA[12..15] RndB[12..15]", t, classicKey(key.Type2K3DES, a, b))
	}
	add("session-key-base", "the reader used the card's key instead of the session key", "derive the session key from RndA and RndB once the card's answer is right", t, o.key.Export())
	return list
}

func (o *opening) wrongEV2() (list []*suite) {
	c := newCipher(key.TypeAES, o.key.Export())
	a, b := o.rndA, o.rndB
	add := func(rule, text string, data, mac []byte) {
		list = append(list, cipherSuite(&fault{rule, text, adviceSV}, newCipher(key.TypeAES, data), newCipher(key.TypeAES, mac)))
	}
	if f, a := o.ivFault(); f != nil {
		k := ev2SessionKeys(c, a, b)
		list = append(list, cipherSuite(f, newCipher(key.TypeAES, k[0]), newCipher(key.TypeAES, k[1])))
	}
	right := ev2SessionKeys(c, a, b)
	add("session-key-label", "the reader took the two session keys, of encryption and of MAC, one for the other", right[1], right[0])
	for _, w := range []struct {
		rule, text string
		a, b       []byte
	}{
		{"session-key-randoms", "the reader derived the session keys with RndA and RndB exchanged", b, a},
		{"session-key-rotated", "the reader derived the session keys from RndB rotated", a, rotl(b, 1)},
		{"session-key-rotated", "the reader derived the session keys from RndA rotated", rotl(a, 1), b},
	} {
		k := ev2SessionKeys(c, w.a, w.b)
		add(w.rule, w.text, k[0], k[1])
	}
	for _, w := range []struct {
		text    string
		context []byte
	}{
		{"the reader derived the session keys from RndA and RndB without XOR", cat(a[:13], b[:13])},
		{"the reader derived the session keys without XOR of the middle part", cat(a[:8], b[6:16], a[8:16])},
		{"the reader took the wrong part of RndB for the XOR", cat(a[:2], xor(a[2:8], b[2:8]), b[6:16], a[8:16])},
		{"the reader derived the session keys with RndB's end in the wrong place", cat(a[:2], xor(a[2:8], b[:6]), a[8:16], b[6:16])},
	} {
		add("session-key-sv", w.text, derive(c, []byte{0xA5, 0x5A}, w.context), derive(c, []byte{0x5A, 0xA5}, w.context))
	}
	if z := make([]byte, 16); string(o.key.Export()) != string(z) {
		k := ev2SessionKeys(newCipher(key.TypeAES, z), a, b)
		add("session-key-base", "the reader derived the session keys with a key of zeros instead of the card's key", k[0], k[1])
	}
	k := classicKey(key.TypeAES, a, b)
	add("session-key-layout", "the reader derived the session key as EV1 does", k, k)
	add("session-key-base", "the reader used the card's key instead of the session keys", o.key.Export(), o.key.Export())
	return list
}

func (o *opening) wrongLRP() (list []*suite) {
	base := lrpSuite(nil, [16]byte(o.key.Export()))
	a, b := o.rndA, o.rndB
	for _, w := range []struct {
		rule, text string
		sv         []byte
	}{
		{"session-key-randoms", "the reader derived the session key with RndA and RndB exchanged", mixed(b, a)},
		{"session-key-rotated", "the reader derived the session key from RndB rotated", mixed(a, rotl(b, 1))},
		{"session-key-rotated", "the reader derived the session key from RndA rotated", mixed(rotl(a, 1), b)},
		{"session-key-sv", "the reader derived the session key from RndA and RndB without XOR", cat(a[:13], b[:13])},
	} {
		master := base.cmac(nil, []byte{0, 1, 0, 0x80}, w.sv, []byte{0x96, 0x69})
		list = append(list, lrpSuite(&fault{w.rule, w.text, adviceSV}, [16]byte(master)))
	}
	if z := [16]byte{}; string(o.key.Export()) != string(z[:]) {
		master := lrpSuite(nil, z).cmac(nil, []byte{0, 1, 0, 0x80}, mixed(a, b), []byte{0x96, 0x69})
		list = append(list, lrpSuite(&fault{"session-key-base", "the reader derived the session key with a key of zeros instead of the card's key", adviceSV}, [16]byte(master)))
	}
	c := newCipher(key.TypeAES, o.key.Export())
	k := ev2SessionKeys(c, a, b)
	list = append(list,
		cipherSuite(&fault{"lrp-not-used", "the reader went on with AES session keys in an LRP session", "use LRP for MAC and encryption of the session"}, newCipher(key.TypeAES, k[0]), newCipher(key.TypeAES, k[1])),
		lrpSuite(&fault{"session-key-base", "the reader used the card's key instead of the session key", adviceSV}, [16]byte(o.key.Export())),
		lrpSuite(&faultZero, [16]byte{}))
	return list
}

var faultZero = fault{"session-key-zero", "the reader used a session key of zeros: it had derived none, or had forgotten it", "keep the session keys of the last authentication until the session ends"}

// zeroKeys is the session key of a reader that has none.
func zeroKeys(scheme wire.Scheme, t key.Type) []*suite {
	if scheme == wire.SchemeLRP {
		return []*suite{lrpSuite(&faultZero, [16]byte{})}
	}
	n := 16
	if t == key.Type3K3DES {
		n = 24
	}
	c := newCipher(t, make([]byte, n))
	return []*suite{cipherSuite(&faultZero, c, c)}
}
