package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// handshake is an authentication as it was recorded.
type handshake struct {
	method    key.Method
	no        int
	challenge []byte
	token     []byte
}

// handshakeOf takes an authenticate command apart; ok is false if it has no
// token.
func handshakeOf(m *trace.Message) (h handshake, ok bool) {
	h.no = -1
	if len(m.Frames[0].Data) > 0 {
		h.no = int(m.Frames[0].Data[0])
	}
	h.challenge = m.Frames[0].Answer
	lrpAnswer := len(h.challenge) == 17
	switch m.INS {
	case wire.InsAuthenticate:
		h.method = key.MethodD40
	case wire.InsAuthenticateISO:
		h.method = key.MethodISO
	case wire.InsAuthenticateAES:
		h.method = key.MethodAES
	case wire.InsAuthenticateEV2First:
		if h.method = key.MethodEV2First; lrpAnswer {
			h.method = key.MethodLRPFirst
		}
	case wire.InsAuthenticateEV2NonFirst:
		if h.method = key.MethodEV2NonFirst; lrpAnswer {
			h.method = key.MethodLRPNonFirst
		}
	}
	if len(m.Frames) < 2 {
		return h, false
	}
	h.token = m.Frames[1].Data
	return h, true
}

func isAuth(m *trace.Message) bool {
	if m.Class != wire.ClassNative || m.Reader || m.Garbled {
		return false
	}
	switch m.INS {
	case wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First, wire.InsAuthenticateEV2NonFirst:
		return true
	}
	return false
}

// nonce is the length of the randoms, as the challenge tells it.
func (h *handshake) nonce() int {
	if h.isLRP() {
		return 16
	}
	return len(h.challenge)
}

func (h *handshake) isLRP() bool {
	return h.method == key.MethodLRPFirst || h.method == key.MethodLRPNonFirst
}

func (h *handshake) isEV2() bool {
	return h.method == key.MethodEV2First || h.method == key.MethodEV2NonFirst
}

// fits reports whether a key can be meant: the method and the length of the
// challenge say which types can.
func (h *handshake) fits(t key.Type) bool {
	switch h.method {
	case key.MethodD40:
		return t == key.TypeDES || t == key.Type2K3DES
	case key.MethodISO:
		return t != key.TypeAES && t.NonceSize() == len(h.challenge)
	}
	return t == key.TypeAES
}

// tokenMatch is what a key makes of a token.
type tokenMatch struct {
	key        *key.Secret
	rndA, rndB []byte // as the card has them
	faults     []fault
	bits       int
	sure       Sureness
}

// keyForm is a key as a reader may have taken it.
type keyForm struct {
	fault *fault
	bytes []byte
	typ   key.Type
}

// keyForms are the key as it is, and mistaken.
func keyForms(k *key.Secret) []keyForm {
	b, t := k.Export(), k.Type()
	list := []keyForm{{nil, b, t}}
	if r := reversed(b); !bytes.Equal(r, b) {
		list = append(list, keyForm{&fault{"key-byte-order", "with the bytes of the key in reverse order", "give the bytes of the key to the cipher in the order in which they were given to ChangeKey"}, r, t})
	}
	if t == key.Type2K3DES {
		list = append(list,
			keyForm{&fault{"key-half", "with the first eight bytes of the key alone", "use all sixteen bytes, as 2K3DES: K1 K2 K1"}, cat(b[:8], b[:8]), t},
			keyForm{&fault{"key-half", "with the two halves of the key exchanged", "use the halves in the order in which they were given to ChangeKey"}, cat(b[8:], b[:8]), t})
	}
	if t == key.Type3K3DES {
		list = append(list, keyForm{&fault{"key-half", "with the first sixteen bytes of the key, as 2K3DES", "use all 24 bytes, as 3K3DES"}, cat(b[:16], b[:8]), t})
	}
	return list
}

// tokenTries is what a key costs of the searches of a recording.
const tokenTries = 40

// match looks for the key, and the mistakes of the reader, that make this
// token. nil if none do.
func (h *handshake) match(keys []trace.Key, left *int) *tokenMatch {
	n := h.nonce()
	s := newSearch(left)
	var best *tokenMatch
	for _, k := range keys {
		if !h.fits(k.Value.Type()) || len(h.token) != 2*n {
			continue
		}
		for _, f := range keyForms(k.Value) {
			m := &tokenMatch{key: k.Value}
			if *left -= tokenTries; *left <= 0 {
				return best
			}
			before := s.found
			count := len(s.faults)
			if h.isLRP() {
				h.matchLRP(s, &f, m)
			} else {
				h.matchCBC(s, &f, m)
			}
			if s.found && (!before || len(s.faults) < count) {
				best = m
				best.faults, best.bits, best.sure = s.faults, s.bits, s.sure()
			}
		}
	}
	return best
}

