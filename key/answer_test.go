package key_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// eachMethod is every method with every type of key that fits.
func eachMethod(t *testing.T, do func(t *testing.T, m key.Method, k *key.Secret)) {
	for m := key.MethodD40; m <= key.MethodISO7816; m++ {
		for _, typ := range []key.Type{key.TypeDES, key.Type3K3DES, key.TypeAES} {
			if m.Fits(typ) == nil {
				t.Run(fmt.Sprintf("%v %v", m, typ), func(t *testing.T) { do(t, m, key.Zero(typ)) })
			}
		}
	}
}

// challengeOf is a challenge that any card could have made.
func challengeOf(m key.Method, t key.Type) []byte {
	n, _, _ := m.Frames(t)
	c := make([]byte, n)
	if n == 17 {
		c[0] = 1
	}
	return c
}

// A handshake takes one proof. Whoever has no proof gets no session key, how often
// ever he asks.
func TestAnswerTakesOneProof(t *testing.T) {
	ctx := context.Background()
	eachMethod(t, func(t *testing.T, m key.Method, k *key.Secret) {
		_, token, proof := m.Frames(k.Type())
		r := key.HandshakeRequest{Method: m, Challenge: challengeOf(m, k.Type())}
		for _, bad := range []int{proof, proof - 1, proof + 1, 0} {
			h, err := key.Answer(ctx, k, nil, r)
			if err != nil || len(h.Token) != token || (h.Internal != nil) != (m == key.MethodISO7816) {
				t.Fatalf("%d and %d bytes, %v", len(h.Token), len(h.Internal), err)
			}
			s, err := h.Finish(ctx, make([]byte, bad))
			if err == nil || errors.Is(err, key.ErrProof) != (bad == proof) || s.Key != nil || s.MAC != nil {
				t.Errorf("a proof of %d zeros: %v", bad, err)
			}
			if _, err := h.Finish(ctx, make([]byte, proof)); err == nil || errors.Is(err, key.ErrProof) {
				t.Errorf("a second proof: %v", err)
			}
			h.Wipe()
		}
		h, err := key.Answer(ctx, k, nil, r)
		if err != nil {
			t.Fatal(err)
		}
		h.Wipe()
		h.Wipe()
		if _, err := h.Finish(ctx, make([]byte, proof)); err == nil || errors.Is(err, key.ErrProof) {
			t.Errorf("a proof after Wipe: %v", err)
		}
	})
}

// Every answer has randoms of its own, so that an old one is of no use.
func TestAnswersDiffer(t *testing.T) {
	eachMethod(t, func(t *testing.T, m key.Method, k *key.Secret) {
		seen := map[string]bool{}
		for range 4 {
			h, err := key.Answer(context.Background(), k, nil, key.HandshakeRequest{Method: m, Challenge: challengeOf(m, k.Type())})
			if err != nil {
				t.Fatal(err)
			}
			seen[string(h.Token)], seen[string(h.Internal)] = true, true
		}
		want := 5 // and no Internal
		if m == key.MethodISO7816 {
			want = 8
		}
		if len(seen) != want {
			t.Errorf("%d different answers, want %d", len(seen), want)
		}
	})
}

// With ISO 7816 two handshakes can be played against each other, as Handshaker says;
// with no other method does what a key answers prove anything to itself.
func TestAnswersOfAKeyAgainstItself(t *testing.T) {
	ctx := context.Background()
	eachMethod(t, func(t *testing.T, m key.Method, k *key.Secret) {
		challenge, _, proof := m.Frames(k.Type())
		begin := func(c []byte) key.Handshake {
			h, err := key.Answer(ctx, k, nil, key.HandshakeRequest{Method: m, Challenge: c})
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		accepted := 0
		// Each piece of one answer as the challenge of another, and each piece of that as the proof.
		for at := 0; at+challenge <= 48; at += k.Type().BlockSize() {
			for from := 0; from+proof <= 48; from += k.Type().BlockSize() {
				first := begin(challengeOf(m, k.Type()))
				said := append(append(first.Token, first.Internal...), make([]byte, 48)...)[at:][:challenge]
				if challenge == 17 {
					said[0] = 1
				}
				second := begin(said)
				p := append(append(second.Token, second.Internal...), make([]byte, 48)...)[from:][:proof]
				if _, err := first.Finish(ctx, p); err == nil {
					accepted++
				}
				second.Wipe()
			}
		}
		if iso := m == key.MethodISO7816; (accepted > 0) != iso {
			t.Errorf("%d proofs that the key made were accepted", accepted)
		}
	})
}

func TestAnswerRefuses(t *testing.T) {
	ctx := context.Background()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	zero := key.Zero(key.TypeAES)
	wiped := key.Zero(key.TypeAES)
	wiped.Wipe()
	for name, x := range map[string]struct {
		ctx  context.Context
		k    key.Key
		rnd  io.Reader
		m    key.Method
		c    []byte
		want string
		is   error
	}{
		"no key":           {ctx, nil, nil, key.MethodAES, make([]byte, 16), "no key", nil},
		"no such method":   {ctx, zero, nil, 99, make([]byte, 16), "no method", nil},
		"another type":     {ctx, zero, nil, key.MethodISO, make([]byte, 16), "needs a DES", nil},
		"short challenge":  {ctx, zero, nil, key.MethodAES, make([]byte, 8), "8 bytes, want 16", nil},
		"no challenge":     {ctx, zero, nil, key.MethodEV2First, nil, "0 bytes, want 16", nil},
		"LRP of EV2":       {ctx, zero, nil, key.MethodLRPFirst, make([]byte, 16), "16 bytes, want 17", nil},
		"LRP without mark": {ctx, zero, nil, key.MethodLRPFirst, make([]byte, 17), "begins with 00", nil},
		"no randomness":    {ctx, zero, strings.NewReader("short"), key.MethodAES, make([]byte, 16), "no randomness", io.ErrUnexpectedEOF},
		"wiped key":        {ctx, wiped, nil, key.MethodAES, make([]byte, 16), "wiped", key.ErrWiped},
		"ended context":    {ended, zero, nil, key.MethodEV2First, make([]byte, 16), "canceled", context.Canceled},
	} {
		h, err := key.Answer(x.ctx, x.k, x.rnd, key.HandshakeRequest{Method: x.m, Challenge: x.c})
		if err == nil || !strings.Contains(err.Error(), x.want) || x.is != nil && !errors.Is(err, x.is) || h.Finisher != nil || h.Token != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nothing shows the session keys of a handshake.
func TestSessionKeysPrintNothing(t *testing.T) {
	secret := []byte("QRSTUVWXYZ[\\]^_`")
	s := key.SessionKeys{Key: secret, MAC: secret}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+" ", s)
		fmt.Fprintf(&out, verb+"\n", []any{&s, struct{ S key.SessionKeys }{s}, key.Handshake{Token: secret}})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s)
	for _, leak := range []string{"QRST", "51525354", "81 82", "0x51, 0x52", "UVJTVFVW"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in %s", leak, out.String())
		}
	}
	s.Wipe()
	if strings.Trim(string(secret), "\x00") != "" {
		t.Error("Wipe leaves the keys")
	}
}
