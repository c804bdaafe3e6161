package trace

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// refusedToken notes an authentication whose token the card refused.
func (v *verifier) refusedToken(m *message, h *handshake, name string) {
	f := Failure{Exchange: m.last(), Check: CheckToken, What: name + ": " + cardRefused(m)}
	why, own := v.whyRefused(h)
	note := "refused"
	if why != "" {
		f.What += "; " + why
		note += ": " + why
	}
	v.opened(m, nil, note)
	if own {
		v.res.Failures = append(v.res.Failures, f)
		return
	}
	if why == "" && len(v.keys) > 0 {
		f.What += "; none of the keys that are known explains the reader's token"
	}
	v.rejected = append(v.rejected, f) // it opened no session, so nothing else hangs on it
}

// whyRefused says what the reader did in an authentication that the card
// refused, as far as the known keys tell: a token that is right under one of
// them was made with another key than the card's. own reports that the reader
// has made the token wrong.
func (v *verifier) whyRefused(h *handshake) (why string, own bool) {
	want := 2 * len(h.challenge)
	if h.method == key.MethodLRPFirst || h.method == key.MethodLRPNonFirst {
		want = 2 * blockAES
	}
	if len(h.token) != want {
		return fmt.Sprintf("the reader's token has %d bytes instead of %d", len(h.token), want), true
	}
	for _, strict := range [...]bool{true, false} {
		for i := len(v.keys) - 1; i >= 0; i-- {
			k := v.keys[i]
			if strict != v.meant(k, h.keyNo) || !v.mayTry(i, h) {
				continue
			}
			if _, ok := h.try(k.Value); ok {
				v.use(k.Value)
				return "the reader's token is right for the key " + key.String(k.Value) + ", so the card holds another one", false
			}
			if wrong := h.wrongToken(k.Value); wrong != "" {
				v.use(k.Value)
				return "the reader " + wrong + " (key " + key.String(k.Value) + ")", true
			}
		}
	}
	return "", false
}

// wrongToken says how a token was made wrong with the key k, empty if it was
// not made with it, or right.
func (h *handshake) wrongToken(k *key.Secret) string {
	n := len(h.challenge)
	t := k.Type()
	if !h.takes(t) || n != t.NonceSize() && h.method != key.MethodD40 || n == 0 || len(h.token) != 2*n {
		return ""
	}
	rndB := decrypt(k, nil, h.challenge)
	d40 := h.method == key.MethodD40
	for _, way := range [...]struct {
		plain []byte
		what  string
		right bool
	}{
		{decipheredToken(k, h.token), "deciphered its token, as for D40; this authentication wants it enciphered", d40},
		{decrypt(k, h.challenge[n-t.BlockSize():], h.token), "enciphered its token; a D40 reader deciphers", !d40},
		{ecb(k, h.token, decrypt), "enciphered the two halves of its token apart from each other (ECB); CBC chains them", false},
		{ecb(k, h.token, encrypt), "deciphered the two halves of its token apart from each other (ECB); CBC chains them", false},
		{h.token, "sent its token in clear", false},
	} {
		half := way.plain[n:]
		switch {
		case bytes.Equal(half, rotl(rndB)):
			if !way.right {
				return way.what
			}
		case bytes.Equal(half, rndB):
			return alsoWrong(way.right, way.what) + "did not rotate the card's random in its token"
		case bytes.Equal(half, rotr(rndB)):
			return alsoWrong(way.right, way.what) + "rotated the card's random the wrong way"
		case bytes.Equal(way.plain[:n], rotl(rndB)) && !bytes.Equal(half, rotl(rndB)):
			return alsoWrong(way.right, way.what) + "put the card's random before its own in its token"
		}
	}
	return ""
}

func alsoWrong(right bool, what string) string {
	if right {
		return ""
	}
	return what + ", and it "
}

// takes reports whether an authentication is done with keys of a type. LRP,
// whose token is a MAC, does not count.
func (h *handshake) takes(t key.Type) bool {
	switch h.method {
	case key.MethodD40:
		return t == key.TypeDES || t == key.Type2K3DES
	case key.MethodISO:
		return t != key.TypeAES
	case key.MethodAES, key.MethodEV2First, key.MethodEV2NonFirst:
		return t == key.TypeAES
	}
	return false
}

// decipheredToken is the content of a token that was made as D40 readers do.
func decipheredToken(k *key.Secret, token []byte) []byte {
	plain := ecb(k, token, encrypt)
	b := k.Type().BlockSize()
	for i := b; i < len(plain); i++ {
		plain[i] ^= token[i-b]
	}
	return plain
}

// ecb does each block by itself.
func ecb(k *key.Secret, src []byte, do func(k *key.Secret, iv, src []byte) []byte) (out []byte) {
	b := k.Type().BlockSize()
	for i := 0; i+b <= len(src); i += b {
		out = append(out, do(k, nil, src[i:i+b])...)
	}
	return out
}

// withoutType reports whether a ChangeKey of the PICC master key has the length of an
// AES key and the key number of a DES key: the card expects the other length.
func (v *verifier) withoutType(m *message) bool {
	const cryptogramAES = 32 // key, version, CRC32, filled up; a DES key has 24
	return m.ins == insChangeKey && v.app != nil && *v.app == [3]byte{} && len(m.body) == 1+cryptogramAES && m.body[0] == 0
}