// Faults of tokens.
var (
	faultTokenClear = fault{"token-in-clear", "the reader sent its token (RndA and RndB rotated) in clear", "encipher the token with the key, as the authentication demands"}
	faultRndAsSent  = fault{"challenge-not-deciphered", "the reader took the challenge as RndB without deciphering it", "decipher the challenge with the key; what comes out is RndB"}
	faultRndWrong   = fault{"challenge-enciphered", "the reader enciphered the challenge instead of deciphering it", "decipher the challenge with the key; what comes out is RndB"}
	faultNotRotated = fault{"rndb-not-rotated", "the reader did not rotate RndB", "rotate RndB to the left by one byte before it is put into the token"}
	faultRotRight   = fault{"rndb-rotated-right", "the reader rotated RndB to the right", "rotate RndB to the left by one byte: its first byte becomes the last"}
	faultReversed   = fault{"rndb-reversed", "the reader reversed the bytes of RndB", "rotate RndB to the left by one byte; nothing else changes"}
	faultExchanged  = fault{"randoms-exchanged", "the reader put RndB before RndA", "send RndA first, then RndB rotated"}
)

// tokenForm is how the method wants its token, and from which IV on.
func (h *handshake) tokenForm() (f form, chained bool) {
	if h.method == key.MethodD40 {
		return formDecipher, false
	}
	return formEncipher, !h.isEV2()
}

func (h *handshake) formFault(f form) *fault {
	want, _ := h.tokenForm()
	switch {
	case f == want:
		return nil
	case f == formClear:
		return &faultTokenClear
	case f == formEncipherE, f == formDecipherE:
		return &fault{"ecb", fmt.Sprintf("the reader's token is %s", f.words()), "cipher the token as a whole, chained (CBC)"}
	}
	return &fault{"cipher-direction", fmt.Sprintf("the reader's token is %s; the authentication wants it %s", f.words(), want.words()), directionAdvice(want)}
}

func directionAdvice(want form) string {
	if want == formDecipher {
		return "in D40 a reader only ever deciphers: XOR each block with the cryptogram before, then DES decryption"
	}
	return "encipher by CBC what goes to the card, decipher what comes from it"
}

// matchCBC tries the methods that cipher the token.
func (h *handshake) matchCBC(s *search, k *keyForm, m *tokenMatch) {
	c := newCipher(k.typ, k.bytes)
	b := c.BlockSize()
	su := &suite{block: b, enc: oneBlock(c.Encrypt), dec: oneBlock(c.Decrypt)}
	n := len(h.challenge)
	if n == 0 || n%b != 0 {
		return
	}
	zero := make([]byte, b)
	last := h.challenge[n-b:]
	_, chained := h.tokenForm()
	ivs := []ivForm{{nil, zero}, {&fault{"first-iv", "the reader enciphered its token from the card's challenge on as IV, not from zero", adviceZeroIV}, last}}
	if chained {
		ivs = []ivForm{{nil, last}, {&fault{"first-iv", "the reader enciphered its token from an IV of zeros, not from the card's challenge on", adviceChainedIV}, zero}}
	}
	rndBs := []struct {
		fault *fault
		b     []byte
	}{{nil, su.open(formEncipher, zero, h.challenge)}, {&faultRndAsSent, h.challenge}, {&faultRndWrong, su.open(formDecipher, zero, h.challenge)}}
	for f := range numForms {
		for i, iv := range ivs {
			if i > 0 && (f == formClear || f == formEncipherE || f == formDecipherE) {
				continue
			}
			plain := su.open(f, iv.iv, h.token)
			for _, rb := range rndBs {
				for half := range 2 {
					h.compare(s, m, plain, rb.b, half == 1, rndBs[0].b, k.fault, h.formFault(f), iv.fault, rb.fault)
				}
			}
		}
	}
}

const (
	adviceZeroIV    = "begin with an IV of zeros in this authentication"
	adviceChainedIV = "let the last block of the card's challenge be the IV of the token"
)

// ivForm is an IV and what is wrong with it.
type ivForm struct {
	fault *fault
	iv    []byte
}

// compare looks for RndB in one half of a deciphered token, whatever way it was
// turned.
func (h *handshake) compare(s *search, m *tokenMatch, plain, rndB []byte, exchanged bool, right []byte, faults ...*fault) {
	n := len(rndB)
	part, other := plain[n:], plain[:n]
	if exchanged {
		part, other = other, part
		faults = append(faults, &faultExchanged)
	}
	var f *fault
	if r := bytes.Index(cat(rndB, rndB), part); r >= 0 {
		f = rotationFault(r, n)
	} else if bytes.Equal(part, reversed(rndB)) {
		f = &faultReversed
	} else {
		return
	}
	all, ok := plus(nil, append(faults, f)...)
	if !ok || !s.try(all) {
		return
	}
	s.tries += 64 // what was compared on the way here
	s.hit(all, 8*n)
	m.rndA, m.rndB = append([]byte(nil), other...), right
}

