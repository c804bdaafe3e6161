package securemsg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// sessions are open channels of every scheme and key type, in pairs.
func sessions(t testing.TB) map[string]Session {
	t.Helper()
	b := unhex("000102030405060708090A0B0C0D0E0F1011121314151617")
	iv := unhex("E0E1E2E3E4E5E6E7E8E9EAEBECEDEEEF")
	return map[string]Session{
		"D40 DES":    {Method: key.MethodD40, Key: b[:8]},
		"D40 2K3DES": {Method: key.MethodD40, Key: b[:16]},
		"EV1 DES":    {Method: key.MethodISO, Key: b[:8], IV: iv[:8]},
		"EV1 2K3DES": {Method: key.MethodISO, Key: b[:16], IV: iv[:8]},
		"EV1 3K3DES": {Method: key.MethodISO, Key: b, IV: iv[:8]},
		"EV1 AES":    {Method: key.MethodAES, Key: b[:16], IV: iv},
		"EV2":        {Method: key.MethodEV2First, Key: b[:16], MAC: b[8:], TI: [4]byte{1, 2, 3, 4}, Counter: 0x1234},
		"LRP":        {Method: key.MethodLRPFirst, Key: b[:16], TI: [4]byte{1, 2, 3, 4}, Counter: 0x1234, Blocks: 0x01020304},
	}
}

