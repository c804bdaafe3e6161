package diagnose_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// hand is a reader made by hand, from the primitives alone, that makes one
// mistake: the one that flaw names. It records what passes.
type hand struct {
	t    *testing.T
	tr   desfire.Transport
	rec  trace.Recording
	r    *rand.Rand
	flaw string
	key  *key.Secret
	ins  byte // of the authentication

	rndA, rndB []byte
	ses        cipher.Block // D40, EV1: session key; EV2: encryption
	mac        *cmac.MAC
	lrp        *lrp.Key
	iv         []byte // EV1
	ti         []byte
	ctr        uint16
	blocks     uint32 // LRP
	last       []byte // the last cryptogram
}

func (h *hand) is(flaw string) bool { return h.flaw == flaw }

func (h *hand) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.r.Uint32())
	}
	return b
}

// send sends a wrapped command and records it.
func (h *hand) send(ins byte, data []byte) ([]byte, byte) {
	h.t.Helper()
	cmd := []byte{0x90, ins, 0, 0}
	if len(data) > 0 {
		cmd = append(append(cmd, byte(len(data))), data...)
	}
	return h.raw(append(cmd, 0))
}

func (h *hand) raw(cmd []byte) ([]byte, byte) {
	h.t.Helper()
	rsp, err := h.tr.Transmit(context.Background(), cmd)
	if err != nil || len(rsp) < 2 {
		h.t.Fatalf("%X: %X, %v", cmd, rsp, err)
	}
	rsp = slices.Clone(rsp)
	h.rec.Exchanges = append(h.rec.Exchanges, trace.Exchange{Command: slices.Clone(cmd), Response: rsp})
	return rsp[:len(rsp)-2], rsp[len(rsp)-1]
}

func blockOf(t key.Type, k []byte) cipher.Block {
	var b cipher.Block
	var err error
	switch {
	case t == key.TypeAES:
		b, err = aes.NewCipher(k)
	case len(k) == 8:
		b, err = des.NewCipher(k)
	case len(k) == 16:
		b, err = des.NewTripleDESCipher(append(slices.Clone(k), k[:8]...))
	default:
		b, err = des.NewTripleDESCipher(k)
	}
	if err != nil {
		panic(err)
	}
	return b
}

func cbc(b cipher.Block, decrypt bool, iv, p []byte) []byte {
	out := make([]byte, len(p))
	if decrypt {
		cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, p)
	} else {
		cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, p)
	}
	return out
}

func ecb(f func(d, s []byte), n int, p []byte) []byte {
	out := make([]byte, len(p))
	for i := 0; i < len(p); i += n {
		f(out[i:], p[i:i+n])
	}
	return out
}

// d40 is the send mode of D40: XOR, then decryption.
func d40(b cipher.Block, iv, p []byte) []byte {
	out := make([]byte, len(p))
	prev := iv
	for i := 0; i < len(p); i += 8 {
		b.Decrypt(out[i:], xored(p[i:i+8], prev))
		prev = out[i : i+8]
	}
	return out
}

func xored(a, b []byte) []byte {
	c := make([]byte, len(a))
	for i := range c {
		c[i] = a[i] ^ b[i]
	}
	return c
}

func left(b []byte, n int) []byte { return append(slices.Clone(b[n:]), b[:n]...) }

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func backwards(b []byte) []byte {
	c := slices.Clone(b)
	slices.Reverse(c)
	return c
}

// cipherToken makes a token, or the flaw of one.
func (h *hand) cipherToken(b cipher.Block, plain, challenge []byte) []byte {
	n := b.BlockSize()
	zero := make([]byte, n)
	iv := challenge[len(challenge)-n:]
	classic := h.ins == 0x0A
	if classic || h.ins == 0x71 {
		iv = zero
	}
	switch h.flaw {
	case "token clear":
		return plain
	case "token iv":
		if iv = zero; classic || h.ins == 0x71 {
			iv = challenge[len(challenge)-n:]
		}
	case "token ecb":
		if classic {
			return ecb(b.Decrypt, n, plain)
		}
		return ecb(b.Encrypt, n, plain)
	case "token direction":
		if classic {
			return cbc(b, false, iv, plain)
		}
		return cbc(b, true, iv, plain)
	}
	if classic {
		return d40(b, iv, plain)
	}
	return cbc(b, false, iv, plain)
}