func rotationFault(r, n int) *fault {
	switch r {
	case 1:
		return nil
	case 0:
		return &faultNotRotated
	case n - 1:
		return &faultRotRight
	}
	return &fault{"rndb-rotated-wrong", fmt.Sprintf("the reader rotated RndB by %d bytes to the left instead of one", r), "rotate RndB to the left by one byte"}
}

// matchLRP tries the token of LRP: RndA in clear, and a MAC.
func (h *handshake) matchLRP(s *search, k *keyForm, m *tokenMatch) {
	if len(k.bytes) != 16 {
		return
	}
	rndA, rndB, mac := h.token[:16], h.challenge[1:], h.token[16:]
	base := lrpSuite(nil, [16]byte(k.bytes))
	sv := func(a, b []byte) []byte { return cat([]byte{0, 1, 0, 0x80}, mixed(a, b), []byte{0x96, 0x69}) }
	derived := func(f *fault, v []byte) *suite { return lrpSuite(f, [16]byte(base.cmac(nil, v))) }
	aesKey := newCipher(key.TypeAES, k.bytes)
	right := derived(nil, sv(rndA, rndB))
	suites := []*suite{
		right,
		derived(&fault{"session-key-randoms", "the reader derived the session key with RndA and RndB exchanged", adviceSV}, sv(rndB, rndA)),
		derived(&fault{"session-key-sv", "the reader derived the session key from RndA and RndB without XOR", adviceSV}, cat([]byte{0, 1, 0, 0x80}, rndA[:13], rndB[:13], []byte{0x96, 0x69})),
		derived(&fault{"session-key-sv", "the reader derived the session key with the label at the wrong end", adviceSV}, cat([]byte{0x96, 0x69}, []byte{0, 1, 0, 0x80}, mixed(rndA, rndB))),
		lrpSuite(&fault{"session-key-base", "the reader made the MAC with the card's key, not with the session key", adviceSV}, [16]byte(k.bytes)),
		cipherSuite(&fault{"lrp-not-used", "the reader made the MAC with AES, not with LRP", "use LRP: the card answered 01 and a random in clear"}, aesKey, newCipher(key.TypeAES, ev2SessionKeys(aesKey, rndA, rndB)[1])),
	}
	for _, su := range suites {
		for _, in := range []struct {
			fault *fault
			data  []byte
		}{
			{nil, cat(rndA, rndB)},
			{&faultExchangedLRP, cat(rndB, rndA)},
			{&fault{"rndb-rotated-lrp", "the reader rotated RndB before it made the MAC", "LRP rotates nothing: MAC over RndA and RndB as they are"}, cat(rndA, rotl(rndB, 1))},
			{&fault{"rndb-rotated-lrp", "the reader rotated RndA before it made the MAC", "LRP rotates nothing: MAC over RndA and RndB as they are"}, cat(rotl(rndA, 1), rndB)},
			{&fault{"mac-input", "the reader made the MAC over RndB alone", "MAC over RndA and RndB"}, rndB},
		} {
			faults, ok := plus(nil, k.fault, su.fault, in.fault)
			if ok && s.try(faults) && bytes.Equal(su.cmac(nil, in.data), mac) {
				s.hit(faults, 128)
				m.rndA, m.rndB = rndA, rndB
			}
		}
	}
	// The token of AES instead: both randoms, enciphered.
	su := &suite{block: 16, enc: oneBlock(aesKey.Encrypt), dec: oneBlock(aesKey.Decrypt)}
	f := fault{"lrp-not-used", "the reader answered with an enciphered token, as for AES", "the card answered 01 and a random in clear, so it wants LRP: RndA in clear and a MAC"}
	plain := su.open(formEncipher, make([]byte, 16), h.token)
	for _, rb := range [][]byte{rndB, su.open(formEncipher, make([]byte, 16), rndB)} {
		faults, ok := plus(nil, k.fault, &f)
		if ok && s.try(faults) && (bytes.Equal(plain[16:], rotl(rb, 1)) || bytes.Equal(plain[16:], rb)) {
			s.hit(faults, 128)
			m.rndA, m.rndB = rndA, rndB
		}
	}
}

var faultExchangedLRP = fault{"randoms-exchanged", "the reader made the MAC over RndB and RndA, in this order", "MAC over RndA first, then RndB"}

const adviceSV = "derive session keys as the data sheet says: label, 0001 0080, RndA[0..1], RndA[2..7] XOR RndB[0..5], RndB[6..15], RndA[8..15]"
