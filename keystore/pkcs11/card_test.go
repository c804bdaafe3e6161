//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// twin is a key in a token and in memory.
type twin struct {
	in     *Key
	memory *key.Secret
}

func testBytes(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// keysIn makes a token with a key of each type.
func keysIn(t testing.TB, label string) []twin {
	t.Helper()
	m := openHSM(t, label, &Config{PIN: new(pin).give, Warn: func(s string) { t.Error(s) }})
	half := testBytes(8, 4)
	var twins []twin
	for i, k := range []struct {
		made
		typ key.Type
	}{
		{made{label: "aes", keyType: keyTypeAES, value: testBytes(16, 1)}, key.TypeAES},
		{made{label: "2k3des", keyType: keyTypeDES2, value: testBytes(16, 2)}, key.Type2K3DES},
		{made{label: "3k3des", keyType: keyTypeDES3, value: testBytes(24, 3)}, key.Type3K3DES},
		{made{label: "des", keyType: keyTypeDES2, value: append(half, half...)}, key.TypeDES},
		{made{label: "2k3des long", keyType: keyTypeDES3, value: append(testBytes(16, 5), testBytes(8, 5)...)}, key.Type2K3DES},
	} {
		k.id = []byte{byte(i), 0xFF, '/'}
		put(t, m, label, k.made)
		in, err := m.Key(context.Background(), &URI{Token: label, Object: k.label, ID: k.id, Version: 0x55, Versioned: true})
		if err != nil {
			t.Fatalf("%s: %v", k.label, err)
		}
		if in, err = in.As(k.typ); err != nil {
			t.Fatal(err)
		}
		memory, err := key.New(k.typ, k.value[:k.typ.Size()], 0x55)
		if err != nil {
			t.Fatal(err)
		}
		twins = append(twins, twin{in, memory.WithVersion(0x55)})
	}
	return twins
}

// What a token ciphers is what the standard library ciphers.
func TestCipher(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, p := range keysIn(t, "cipher") {
		if p.in.String() != p.memory.String() {
			t.Errorf("%v, want %v", p.in, p.memory)
		}
		if _, ok := any(p.in).(key.Exporter); ok || p.in.Extractable() {
			t.Errorf("%v gives its bytes", p.in)
		}
		n := p.in.Type().BlockSize()
		for _, blocks := range []int{0, 1, 2, 3, 64, 1000} {
			src := testBytes(n*blocks, uint64(blocks))
			for _, iv := range [][]byte{nil, testBytes(n, 9)} {
				for _, op := range []func(k key.Key, dst []byte) error{
					func(k key.Key, dst []byte) error { return k.EncryptCBC(ctx, iv, dst, src) },
					func(k key.Key, dst []byte) error { return k.DecryptCBC(ctx, iv, dst, src) },
					func(k key.Key, dst []byte) error { copy(dst, src); return k.EncryptCBC(ctx, iv, dst, dst) },
				} {
					got, want := make([]byte, len(src)), make([]byte, len(src))
					if err := errors.Join(op(p.in, got), op(p.memory, want)); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%v, %d blocks: not what the standard library makes, %v", p.in, blocks, err)
					}
				}
			}
		}
		for _, bad := range []struct{ iv, dst, src int }{{0, n, n - 1}, {0, 2 * n, n}, {n - 1, n, n}} {
			iv := make([]byte, bad.iv)
			if bad.iv == 0 {
				iv = nil
			}
			if err := p.in.EncryptCBC(ctx, iv, make([]byte, bad.dst), make([]byte, bad.src)); err == nil {
				t.Errorf("%v takes %+v", p.in, bad)
			}
		}
	}
}

// The CMAC of a token is NIST's.
func TestCMAC(t *testing.T) {
	ctx := context.Background()
	for _, p := range keysIn(t, "cmac") {
		for n := range 40 {
			message := testBytes(n, uint64(n))
			got, err := p.in.CMAC(ctx, message)
			want := softMAC(t, p.memory, message)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v of %d bytes: %X, want %X, %v", p.in, n, got, want, err)
			}
		}
	}
}