// authenticate opens a session, if the flaw lets it.
func (h *hand) authenticate(no byte) bool {
	h.t.Helper()
	first := []byte{no}
	if h.ins == 0x71 {
		first = append(first, 0)
		if h.lrp != nil {
			first = []byte{no, 1, 2}
		}
	}
	challenge, status := h.send(h.ins, first)
	if status != 0xAF {
		return false
	}
	k := h.key.Export()
	if h.is("key reversed") {
		k = backwards(k)
	}
	if h.lrp != nil {
		return h.authenticateLRP(k, challenge[1:])
	}
	b := blockOf(h.key.Type(), k)
	n := len(challenge)
	h.rndA = h.bytes(n)
	h.rndB = cbc(b, true, make([]byte, b.BlockSize()), challenge)
	rb := h.rndB
	switch h.flaw {
	case "challenge raw":
		rb = challenge
	case "challenge enciphered":
		rb = ecb(b.Encrypt, b.BlockSize(), challenge)
	}
	turned := left(rb, 1)
	switch h.flaw {
	case "rotation none":
		turned = rb
	case "rotation right":
		turned = left(rb, n-1)
	case "rotation two":
		turned = left(rb, 2)
	case "rotation reversed":
		turned = backwards(rb)
	}
	plain := join(h.rndA, turned)
	if h.is("randoms exchanged") {
		plain = join(turned, h.rndA)
	}
	token := h.cipherToken(b, plain, challenge)
	if h.is("token short") {
		token = token[:n]
	}
	answer, status := h.send(0xAF, token)
	if status != 0 {
		return false
	}
	h.last = token[len(token)-8:]
	h.iv, h.ctr = make([]byte, b.BlockSize()), 0
	if h.ins == 0x71 {
		h.ti = cbc(b, true, make([]byte, 16), answer)[:4]
	}
	h.sessionKeys(blockOf(h.key.Type(), h.key.Export()))
	return true
}

func (h *hand) authenticateLRP(k, rndB []byte) bool {
	h.rndA, h.rndB = h.bytes(16), rndB
	a, b := h.rndA, h.rndB
	if h.is("ses randoms") {
		a, b = b, a
	}
	base := lrp.NewMAC(lrp.New([16]byte(k)))
	master := base.Sum([]byte{0, 1, 0, 0x80}, sv(a, b), []byte{0x96, 0x69})
	switch h.flaw {
	case "ses base":
		master = [16]byte(k)
	case "ses zero":
		master = [16]byte{}
	}
	h.lrp = lrp.New(master)
	m := lrp.NewMAC(h.lrp)
	in := join(h.rndA, rndB)
	switch h.flaw {
	case "rotation none":
		in = join(h.rndA, left(rndB, 1)) // LRP rotates nothing
	case "randoms exchanged":
		in = join(rndB, h.rndA)
	}
	sum := m.Sum(in)
	token := join(h.rndA, sum[:])
	if h.is("token clear") {
		bl := blockOf(key.TypeAES, k)
		token = cbc(bl, false, make([]byte, 16), join(h.rndA, left(rndB, 1)))
	}
	answer, status := h.send(0xAF, token)
	if status != 0 {
		return false
	}
	plain := slices.Clone(answer[:16])
	lrp.NewCBC(h.lrp, 1, make([]byte, 4)).Decrypt(plain)
	h.ti, h.ctr, h.blocks = plain[:4], 0, 1
	if h.is("ses zero later") {
		h.lrp = lrp.New([16]byte{})
	}
	return true
}

func sv(a, b []byte) []byte { return join(a[:2], xored(a[2:8], b[:6]), b[6:16], a[8:16]) }

