package securemsg

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// secrets are the places in memory, reached from a value, that can hold a key, a
// random or a running value: runs of 8 bytes and more, the shortest session key.
// What the standard library keeps in its ciphers is not among them.
type secrets map[string][]byte

func (s secrets) walk(path string, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() || strings.HasPrefix(v.Elem().Type().PkgPath(), "crypto/") {
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			s.walk(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Array, reflect.Slice:
		switch n := v.Len(); {
		case n == 0:
		case v.Type().Elem().Kind() != reflect.Uint8:
			for i := range n {
				s.walk(path, v.Index(i))
			}
		case n >= 8:
			s[path+string(rune('a'+len(s)))] = unsafe.Slice((*byte)(v.Index(0).Addr().UnsafePointer()), n)
		}
	case reflect.Func: // hidden bytes
		if get, ok := reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem().Interface().(func() []byte); ok && get != nil {
			s[path] = get()
		}
	}
}

// check reports what is not zero, and that something was there before.
func (s secrets) check(t *testing.T, atLeast int) {
	t.Helper()
	if len(s) < atLeast {
		t.Errorf("%d places with secrets, want %d or more: the walk does not see them", len(s), atLeast)
	}
	for path, b := range s {
		for _, x := range b {
			if x != 0 {
				t.Errorf("%s still holds %X", path, b)
				break
			}
		}
	}
}

func secretsOf(v any) secrets {
	s := make(secrets)
	s.walk("", reflect.ValueOf(v))
	return s
}

// unasked is a key in a safe that nobody may ask.
type unasked struct {
	key.Key
	t *testing.T
}

func (u unasked) WrapKey(context.Context, key.WrapRequest) ([]byte, error) {
	u.t.Error("a wiped session asks for a cryptogram")
	return nil, errors.New("asked")
}

func TestWipe(t *testing.T) {
	for name, s := range sessions(t) {
		t.Run(name, func(t *testing.T) {
			reader, card := pair(t, s)
			m := Message{Code: 0x3D, Head: []byte{1, 0, 0, 0, 16, 0, 0}, Data: make([]byte, 16), Mode: wire.CommFull, Len: 16}
			if err := exchange(reader, card, m, Message{Mode: wire.RuleWrite.Protection(reader.Info().Scheme, true, wire.CommFull)}); err != nil {
				t.Fatal(err)
			}
			info := reader.Info()
			for _, c := range []Channel{Clone(reader), reader, card} {
				before := secretsOf(c)
				Wipe(c)
				before.check(t, 2)
				secretsOf(c).check(t, 1)
				Wipe(c) // again does nothing
				if _, err := c.Seal(nil, m); !errors.Is(err, ErrClosed) {
					t.Errorf("Seal after Wipe: %v", err)
				}
				if _, err := c.Open(nil, m); !errors.Is(err, ErrClosed) {
					t.Errorf("Open after Wipe: %v", err)
				}
				opaque := KeyChange{Code: 0xC4, Head: []byte{1}, New: unasked{key.Zero(key.TypeAES), t}}
				if _, err := SealKeyChange(context.Background(), c, nil, opaque); !errors.Is(err, ErrClosed) {
					t.Errorf("SealKeyChange after Wipe: %v", err)
				}
			}
			if reader.Info() != info {
				t.Errorf("Info %v, was %v", reader.Info(), info)
			}
			if s.Key[1] != 1 || s.MAC != nil && s.MAC[1] != 9 {
				t.Errorf("the caller's keys are %X and %X", s.Key, s.MAC)
			}
		})
	}
	Wipe(nil)
}

// Wiping a clone leaves the channel that it was made of alone.
func TestWipeClone(t *testing.T) {
	for name, s := range sessions(t) {
		reader, card := pair(t, s)
		Wipe(Clone(reader))
		Wipe(Clone(card))
		m := Message{Code: 0x3D, Head: []byte{1, 2}, Data: []byte{1, 2, 3}, Mode: wire.CommFull}
		if err := exchange(reader, card, m, Message{Mode: wire.RuleWrite.Protection(reader.Info().Scheme, true, wire.CommFull)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A handshake holds nothing when it is over, however it ends; its channel works.
func TestHandshakeWipes(t *testing.T) {
	ctx := context.Background()
	for _, m := range []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodLRPFirst} {
		k := key.Zero(key.TypeAES)
		if m == key.MethodD40 || m == key.MethodISO {
			k = key.Zero(key.TypeDES)
		}
		for _, end := range []string{"well", "refused", "left"} {
			t.Run(m.String()+" "+end, func(t *testing.T) {
				h, err := NewHandshake(Config{Method: m, Key: k})
				must(t, err)
				g, err := NewCardHandshake(Config{Method: m, Key: k})
				must(t, err)
				challenge, err := g.First(ctx)
				must(t, err)
				token, err := h.Second(ctx, challenge)
				must(t, err)
				reader, card := secretsOf(h.attempt), secretsOf(g.attempt)
				var a, b Channel
				switch end {
				case "refused":
					token[3] ^= 1
					if _, _, err := g.Second(ctx, token); !errors.Is(err, ErrProof) {
						t.Fatal(err)
					}
					if _, err := h.Finish(ctx, make([]byte, map[key.Method]int{key.MethodD40: 8, key.MethodISO: 8, key.MethodAES: 16}[m])); err == nil {
						t.Fatal("a proof of zeros")
					}
				case "left":
					h.Wipe()
					g.Wipe()
				default:
					var proof []byte
					proof, b, err = g.Second(ctx, token)
					must(t, err)
					a, err = h.Finish(ctx, proof)
					must(t, err)
					roundTrip(t, a, b)
				}
				reader.check(t, 1)
				card.check(t, 1)
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The bytes of a new key do not stay behind in a slice that was too short for
// what Seal adds.
func TestKeyChangeLeavesNothing(t *testing.T) {
	k := key.Zero(key.TypeAES)
	fresh, err := key.NewAES(unhex("5152535455565758595A5B5C5D5E5F60"), 7)
	must(t, err)
	for name, s := range sessions(t) {
		for _, old := range []key.Key{nil, k} {
			reader, _ := pair(t, s)
			m, err := KeyChange{Code: 0xC4, Head: []byte{1}, New: fresh, Old: old}.Message()
			must(t, err)
			short := make([]byte, 0, len(m.Head)+len(m.Data))
			if _, err := reader.Seal(short, m); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(short[:cap(short)]), "QRSTUV") {
				t.Errorf("%s: the new key stands in %q", name, short[:cap(short)])
			}
			m.wipe()
			if strings.Contains(string(m.Data)+string(m.NewKey), "QRST") {
				t.Errorf("%s: the message keeps the new key", name)
			}
		}
	}
}