// softMAC is a CMAC under any key, made by its cipher.
func softMAC(t *testing.T, k key.Key, message []byte) []byte {
	t.Helper()
	m := cmac.New(block{t, k})
	m.Write(message)
	return bytes.Clone(m.Sum())
}

type block struct {
	t *testing.T
	key.Key
}

func (b block) BlockSize() int { return b.Type().BlockSize() }

func (b block) Encrypt(dst, src []byte) {
	if err := b.EncryptCBC(context.Background(), nil, dst[:b.BlockSize()], src[:b.BlockSize()]); err != nil {
		b.t.Fatal(err)
	}
}

func (b block) Decrypt(_, _ []byte) { b.t.Fatal("CMAC deciphers nothing") }

// Keys that are derived in a token are those that are derived in memory, for each
// length of the input: by CMAC where that is AN10922's, else by CBC.
func TestDerive(t *testing.T) {
	ctx := context.Background()
	for _, p := range keysIn(t, "derive") {
		n := p.in.Type().BlockSize()
		counted := &counting{Key: p.in}
		for length := 1; length < 2*n; length++ {
			for seed := range uint64(4) {
				input := testBytes(length, seed)
				counted.cbc, counted.macs = 0, 0
				got, err := an10922.Key(ctx, counted, input)
				if err != nil {
					t.Fatal(err)
				}
				want, err := an10922.Key(ctx, p.memory, input)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Export(), want.Export()) || got.Version() != want.Version() {
					t.Errorf("%v, input of %d bytes: another key than in memory", p.in, length)
				}
				if byMAC := 1+length > n; byMAC != (counted.cbc == 0) || byMAC != (counted.macs > 0) {
					t.Errorf("%v, input of %d bytes: %d times CBC, %d times CMAC", p.in, length, counted.cbc, counted.macs)
				}
			}
		}
	}
}

// counting counts what a key is asked for.
type counting struct {
	*Key
	cbc, macs int
}

func (c *counting) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	c.cbc++
	return c.Key.EncryptCBC(ctx, iv, dst, src)
}

func (c *counting) CMAC(ctx context.Context, message []byte) ([]byte, error) {
	c.macs++
	return c.Key.CMAC(ctx, message)
}

// A master key that may sign and nothing else derives keys, from inputs that are
// long enough; its check value is not known. One that may not sign derives by its
// cipher.
func TestDeriveOnly(t *testing.T) {
	ctx := context.Background()
	const label = "derive only"
	m := openHSM(t, label, &Config{PIN: new(pin).give})
	b := testBytes(16, 1)
	memory, err := key.NewAES(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, m, label, made{label: "signs", keyType: keyTypeAES, value: b, not: []uint64{attrEncrypt, attrDecrypt}})
	put(t, m, label, made{label: "ciphers", keyType: keyTypeAES, value: b, not: []uint64{attrDecrypt, attrSign}})
	for _, tt := range []struct {
		name  string
		min   int
		value key.CheckValue
	}{{"signs", 16, key.CheckValue{}}, {"ciphers", 1, memory.CheckValue()}} {
		k, err := m.Key(ctx, &URI{Token: label, Object: tt.name})
		if err != nil {
			t.Fatal(err)
		}
		if k.CheckValue() != tt.value {
			t.Errorf("%s: check value %v, want %v", tt.name, k.CheckValue(), tt.value)
		}
		for n := 1; n < 32; n++ {
			got, err := an10922.Key(ctx, k, testBytes(n, 1))
			if n < tt.min {
				if codeOf(err) != codeKeyNotPermitted {
					t.Errorf("%s, input of %d bytes: %v", tt.name, n, err)
				}
				continue
			}
			want, _ := an10922.Key(ctx, memory, testBytes(n, 1))
			if err != nil || !bytes.Equal(got.Export(), want.Export()) {
				t.Errorf("%s, input of %d bytes: %v", tt.name, n, err)
			}
		}
		if err := k.DecryptCBC(ctx, nil, make([]byte, 16), make([]byte, 16)); codeOf(err) != codeKeyNotPermitted {
			t.Errorf("%s: deciphers: %v", tt.name, err)
		}
	}
}

var testApp = wire.AID(0xF48121)

