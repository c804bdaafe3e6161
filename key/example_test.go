package key_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// token is a key in a safe: two calls of the HSM, a type, a version and a check
// value that were written down when the key was made. Its bytes never come out.
type token struct {
	module  *module
	label   string
	version byte
	check   key.CheckValue
}

func (t *token) Type() key.Type             { return key.TypeAES }
func (t *token) Version() byte              { return t.version }
func (t *token) CheckValue() key.CheckValue { return t.check }
func (t *token) String() string             { return key.String(t) }

func (t *token) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return t.module.cipher(ctx, t.label, true, iv, dst, src)
}

func (t *token) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return t.module.cipher(ctx, t.label, false, iv, dst, src)
}

// module stands for the HSM.
type module struct{ keys map[string]*key.Secret }

func (m *module) cipher(ctx context.Context, label string, encrypt bool, iv, dst, src []byte) error {
	k, ok := m.keys[label]
	switch {
	case !ok:
		return errors.New("no key " + label)
	case encrypt:
		return k.EncryptCBC(ctx, iv, dst, src)
	}
	return k.DecryptCBC(ctx, iv, dst, src)
}

// A key in a safe that ciphers opens sessions like any other.
func ExampleKey() {
	ctx := context.Background()
	safe := &module{map[string]*key.Secret{"door": key.Zero(key.TypeAES)}}
	door := &token{module: safe, label: "door", check: key.CheckValue{0x66, 0xE9, 0x4B}}

	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: 0x121314, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}); err != nil {
		log.Fatal(err)
	}
	if err := card.SelectApplication(ctx, 0x121314); err != nil {
		log.Fatal(err)
	}
	fmt.Println(door, card.Authenticate(ctx, 0, door))
	// Changing it takes its bytes, or a handle that is a Wrapper.
	var opaque *key.OpaqueError
	fmt.Println(errors.As(card.ChangeKey(ctx, 0, door, nil), &opaque))
	// Output:
	// AES version 00 check 66E94B <nil>
	// true
}

// doorkeeper is a key on another computer that ciphers for nobody: whoever has the
// handle can ask it to authenticate, and gets a session only with a card that has
// the key. Its bytes, and what they encipher, never come out.
type doorkeeper struct{ token }

func (d *doorkeeper) EncryptCBC(context.Context, []byte, []byte, []byte) error {
	return errors.New("this key ciphers for nobody")
}

func (d *doorkeeper) DecryptCBC(context.Context, []byte, []byte, []byte) error {
	return errors.New("this key ciphers for nobody")
}

// Handshake asks the other computer, where Answer does it with the key itself.
func (d *doorkeeper) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	return key.Answer(ctx, d.module.keys[d.label], nil, r)
}

// A key that answers challenges where it lives need not cipher.
func ExampleHandshaker() {
	ctx := context.Background()
	safe := &module{map[string]*key.Secret{"door": key.Zero(key.TypeAES)}}
	door := &doorkeeper{token{module: safe, label: "door", check: key.CheckValue{0x66, 0xE9, 0x4B}}}

	picc, err := sim.New(&sim.Config{Generation: wire.Light})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := card.Select(ctx, desfire.Place{Fixed: true}); err != nil {
		log.Fatal(err)
	}
	if err := card.Authenticate(ctx, 0, door); err != nil {
		log.Fatal(err)
	}
	s, _ := card.Session()
	fmt.Println(s.Method, s.Key)
	// Output: EV2 AES version 00 check 66E94B
}
