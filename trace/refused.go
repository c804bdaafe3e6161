package trace

import (
	"bytes"

	"github.com/go-desfire/desfire/key"
)

// whyRefused says what the reader did in an authentication that the card
// refused, as far as the known keys tell: a token that is right under one of
// them was made with another key than the card's, and one that is right the
// other way round was enciphered where the reader has to decipher.
func (v *verifier) whyRefused(h *handshake) string {
	for _, strict := range [...]bool{true, false} {
		for i := len(v.keys) - 1; i >= 0; i-- {
			k := v.keys[i]
			if strict != v.meant(k, h.keyNo) {
				continue
			}
			if _, ok := h.try(k.Value); ok {
				return "refused: the reader's token is right for the key " + key.String(k.Value) + ", so the card holds another one"
			}
			if h.enciphered(k.Value) {
				return "refused: the reader enciphered its token with the key " + key.String(k.Value) + "; a D40 reader deciphers"
			}
		}
	}
	return "refused"
}

// enciphered reports whether the token of a D40 authentication was made the way
// that ISO and AES authentications make it: by CBC encryption.
func (h *handshake) enciphered(k *key.Secret) bool {
	t := k.Type()
	if h.method != key.MethodD40 || t != key.TypeDES && t != key.Type2K3DES || len(h.challenge) != 8 || len(h.token) != 16 {
		return false
	}
	rotB := rotl(decrypt(k, nil, h.challenge))
	return bytes.Equal(decrypt(k, nil, h.token)[8:], rotB) || bytes.Equal(decrypt(k, h.challenge, h.token)[8:], rotB)
}

// withoutType reports whether a ChangeKey of the PICC master key has the length of an
// AES key and the key number of a DES key: the card expects the other length.
func (v *verifier) withoutType(m *message) bool {
	const cryptogramAES = 32 // key, version, CRC32, filled up; a DES key has 24
	return m.ins == insChangeKey && v.app != nil && *v.app == [3]byte{} && len(m.body) == 1+cryptogramAES && m.body[0] == 0
}