func pair(t testing.TB, s Session) (reader, card Channel) {
	t.Helper()
	s.Side = PCD
	reader, err := NewChannel(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Side = PICC
	if card, err = NewChannel(s); err != nil {
		t.Fatal(err)
	}
	return reader, card
}

func testKeys(t testing.TB) []*key.Secret {
	t.Helper()
	var ks []*key.Secret
	for _, spec := range []string{
		"des:0123456789ABCDEF/A5", "2k3des:0123456789ABCDEF1122334455667788/5A",
		"3k3des:0123456789ABCDEF112233445566778899AABBCCDDEEFF00/C3", "aes:0123456789ABCDEF1122334455667788/3C",
	} {
		k, err := key.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		ks = append(ks, k)
	}
	return ks
}

// Every kind of new key, as the session's own and as another one, under every
// scheme.
func TestChangeKeyBothSides(t *testing.T) {
	ctx := context.Background()
	for name, s := range sessions(t) {
		for _, k := range testKeys(t) {
			if s.Method.Scheme() >= wire.SchemeEV2 && k.Type() != key.TypeAES {
				continue // no such key under AES-only sessions
			}
			for _, other := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s to %v, other %v", name, k.Type(), other), func(t *testing.T) {
					reader, card := pair(t, s)
					c := KeyChange{Code: 0xC4, Head: []byte{1}, New: k}
					var old []byte
					if other {
						o := key.Zero(k.Type()).WithVersion(0x77)
						c.Old, old = o, o.Export()
					}
					sealed, err := SealKeyChange(ctx, reader, nil, c)
					if err != nil {
						t.Fatal(err)
					}
					if bytes.Contains(sealed, k.Export()[:8]) {
						t.Error("the key is in clear")
					}
					got, err := OpenKeyChange(Clone(card), 0xC4, sealed[:1], sealed[1:], k.Type(), old)
					if err != nil {
						t.Fatal(err)
					}
					if got.Type() != k.Type() || got.Version() != k.Version() || !bytes.Equal(got.Export(), k.Export()) {
						t.Errorf("the card has %v, want %v", got, k)
					}
					if other {
						wrong := bytes.Clone(old)
						wrong[5] ^= 2
						refuse(t, card, sealed, k.Type(), wrong, ErrIntegrity)
					}
					bent := bytes.Clone(sealed)
					bent[3] ^= 1
					refuse(t, card, bent, k.Type(), old, ErrIntegrity)
					refuse(t, card, sealed[:len(sealed)-4], k.Type(), old, ErrLength)
					refuse(t, card, sealed[:1], k.Type(), old, ErrLength)
					if k.Type() == key.TypeAES && s.Method == key.MethodISO && !other {
						refuse(t, card, sealed, key.Type3K3DES, nil, ErrLength)
					}
					// the session goes on with the channels in step
					if _, err := OpenKeyChange(card, 0xC4, sealed[:1], sealed[1:], k.Type(), old); err != nil {
						t.Fatal(err)
					}
					if err := exchange(reader, card, Message{Code: 0x64, Head: []byte{1}}, Message{Data: []byte{k.Version()}, Mode: wire.CommPlain}); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

func refuse(t *testing.T, card Channel, sealed []byte, kt key.Type, old []byte, want error) {
	t.Helper()
	k, err := OpenKeyChange(Clone(card), 0xC4, sealed[:1], sealed[1:], kt, old)
	if k != nil || !errors.Is(err, want) {
		t.Errorf("%v, %v; want %v", k, err, want)
	}
}

// nfcjlib fills the cryptogram of an EV1 session with DES blocks up to 32 bytes,
// and its tests passed on hardware (testdata/foreign/nfcjlib-ev1-3k3des.json).
func TestChangeKeyFilledUp(t *testing.T) {
	for name, s := range sessions(t) {
		if s.Method != key.MethodISO {
			continue
		}
		t.Run(name, func(t *testing.T) {
			k := testKeys(t)[3]
			reader, card := pair(t, s)
			m, err := KeyChange{Code: 0xC4, Head: []byte{0x80}, New: k}.Message()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{24, 32, 40} {
				p := make([]byte, n)
				copy(p, m.Data)
				binary.LittleEndian.PutUint32(p[len(m.Data):], sum32(append([]byte{0xC4, 0x80}, m.Data...)))
				c := Clone(reader).(*ev1)
				c.encrypt(c.iv[:], p)
				got, err := OpenKeyChange(Clone(card), 0xC4, []byte{0x80}, p, k.Type(), nil)
				if n == 40 {
					if !errors.Is(err, ErrLength) {
						t.Errorf("%d bytes: %v, %v", n, got, err)
					}
					continue
				}
				if err != nil || !bytes.Equal(got.Export(), k.Export()) {
					t.Errorf("%d bytes: %v, %v", n, got, err)
				}
			}
		})
	}
}

func TestChangeKeyLengths(t *testing.T) {
	ks := testKeys(t)
	if _, err := (KeyChange{Code: 0xC4, New: ks[3], Old: ks[2]}).Message(); err == nil {
		t.Error("an old key of 24 bytes for a new one of 16 was taken")
	}
}

// wrapper is a key in a safe that makes its own key changes.
type wrapper struct {
	*hsm
	old *key.Secret
}

func (w *wrapper) WrapKey(ctx context.Context, r key.WrapRequest) ([]byte, error) {
	if err := w.wait(ctx); err != nil {
		return nil, err
	}
	c := KeyChange{Code: r.Command[0], Head: r.Command[1:], New: w.k}
	if r.Old != nil {
		c.Old = w.old
	}
	m, err := c.Message()
	if err != nil {
		return nil, err
	}
	s := Session{Key: r.Session}
	switch r.Scheme {
	case wire.SchemeD40:
		s.Method = key.MethodD40
	case wire.SchemeEV1:
		s.Method, s.IV = key.MethodISO, r.IV
		if len(r.IV) == 16 {
			s.Method = key.MethodAES
		}
	case wire.SchemeLRP:
		s.Method, s.Blocks = key.MethodLRPFirst, binary.BigEndian.Uint32(r.IV)
	case wire.SchemeEV2:
		b, err := key.NewAES(r.Session, 0)
		if err != nil {
			return nil, err
		}
		p := m.Data
		if m.NewKey != nil {
			p = binary.LittleEndian.AppendUint32(p, sum32(m.NewKey))
		}
		p = pad(p, 0, 16, true)
		return p, b.EncryptCBC(ctx, r.IV, p, p)
	}
	ch, err := NewChannel(s)
	if err != nil {
		return nil, err
	}
	out, err := ch.Seal(nil, m)
	if err != nil {
		return nil, err
	}
	out = out[len(m.Head):]
	if r.Scheme == wire.SchemeLRP {
		out = out[:len(out)-ev2MAC]
	}
	return out, nil
}

// A key that wraps its change where it lives gives the bytes that a key in
// memory gives, and leaves the channel in the same state.
func TestWrapper(t *testing.T) {
	ctx := context.Background()
	k := testKeys(t)[3]
	old := key.Zero(key.TypeAES)
	for name, s := range sessions(t) {
		for _, other := range []bool{false, true} {
			a, card := pair(t, s)
			b := Clone(a)
			open := KeyChange{Code: 0xC4, Head: []byte{1}, New: k}
			safe := KeyChange{Code: 0xC4, Head: []byte{1}, New: &wrapper{&hsm{k: k}, old}}
			if other {
				open.Old, safe.Old = old, &hsm{k: old}
			}
			want, err := SealKeyChange(ctx, a, nil, open)
			if err != nil {
				t.Fatal(err)
			}
			if err := safe.Check(); err != nil {
				t.Fatal(err)
			}
			got, err := SealKeyChange(ctx, b, nil, safe)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, other %v: wrapped %X, want %X", name, other, got, want)
			}
			if _, err := OpenKeyChange(card, 0xC4, got[:1], got[1:], key.TypeAES, map[bool][]byte{true: old.Export()}[other]); err != nil {
				t.Fatal(err)
			}
			if err := exchange(b, card, Message{Code: 0x64, Data: []byte{1, 2}, Mode: wire.CommFull}, Message{Mode: wire.CommPlain}); err != nil {
				t.Errorf("%s: after it: %v", name, err)
			}
		}
	}
}

// A key that gives no bytes and wraps nothing is refused before anything moves.
func TestOpaqueKeys(t *testing.T) {
	ctx := context.Background()
	k := testKeys(t)[3]
	for name, s := range sessions(t) {
		reader, _ := pair(t, s)
		before := fmt.Sprintf("%v", reader)
		for _, c := range []KeyChange{
			{Code: 0xC4, Head: []byte{1}, New: &hsm{k: k}},
			{Code: 0xC4, Head: []byte{1}, New: k, Old: &hsm{k: k}},
		} {
			var opaque *key.OpaqueError
			if err := c.Check(); !errors.As(err, &opaque) {
				t.Errorf("%s: Check gives %v", name, err)
			}
			if _, err := SealKeyChange(ctx, reader, nil, c); !errors.As(err, &opaque) {
				t.Errorf("%s: Seal gives %v", name, err)
			}
		}
		if after := fmt.Sprintf("%v", reader); after != before {
			t.Errorf("%s: the channel moved from %s to %s", name, before, after)
		}
		// and a wrapper that fails leaves the session usable
		broken := &wrapper{&hsm{k: k, fail: errSafe}, nil}
		if _, err := SealKeyChange(ctx, reader, nil, KeyChange{Code: 0xC4, New: broken}); !errors.Is(err, errSafe) {
			t.Errorf("%s: broken wrapper: %v", name, err)
		}
		if _, err := reader.Seal(nil, Message{Code: 0x64}); err != nil {
			t.Errorf("%s: after a broken wrapper: %v", name, err)
		}
	}
}