// sessionKeys derives the keys of the session.
func (h *hand) sessionKeys(base cipher.Block) {
	a, b, t := h.rndA, h.rndB, h.key.Type()
	switch h.flaw {
	case "ses randoms":
		a, b = b, a
	case "ses rotated":
		b = left(b, 1)
	}
	if h.ins == 0x71 {
		m := cmac.New(base)
		derive := func(l ...byte) cipher.Block {
			m.Reset(nil)
			m.Write(join(l, []byte{0, 1, 0, 0x80}, sv(a, b)))
			return blockOf(key.TypeAES, slices.Clone(m.Sum()))
		}
		e, d := derive(0xA5, 0x5A), derive(0x5A, 0xA5)
		switch h.flaw {
		case "ses labels":
			e, d = d, e
		case "ses base":
			e, d = base, base
		case "ses zero":
			e = blockOf(key.TypeAES, make([]byte, 16))
			d = e
		}
		h.ses, h.mac = e, cmac.New(d)
		return
	}
	var k []byte
	switch t {
	case key.TypeDES:
		if k = join(a[:4], b[:4]); h.is("ses layout") {
			k = join(a[:4], b[:4], a[4:8], b[4:8])
		}
	case key.Type2K3DES:
		if k = join(a[:4], b[:4], a[4:8], b[4:8]); h.is("ses layout") {
			k = k[:8]
		}
	case key.Type3K3DES:
		if k = join(a[:4], b[:4], a[6:10], b[6:10], a[12:16], b[12:16]); h.is("ses layout") {
			k = join(a[:4], b[:4], a[4:8], b[4:8], a[8:12], b[8:12])
		}
	default:
		if k = join(a[:4], b[:4], a[12:16], b[12:16]); h.is("ses layout") {
			k = join(a[:4], b[:4], a[4:8], b[4:8])
		}
	}
	switch h.flaw {
	case "ses base":
		k = h.key.Export()
	case "ses zero":
		k = make([]byte, len(k))
	}
	h.ses = blockOf(t, k)
	h.mac = cmac.New(h.ses)
}

func le(n uint16) []byte { return []byte{byte(n), byte(n >> 8)} }

// chain is the CMAC of EV1, from the running IV on.
func (h *hand) chain(parts ...[]byte) []byte {
	h.mac.Reset(h.iv)
	h.mac.Write(join(parts...))
	h.iv = slices.Clone(h.mac.Sum())
	return h.iv
}

// answered takes the answer of a command into the running value.
func (h *hand) answered(rsp []byte, status byte) {
	switch {
	case h.scheme() != wire.SchemeEV1 || status != 0 || len(rsp) < 8:
	case h.is("stale answer"):
	case h.is("stale status"):
		h.chain(rsp[:len(rsp)-8])
	default:
		h.chain(rsp[:len(rsp)-8], []byte{status})
	}
}

func (h *hand) scheme() wire.Scheme {
	switch {
	case h.ins == 0x0A:
		return wire.SchemeD40
	case h.ins != 0x71:
		return wire.SchemeEV1
	case h.lrp != nil:
		return wire.SchemeLRP
	}
	return wire.SchemeEV2
}

// do sends a command in a mode and takes the answer.
func (h *hand) do(ins byte, head, data []byte, mode wire.CommMode) byte {
	h.t.Helper()
	body := h.protect(ins, head, data, mode)
	rsp, status := h.send(ins, body)
	for status == 0xAF && len(rsp) > 0 {
		var more []byte
		more, status = h.send(0xAF, nil)
		rsp = append(rsp, more...)
	}
	h.answered(rsp, status)
	return status
}

func (h *hand) protect(ins byte, head, data []byte, mode wire.CommMode) []byte {
	switch h.scheme() {
	case wire.SchemeD40:
		return h.protectD40(ins, head, data, mode)
	case wire.SchemeEV1:
		return h.protectEV1(ins, head, data, mode)
	}
	return h.protectEV2(ins, head, data, mode)
}

func (h *hand) protectD40(ins byte, head, data []byte, mode wire.CommMode) []byte {
	zero := make([]byte, 8)
	switch mode {
	case wire.CommPlain:
		return join(head, data)
	case wire.CommMAC:
		in := data
		switch h.flaw {
		case "mac header":
			in = join(head, data)
		case "mac ins":
			in = join([]byte{ins}, head, data)
		}
		iv := zero
		if h.is("iv chained") {
			iv = h.last
		}
		for len(in)%8 != 0 {
			in = append(slices.Clone(in), 0)
		}
		c := cbc(h.ses, false, iv, in)
		mac := c[len(c)-8:]
		switch h.flaw {
		case "mac last":
			return join(head, data, mac[4:])
		case "mac altered":
			mac[3] ^= 0x10
		case "mac eight":
			return join(head, data, mac)
		case "mac of another":
			m := cmac.New(h.ses)
			m.Write(data)
			mac = m.Sum()
		}
		return join(head, data, mac[:4])
	}
	sum := binary.LittleEndian.AppendUint16(nil, crc.Sum16(data))
	switch h.flaw {
	case "crc kind":
		sum = binary.LittleEndian.AppendUint32(nil, crc.Sum32(join([]byte{ins}, head, data)))
	case "crc header":
		sum = binary.LittleEndian.AppendUint16(nil, crc.Sum16(join(head, data)))
	case "crc order":
		sum = backwards(sum)
	case "crc initial":
		sum = binary.LittleEndian.AppendUint16(nil, crc.Update16(0xFFFF, data))
	}
	return join(head, h.cipher(h.pad(join(data, sum), 8), zero, true))
}

