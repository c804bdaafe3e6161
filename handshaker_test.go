package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// farKey is a key in a safe that ciphers for nobody: it answers challenges and
// checks proofs. hook sees each question before it is answered.
type farKey struct {
	key.Key
	t    *testing.T
	hook func(ctx context.Context, question int) error
	n    int
}

func newFarKey(t *testing.T, typ key.Type) *farKey {
	return &farKey{Key: struct{ key.Key }{key.Zero(typ)}, t: t, hook: func(context.Context, int) error { return nil }}
}

func (k *farKey) EncryptCBC(context.Context, []byte, []byte, []byte) error {
	k.t.Error("the key was asked to encrypt")
	return errors.New("never")
}

func (k *farKey) DecryptCBC(context.Context, []byte, []byte, []byte) error {
	k.t.Error("the key was asked to decrypt")
	return errors.New("never")
}

func (k *farKey) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	k.n++
	if err := k.hook(ctx, k.n); err != nil {
		return key.Handshake{}, err
	}
	h, err := key.Answer(ctx, k.Key, nil, r)
	h.Finisher = farFinish{k, h.Finisher} // of nothing, where it failed
	return h, err
}

type farFinish struct {
	k *farKey
	key.Finisher
}

func (f farFinish) Finish(ctx context.Context, proof []byte) (key.SessionKeys, error) {
	f.k.n++
	if err := f.k.hook(ctx, f.k.n); err != nil {
		return key.SessionKeys{}, err
	}
	return f.Finisher.Finish(ctx, proof)
}

// A safeCase is a card and a way to authenticate to it.
type safeCase struct {
	g      desfire.Generation
	method key.Method
	typ    key.Type
	lrp    bool
}

func safeCases() (cases []safeCase) {
	for _, m := range methods {
		cases = append(cases, safeCase{g: m.g, method: m.method, typ: m.keyType})
	}
	for _, g := range []desfire.Generation{wire.EV2, wire.EV3} {
		cases = append(cases, safeCase{g: g, method: key.MethodISO7816, typ: key.Type2K3DES}, safeCase{g: g, method: key.MethodEV2NonFirst, typ: key.TypeAES})
	}
	for _, g := range []desfire.Generation{wire.Light, wire.NTAG424} {
		cases = append(cases,
			safeCase{g: g, method: key.MethodEV2First, typ: key.TypeAES}, safeCase{g: g, method: key.MethodEV2NonFirst, typ: key.TypeAES},
			safeCase{g: g, method: key.MethodLRPFirst, typ: key.TypeAES}, // settles for EV2
			safeCase{g: g, method: key.MethodLRPFirst, typ: key.TypeAES, lrp: true}, safeCase{g: g, method: key.MethodLRPNonFirst, typ: key.TypeAES, lrp: true})
	}
	return cases
}

// card makes the card of a case and returns how its application is entered and
// what is done there in the session of key 1 or, on fixed cards, 3.
func (c safeCase) card(t *testing.T) (card *desfire.Card, enter func() error, no desfire.KeyNo, work func() error) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: c.g})
	if err != nil {
		t.Fatal(err)
	}
	zero := key.Zero(c.typ)
	data := []byte("twenty bytes of data")
	readBack := func(file desfire.FileNo) error {
		if err := card.WriteData(ctx, file, 0, data); err != nil {
			return err
		}
		got, err := card.ReadData(ctx, file, 0, uint32(len(data)))
		if err == nil && !bytes.Equal(got, data) {
			err = fmt.Errorf("read %X", got)
		}
		return err
	}
	place, no := desfire.Place{AID: testApp}, desfire.KeyNo(1)
	work = func() error { return errors.Join(readBack(5), readBack(10)) } // MAC and full
	switch c.g {
	case wire.Light, wire.NTAG424:
		card = connect(t, picc)
		file := map[desfire.Generation]desfire.FileNo{wire.Light: 4, wire.NTAG424: 3}[c.g]
		place, no = desfire.Place{Fixed: true}, 3
		work = func() error { return readBack(file) }
	default:
		card = personalise(t, picc, c.typ)
	}
	enter = func() error {
		err := card.Select(ctx, place)
		if err == nil && (c.method == key.MethodEV2NonFirst || c.method == key.MethodLRPNonFirst) {
			err = card.AuthenticateWith(ctx, c.method-1, 0, zero)
		}
		return err
	}
	if c.lrp {
		if err := errors.Join(card.Select(ctx, place), card.Authenticate(ctx, 0, zero),
			card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}})); err != nil {
			t.Fatal(err)
		}
	}
	return card, enter, no, work
}

