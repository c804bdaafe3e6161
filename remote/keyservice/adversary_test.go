package keyservice_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/wire"
)

// observer is what a taken-over agent has seen, and looks for what it should not have: a
// block that a key has enciphered or deciphered, together with the other side of it. It
// knows the keys, which the agent does not, to find it.
type observer struct {
	size  int // of a block
	keys  []key.Key
	known map[string]string // blocks that the agent has, and where from
	order []string
	found []string
}

func newObserver(size int, keys ...key.Key) *observer {
	o := &observer{size: size, known: map[string]string{}}
	for _, k := range keys {
		if k.Type().BlockSize() == size {
			o.keys = append(o.keys, k)
		}
	}
	for _, b := range []byte{0x00, 0x55, 0xAA, 0xFF} { // the agent can think of these itself
		o.add(bytes.Repeat([]byte{b}, size), "constant")
	}
	return o
}

// add notes the blocks of something that was sent or came, turned by a byte as well.
func (o *observer) add(data []byte, from string) {
	for at := 0; at+o.size <= len(data); at += o.size {
		b := data[at : at+o.size]
		back := append([]byte{b[o.size-1]}, b[:o.size-1]...)
		for _, x := range [][]byte{b, handshake.Rotated(b), back} {
			if _, ok := o.known[string(x)]; !ok {
				o.known[string(x)] = from
				o.order = append(o.order, string(x))
			}
		}
	}
}

// look looks whether what came is made by a key of something that the agent has, or of
// the sum of two such.
func (o *observer) look(data []byte, from string) {
	ctx := context.Background()
	for at := 0; at+o.size <= len(data); at += o.size {
		b := data[at : at+o.size]
		for i, k := range o.keys {
			for name, f := range map[string]func(context.Context, []byte, []byte, []byte) error{"enciphered": k.DecryptCBC, "deciphered": k.EncryptCBC} {
				other := make([]byte, o.size)
				if err := f(ctx, nil, other, b); err != nil {
					panic(err)
				}
				if by := o.has(other); by != "" {
					o.found = append(o.found, fmt.Sprintf("block %d of %s is %s, %s by key %d", at/o.size, from, by, name, i))
				}
			}
		}
	}
}

func (o *observer) has(b []byte) string {
	if from, ok := o.known[string(b)]; ok {
		return from
	}
	sum := make([]byte, o.size)
	for _, x := range o.order {
		subtle.XORBytes(sum, b, []byte(x))
		if from, ok := o.known[string(sum)]; ok {
			return o.known[x] + " and " + from
		}
	}
	return ""
}

// block is one that the agent has, or a random one.
func (o *observer) block(rnd *mrand.Rand) []byte {
	if rnd.IntN(4) > 0 {
		return []byte(o.order[rnd.IntN(len(o.order))])
	}
	b := make([]byte, o.size)
	_, _ = rand.Read(b)
	return b
}

// blocks are n bytes of what the agent has.
func (o *observer) blocks(rnd *mrand.Rand, n int) (b []byte) {
	for len(b) < n {
		x := o.block(rnd)
		if rnd.IntN(3) == 0 {
			subtle.XORBytes(x, x, o.block(rnd))
		}
		b = append(b, x...)
	}
	return b[:n]
}