func (h *hand) pad(p []byte, block int) []byte {
	n := (block - len(p)%block) % block
	p = slices.Clone(p)
	for range n {
		if h.is("padding count") {
			p = append(p, byte(n))
		} else {
			p = append(p, 0)
		}
	}
	return p
}

func (h *hand) cipher(p, iv []byte, classic bool) []byte {
	n := h.ses.BlockSize()
	switch h.flaw {
	case "data clear":
		return p
	case "data ecb":
		if classic {
			return ecb(h.ses.Decrypt, n, p)
		}
		return ecb(h.ses.Encrypt, n, p)
	case "data direction":
		if classic {
			return cbc(h.ses, false, iv, p)
		}
		return cbc(h.ses, true, iv, p)
	case "iv chained":
		iv = h.last
	case "iv zero":
		iv = make([]byte, n)
	}
	if classic {
		return d40(h.ses, iv, p)
	}
	return cbc(h.ses, false, iv, p)
}

func (h *hand) protectEV1(ins byte, head, data []byte, mode wire.CommMode) []byte {
	iv := h.iv
	if h.is("iv zero") && mode != wire.CommPlain {
		h.iv = make([]byte, len(iv))
	}
	switch mode {
	case wire.CommPlain:
		if !h.is("stale command") {
			h.chain([]byte{ins}, head, data)
		}
		return join(head, data)
	case wire.CommMAC:
		in := join([]byte{ins}, head, data)
		switch h.flaw {
		case "mac header":
			in = join([]byte{ins}, data)
		case "mac ins":
			in = join(head, data)
		case "mac data":
			in = data
		}
		mac := h.chain(in)
		switch h.flaw {
		case "mac odd":
			var odd []byte
			for i := 1; i < len(mac); i += 2 {
				odd = append(odd, mac[i])
			}
			return join(head, data, odd[:min(8, len(odd))])
		case "mac four":
			return join(head, data, mac[:4])
		case "mac last":
			return join(head, data, mac[len(mac)-8:])
		case "mac altered":
			mac = slices.Clone(mac)
			mac[3] ^= 0x10
		}
		return join(head, data, mac[:8])
	}
	all := crc.Sum32(join([]byte{ins}, head, data))
	sum := binary.LittleEndian.AppendUint32(nil, all)
	switch h.flaw {
	case "crc kind":
		sum = binary.LittleEndian.AppendUint16(nil, crc.Sum16(data))
	case "crc data":
		sum = binary.LittleEndian.AppendUint32(nil, crc.Sum32(data))
	case "crc header":
		sum = binary.LittleEndian.AppendUint32(nil, crc.Sum32(join([]byte{ins}, data)))
	case "crc order":
		sum = backwards(sum)
	case "crc inverted":
		sum = binary.LittleEndian.AppendUint32(nil, ^all)
	}
	c := h.cipher(h.pad(join(data, sum), h.ses.BlockSize()), iv, false)
	h.iv = c[len(c)-h.ses.BlockSize():]
	return join(head, c)
}