// A key that ciphers for nobody authenticates by every method to cards of every
// generation, and what follows is protected.
func TestKeyThatCiphersForNobody(t *testing.T) {
	ctx := context.Background()
	for _, c := range safeCases() {
		t.Run(fmt.Sprintf("%v %v %v lrp %v", c.g, c.method, c.typ, c.lrp), func(t *testing.T) {
			card, enter, no, work := c.card(t)
			far := newFarKey(t, c.typ)
			if err := enter(); err != nil {
				t.Fatal(err)
			}
			if err := card.AuthenticateWith(ctx, c.method, no, far); err != nil {
				t.Fatal(err)
			}
			if s, ok := card.Session(); !ok || s.KeyNo != no || far.n != 2 {
				t.Errorf("session %+v after %d questions", s, far.n)
			}
			if err := work(); err != nil {
				t.Error(err)
			}
			if err := enter(); err != nil {
				t.Fatal(err)
			}
			bad := newFarKey(t, c.typ)
			bad.Key = keyOf(t, c.typ, 0x11)
			var refused *desfire.CommandError
			if err := card.AuthenticateWith(ctx, c.method, no, bad); !errors.As(err, &refused) || bad.n != 1 {
				t.Errorf("the wrong key, %d questions: %v", bad.n, err)
			}
		})
	}
}

// A safe that fails, and a context that ends, at each question end the
// authentication; the next one after a selection goes well.
func TestKeyThatCiphersForNobodyFails(t *testing.T) {
	closed := errors.New("the safe is closed")
	for _, c := range safeCases() {
		t.Run(fmt.Sprintf("%v %v %v lrp %v", c.g, c.method, c.typ, c.lrp), func(t *testing.T) {
			card, enter, no, work := c.card(t)
			for question := 1; question <= 2; question++ {
				for _, end := range []string{"closed", "ended", "ended, and answers"} {
					if err := enter(); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(context.Background())
					far, want := newFarKey(t, c.typ), closed
					far.hook = func(ctx context.Context, n int) error {
						switch {
						case n != question:
							return nil
						case end == "closed":
							return closed
						}
						cancel()
						want = context.Canceled
						return ctx.Err()
					}
					if end == "ended, and answers" {
						answers := newFarKey(t, c.typ)
						answers.hook = func(_ context.Context, n int) error {
							if n == question {
								cancel()
								want = context.Canceled
							}
							return nil
						}
						far = answers
					}
					err := card.AuthenticateWith(ctx, c.method, no, far)
					cancel()
					if c.lrp && question == 2 && end == "ended, and answers" {
						want = nil // all is there, and the key is not asked again
					}
					if _, ok := card.Session(); !errors.Is(err, want) || ok != (want == nil) {
						t.Errorf("question %d, %s: %v, session %v", question, end, err, ok)
					}
					if err := enter(); err != nil {
						t.Fatalf("question %d, %s: %v", question, end, err)
					}
					if err := errors.Join(card.AuthenticateWith(context.Background(), c.method, no, newFarKey(t, c.typ)), work()); err != nil {
						t.Errorf("question %d, %s, then: %v", question, end, err)
					}
				}
			}
		})
	}
}