// secrets are the masters of the keyring, and the keys of the tests that are derived of
// them.
func (c *centre) secrets() (keys []key.Key) {
	c.t.Helper()
	for _, name := range c.ring.Masters() {
		k, err := c.ring.Master(context.Background(), name)
		if err != nil {
			c.t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return append(keys, c.local(ref(aesApp, 0)), c.local(ref(aesApp, 1)), c.local(ref(aesApp, 2)), c.local(ref(des2App, 0)), c.local(ref(des3App, 0)))
}

func seeded() *mrand.Rand { return mrand.New(mrand.NewPCG(1, 2)) }

// An agent without a card chooses challenges and proofs out of all that it has sent and
// got, over handshakes of every method that a policy may allow, of one key and of several:
// no answer has a block that a master key or the key of a card has ciphered together with
// its other side, and no proof is taken.
func TestThreatOracle(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	for _, group := range []struct {
		name    string
		size    int
		keys    []keystore.Ref
		methods []key.Method
	}{
		{"AES", 16, []keystore.Ref{ref(aesApp, 0), ref(aesApp, 1), ref(aesApp, 2)}, []key.Method{key.MethodAES, key.MethodEV2First, key.MethodEV2NonFirst, key.MethodLRPFirst, key.MethodLRPNonFirst}},
		{"DES", 8, []keystore.Ref{ref(des2App, 0)}, []key.Method{key.MethodD40, key.MethodISO}},
		{"3K3DES", 8, []keystore.Ref{ref(des3App, 0)}, []key.Method{key.MethodISO}},
	} {
		t.Run(group.name, func(t *testing.T) {
			r, rnd := c.rogue("gate7"), seeded()
			o := newObserver(group.size, c.secrets()...)
			type open struct {
				*remote.KeyAnswer
				proof int
			}
			var waiting []open
			for i := range 120 {
				of, m := group.keys[rnd.IntN(len(group.keys))], group.methods[rnd.IntN(len(group.methods))]
				n, _, proof := m.Frames(c.local(of).Type())
				challenge := o.blocks(rnd, n)
				if n == 17 {
					challenge = append([]byte{1}, o.block(rnd)...)
				}
				a, token := r.begin(of, m, challenge)
				from := fmt.Sprintf("the token of %v %d", m, i)
				o.add(challenge[n%group.size:], "a challenge")
				o.look(token, from)
				o.add(token, from)
				waiting = append(waiting, open{a, proof})
				if len(waiting) > 8 || rnd.IntN(3) == 0 {
					at := rnd.IntN(len(waiting))
					w := waiting[at]
					waiting = append(waiting[:at], waiting[at+1:]...)
					guess := o.blocks(rnd, w.proof)
					got, data := r.finish(w.KeyAnswer, guess)
					refused(t, got, data, remote.KeyProof)
					o.add(guess, "a proof")
				}
			}
			for _, f := range o.found {
				t.Error(f)
			}
			for _, w := range waiting {
				r.finish(w.KeyAnswer, make([]byte, w.proof))
			}
		})
	}
}

// What the observer looks for is there in answers of MethodISO7816, and session keys are
// had without a card: why no policy allows it.
func TestWhyNotISO7816(t *testing.T) {
	c := startCentre(t, nil)
	k := c.local(ref(aesApp, 1))
	ctx := context.Background()
	o := newObserver(16, c.secrets()...)
	challenge := bytes.Repeat([]byte{7}, 16)
	ask := func() key.Handshake {
		h, err := key.Answer(ctx, k, nil, key.HandshakeRequest{Method: key.MethodISO7816, Challenge: challenge})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first, second := ask(), ask()
	o.add(challenge, "the challenge")
	o.add(second.Token, "a token")
	o.look(second.Token, "the token")
	if len(o.found) == 0 {
		t.Error("the observer finds nothing where there is something")
	}
	// E(RPICC2, RPCD2) for any RPICC2: a first block so that the second is one of before.
	proof := make([]byte, 32)
	subtle.XORBytes(proof, challenge, second.Token[:16])
	subtle.XORBytes(proof[:16], proof[:16], first.Internal)
	copy(proof[16:], second.Token[16:])
	s, err := first.Finish(ctx, proof)
	if err != nil || len(s.Key) != 16 {
		t.Errorf("the proof of another handshake is not taken: %v", err)
	}
	s.Wipe()
}

// With a card at hand, an agent gets session keys. In EV2 and LRP neither they nor
// what went over the air are a block ciphered by the key with its other side.
func TestThreatSessionKeys(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	o := newObserver(16, c.secrets()...)
	sessions := 0
	for _, w := range ways {
		if w.method.Scheme() != wire.SchemeEV2 {
			continue
		}
		card := c.card(w.g, w.lrp)
		spy := &spied{Store: c.keys("gate7"), o: o, sessions: &sessions}
		for range 3 {
			if err := card.Select(context.Background(), w.place); err != nil {
				t.Fatal(err)
			}
			for _, no := range []wire.KeyNo{0, w.no} {
				m := key.MethodEV2First
				if no == w.no && w.method == key.MethodEV2NonFirst {
					m = w.method
				}
				k, err := spy.Key(context.Background(), ref(w.place, no))
				if err != nil {
					t.Fatal(err)
				}
				if err := card.AuthenticateWith(context.Background(), m, no, k); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if sessions < 12 {
		t.Errorf("%d sessions", sessions)
	}
	for _, f := range o.found {
		t.Error(f)
	}
}

// spied is a store whose handshakes an observer sees, as a taken-over agent does.
type spied struct {
	keystore.Store
	o        *observer
	sessions *int
}

func (s *spied) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	k, err := s.Store.Key(ctx, r)
	if err != nil {
		return nil, err
	}
	return &spiedKey{k.(key.Handshaker), s}, nil
}

type spiedKey struct {
	key.Handshaker
	s *spied
}

func (k *spiedKey) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	h, err := k.Handshaker.Handshake(ctx, r)
	k.s.o.add(r.Challenge[len(r.Challenge)%16:], "a challenge")
	k.s.o.look(h.Token, "a token")
	k.s.o.add(h.Token, "a token")
	h.Finisher = &spiedFinish{h.Finisher, k.s}
	return h, err
}

type spiedFinish struct {
	key.Finisher
	s *spied
}

func (f *spiedFinish) Finish(ctx context.Context, proof []byte) (key.SessionKeys, error) {
	k, err := f.Finisher.Finish(ctx, proof)
	*f.s.sessions++
	o := f.s.o
	o.add(proof, "a proof")
	for what, b := range map[string][]byte{"a session key": k.Key, "a session MAC key": k.MAC, "a proof": proof} {
		o.look(b, what)
		o.add(b, what)
	}
	return k, err
}

// With a card at hand, D40 and ISO with 2K3DES tell both randoms, and so blocks with
// what the card's key made of them: why a policy has to name them.
func TestWhyNotD40ByDefault(t *testing.T) {
	ctx := context.Background()
	c := startCentre(t, nil)
	k := c.local(ref(des2App, 0))
	rndB, b := []byte("cardsran"), make([]byte, 8)
	if err := k.EncryptCBC(ctx, nil, b, rndB); err != nil {
		t.Fatal(err)
	}
	h, err := key.Answer(ctx, k, nil, key.HandshakeRequest{Method: key.MethodD40, Challenge: b})
	if err != nil {
		t.Fatal(err)
	}
	rndA, proof := make([]byte, 8), make([]byte, 8)
	if err := k.EncryptCBC(ctx, nil, rndA, h.Token[:8]); err != nil {
		t.Fatal(err)
	}
	if err := k.EncryptCBC(ctx, nil, proof, handshake.Rotated(rndA)); err != nil {
		t.Fatal(err)
	}
	s, err := h.Finish(ctx, proof)
	if err != nil {
		t.Fatal(err)
	}
	o := newObserver(8, k)
	o.add(append(append([]byte(nil), s.Key[:4]...), s.Key[8:12]...), "the reader's random")
	o.add(append(append([]byte(nil), s.Key[4:8]...), s.Key[12:]...), "the card's random")
	o.look(h.Token, "the token")
	o.look(b, "the challenge")
	if len(o.found) < 2 {
		t.Errorf("the observer finds %q", o.found)
	}
}

// Every request with every field of it bent: no answer holds a key, in bytes, in
// hexadecimal or in base64, nor its check value; tokens and session keys come only
// where they may.
func TestThreatBentRequests(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all(), "gate8": few()})
	rnd := seeded()
	o := newObserver(16, c.secrets()...)
	agents := []*rogue{c.rogue("gate7"), c.rogue("gate8"), c.rogue("stranger")}
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	var begun []*remote.KeyAnswer
	tokens := 0
	for i := range 1500 {
		if i%100 == 0 {
			c.clock.add(keyservice.DefaultPatience) // those that wait end
		}
		r := agents[rnd.IntN(len(agents))]
		what := pick(remote.KeysSlots, remote.KeysGet, remote.KeysHandshake, remote.KeysHandshake, remote.KeysHandshake, remote.KeysFinish, remote.KeysWrap, "export", "encrypt", "mac")
		q := remote.KeyRequest{
			Versioned: remote.Versioned{V: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, -1}[rnd.IntN(16)]},
			Trace:     pick("", "t-1", strings.Repeat("\x00\x1b", 40)), Purpose: pick("", "debit", strings.Repeat("é\x07", 300)),
			Ref:    pick(ref(aesApp, 1).String(), ref(aesApp, 1).String(), ref(aesApp, 2).String(), ref(aesApp, 2).String(), ref(aesApp, 1).String(), ref(aesApp, 1).String(), ref(aesApp, 2).String(), ref(aesApp, 2).String(), ref(aesApp, 0).String(), ref(aesApp, 1).String(), ref(aesApp, 3).String(), ref(fixed, 0).String(), "*/F48121/1", "*/F48121/3", "*/card/0", "04112233445566/card/0", "", "///", "04112233445566/F48121/sdm-file", strings.Repeat("F", 3000), "00/F48121/1", "04112233445566/df:41/1:1"),
			Method: pick("EV2", "EV2NonFirst", "AES", "EV2", "EV2NonFirst", "AES", "LRP", "LRPNonFirst", "AES", "ISO7816", "D40", "", "ev2"),
		}
		if rnd.IntN(4) == 0 {
			q.Slot = &remote.KeySlot{Index: rnd.IntN(5) - 1, Type: pick("AES", "", "DES"), Version: byte(rnd.IntN(3)), NoVersion: rnd.IntN(2) == 0}
		}
		payload := o.blocks(rnd, []int{0, 1, 15, 16, 16, 16, 16, 16, 16, 17, 17, 32, 32, 64, 1000}[rnd.IntN(15)])
		if what == remote.KeysHandshake && rnd.IntN(2) == 0 { // one that goes well, or nearly so
			q.V, q.Ref, q.Method, payload = 1, ref(aesApp, 1).String(), pick("EV2", "EV2NonFirst", "AES"), o.blocks(rnd, 16)
		}
		if len(payload) == 17 {
			payload[0] = 1
		}
		if len(begun) > 0 && rnd.IntN(2) == 0 {
			a := begun[rnd.IntN(len(begun))]
			q.Handshake = a.Handshake
			if what == remote.KeysFinish {
				what += "." + a.Instance
			}
		}
		m, err := remote.Encode(q, payload)
		if err != nil {
			m = payload
		}
		if rnd.IntN(10) == 0 && len(m) > 0 {
			m[rnd.IntN(len(m))] ^= 1 << rnd.IntN(8)
		}
		a, data := r.send(what, m)
		if len(data) > 0 {
			if what != remote.KeysHandshake || a.Error != nil || a.Handshake == "" || len(data) != 32 || r.name == "stranger" {
				t.Fatalf("%s by %s %+v: %d bytes, %+v", what, r.name, q, len(data), a)
			}
			tokens++
			begun = append(begun, a)
			o.look(data, "a token")
			o.add(data, "a token")
			o.add(payload, "a challenge")
		}
		clean(t, c.secrets(), a)
	}
	if tokens < 20 {
		t.Errorf("%d tokens: the requests are bent too much", tokens)
	}
	for _, f := range o.found {
		t.Error(f)
	}
	for _, u := range c.audit.all() {
		clean(t, c.secrets(), u)
	}
}

// clean fails where a value, as it is written, holds a key or its check value.
func clean(t *testing.T, keys []key.Key, v any) {
	t.Helper()
	var text string
	switch v := v.(type) {
	case *remote.KeyAnswer:
		w := *v
		w.Handshake, w.Instance = "", "" // random
		text = fmt.Sprintf("%+v %+v", w, w.Error)
	case keyservice.Use:
		v.Handshake, v.ID = "", ""
		text = fmt.Sprintf("%+v", v)
	}
	for _, k := range keys {
		b := k.(key.Exporter).Export()
		for _, form := range []string{string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b), k.CheckValue().String()} {
			if strings.Contains(text, form) {
				t.Fatalf("a key is in %q", text)
			}
		}
		clear(b)
	}
}