func (h *hand) protectEV2(ins byte, head, data []byte, mode wire.CommMode) []byte {
	ctr := h.ctr
	h.ctr++
	switch h.flaw {
	case "counter ahead":
		ctr++
	case "counter behind":
		ctr -= min(ctr, 1)
	case "counter stuck":
		ctr = 0
	}
	if mode == wire.CommPlain {
		return join(head, data)
	}
	ti := h.ti
	plain := data
	if mode == wire.CommFull && len(data) > 0 {
		data = h.cipherEV2(data, ctr)
	}
	in := join([]byte{ins}, le(ctr), ti, head, data)
	switch h.flaw {
	case "mac header":
		in = join([]byte{ins}, le(ctr), ti, data)
	case "mac ins":
		in = join(le(ctr), ti, head, data)
	case "mac ti":
		in = join([]byte{ins}, le(ctr), head, data)
	case "mac counter order":
		in = join([]byte{ins}, backwards(le(ctr)), ti, head, data)
	case "mac ti order":
		in = join([]byte{ins}, le(ctr), backwards(ti), head, data)
	case "mac plain":
		in = join([]byte{ins}, le(ctr), ti, head, plain)
	}
	var full []byte
	if h.lrp != nil {
		s := lrp.NewMAC(h.lrp).Sum(in)
		full = s[:]
	} else {
		h.mac.Reset(nil)
		h.mac.Write(in)
		full = h.mac.Sum()
	}
	var mac []byte
	for i := 1; i < 16; i += 2 {
		mac = append(mac, full[i])
	}
	switch h.flaw {
	case "mac first":
		mac = full[:8]
	case "mac even":
		mac = nil
		for i := 0; i < 16; i += 2 {
			mac = append(mac, full[i])
		}
	case "mac missing":
		mac = nil
	case "mac altered":
		mac[3] ^= 0x10
	}
	return join(head, data, mac)
}

func (h *hand) cipherEV2(data []byte, ctr uint16) []byte {
	p := append(slices.Clone(data), 0x80)
	switch h.flaw {
	case "padding zero":
		p[len(p)-1] = 0
	case "padding count":
		p = p[:len(p)-1]
		n := 16 - len(p)%16
		for range n {
			p = append(p, byte(n))
		}
	}
	for len(p)%16 != 0 {
		p = append(p, 0)
	}
	if h.lrp != nil {
		switch h.flaw {
		case "blocks":
			h.blocks = 0
		case "data clear":
			return p
		}
		lrp.NewCBC(h.lrp, 1, binary.BigEndian.AppendUint32(nil, h.blocks)).Encrypt(p)
		h.blocks += uint32(len(p) / 16)
		return p
	}
	iv := join([]byte{0xA5, 0x5A}, h.ti, le(ctr), make([]byte, 8))
	switch h.flaw {
	case "iv label":
		iv[0], iv[1] = 0x5A, 0xA5
	case "iv order":
		copy(iv[6:], backwards(le(ctr)))
	}
	if !h.is("iv raw") {
		h.ses.Encrypt(iv, iv)
	}
	return h.cipher(p, iv, false)
}

// change changes a key that is not the session's.
func (h *hand) change(no byte, fresh, old *key.Secret) byte {
	h.t.Helper()
	n, o := fresh.Export(), old.Export()
	if h.is("key old zero") {
		o = make([]byte, len(o))
	}
	if h.is("key parity") {
		for i := range o {
			o[i] &^= 1
		}
	}
	mixed := xored(n, o)
	if h.is("key not xored") {
		mixed = n
	}
	if fresh.Type() == key.TypeAES && !h.is("key version") {
		mixed = append(mixed, fresh.Version())
	}
	sum := func(parts ...[]byte) []byte {
		if h.scheme() == wire.SchemeD40 {
			return binary.LittleEndian.AppendUint16(nil, crc.Sum16(join(parts...)))
		}
		return binary.LittleEndian.AppendUint32(nil, crc.Sum32(join(parts...)))
	}
	first, second := sum([]byte{0xC4, no}, mixed), sum(n)
	switch {
	case h.scheme() == wire.SchemeD40:
		first = sum(mixed)
	case h.scheme() >= wire.SchemeEV2:
		first = nil
	}
	switch h.flaw {
	case "key exchanged":
		first, second = second, first
	case "key second order":
		second = backwards(second)
	case "key second mixed":
		second = sum(mixed[:len(n)])
	case "key one sum":
		second = nil
	}
	plain := join(mixed, first, second)
	var body []byte
	switch h.scheme() {
	case wire.SchemeD40:
		body = join([]byte{no}, h.cipher(h.pad(plain, 8), make([]byte, 8), true))
	case wire.SchemeEV1:
		c := h.cipher(h.pad(plain, h.ses.BlockSize()), h.iv, false)
		h.iv = c[len(c)-h.ses.BlockSize():]
		body = join([]byte{no}, c)
	default:
		body = h.protectEV2(0xC4, []byte{no}, plain, wire.CommFull)
	}
	rsp, status := h.send(0xC4, body)
	h.answered(rsp, status)
	return status
}