// A key that cannot be read out opens every kind of session, debits, and is no part
// of a key change.
func TestCards(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	twins := keysIn(t, "cards")
	for _, tt := range []struct {
		g      wire.Generation
		method key.Method
		with   int // of twins
	}{
		{wire.D40, key.MethodD40, 1}, {wire.D40, key.MethodD40, 3}, {wire.D40, key.MethodD40, 4},
		{wire.EV1, key.MethodISO, 1}, {wire.EV1, key.MethodISO, 2}, {wire.EV1, key.MethodISO, 3},
		{wire.EV1, key.MethodAES, 0}, {wire.EV1, key.MethodISO7816, 0},
		{wire.EV2, key.MethodAES, 0}, {wire.EV2, key.MethodEV2First, 0}, {wire.EV2, key.MethodEV2NonFirst, 0},
		{wire.EV3, key.MethodEV2First, 0},
	} {
		t.Run(fmt.Sprintf("%v %v %v", tt.g, tt.method, twins[tt.with].in.Type()), func(t *testing.T) {
			p := twins[tt.with]
			picc, err := sim.New(&sim.Config{Generation: tt.g})
			if err != nil {
				t.Fatal(err)
			}
			card, err := desfire.Connect(ctx, picc.Present(), nil)
			if err != nil {
				t.Fatal(err)
			}
			zero := key.Zero(p.in.Type())
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(p.in.Type().Wire(), 2)}))
			must(card.SelectApplication(ctx, testApp))
			access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
			must(card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: access, Upper: 1000, Value: 500}))
			must(card.Authenticate(ctx, 0, zero))
			must(card.ChangeKey(ctx, 1, p.memory, zero))
			if tt.method == key.MethodEV2NonFirst {
				must(card.AuthenticateWith(ctx, key.MethodEV2First, 0, zero))
			}

			must(card.AuthenticateWith(ctx, tt.method, 1, p.in))
			must(card.Debit(ctx, 1, 42))
			must(card.Commit(ctx))
			if v, err := card.Value(ctx, 1); err != nil || v != 458 {
				t.Errorf("value %d, %v", v, err)
			}

			// As a new and as an old key it is refused, and nothing is sent.
			must(card.Authenticate(ctx, 0, zero))
			for role, change := range map[string]func() error{
				"new": func() error { return card.ChangeKey(ctx, 1, p.in, p.memory) },
				"old": func() error { return card.ChangeKey(ctx, 1, p.memory, p.in) },
				"new of rekey": func() error {
					_, err := rekey.Run(ctx, card, &rekey.Change{Place: wire.Place{AID: testApp}, No: 1, Old: p.memory, New: p.in, With: zero, DryRun: true})
					return err
				},
			} {
				before := picc.Exchanges()
				var opaque *key.OpaqueError
				if err := change(); !errors.As(err, &opaque) || opaque.Role != role[:3] {
					t.Errorf("%s key of a change: %v", role, err)
				}
				if picc.Exchanges() != before {
					t.Errorf("%s key of a change: something was sent", role)
				}
			}
		})
	}
}

// The keys of a card with LRP switched on are opened from the token as well.
func TestLRP(t *testing.T) {
	ctx := context.Background()
	p := keysIn(t, "lrp")[0]
	for g, file := range map[wire.Generation]desfire.FileNo{wire.Light: 4, wire.NTAG424: 3} {
		picc, err := sim.New(&sim.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		if err != nil {
			t.Fatal(err)
		}
		zero := key.Zero(key.TypeAES)
		for _, step := range []func() error{
			func() error { return card.Select(ctx, desfire.Place{Fixed: true}) },
			func() error { return card.Authenticate(ctx, 0, zero) },
			func() error {
				return card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}})
			},
			func() error { return card.AuthenticateWith(ctx, key.MethodLRPFirst, 0, zero) },
			func() error { return card.ChangeKey(ctx, 1, p.memory, zero) },
			func() error { return card.AuthenticateWith(ctx, key.MethodLRPFirst, 1, p.in) },
		} {
			if err := step(); err != nil {
				t.Fatalf("%v: %v", g, err)
			}
		}
		if s, ok := card.Session(); !ok || s.Scheme != wire.SchemeLRP {
			t.Errorf("%v: %+v", g, s)
		}
		if _, err := card.FileSettings(ctx, file); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
}
