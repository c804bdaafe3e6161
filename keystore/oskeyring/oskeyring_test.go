package oskeyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/oskeyring"
	keys "github.com/zalando/go-keyring"
)

const digits = "0123456789abcdeffedcba9876543211"

func secret(t *testing.T, text string) *key.Secret {
	t.Helper()
	k, err := key.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestStore(t *testing.T) {
	keys.MockInit()
	ctx := context.Background()
	at, err := oskeyring.Parse("os:desfire/door")
	if err != nil || at.String() != "os:desfire/door" {
		t.Fatal(at, err)
	}
	k := secret(t, "aes:"+digits+"/2A")
	if err := oskeyring.Store(ctx, at, k); err != nil {
		t.Fatal(err)
	}
	if text, err := keys.Get("desfire", "door"); err != nil || text != "aes:"+digits+"/2A" {
		t.Errorf("%d bytes are there, %v", len(text), err)
	}
	if err := oskeyring.Store(ctx, at, key.Zero(key.TypeAES)); !errors.Is(err, oskeyring.ErrTaken) {
		t.Errorf("a second key: %v", err)
	}
	s, err := keystore.Providers{oskeyring.Provider()}.Parse("os:desfire/door")
	if err != nil {
		t.Fatal(err)
	}
	got, f, err := s.Get(ctx, nil)
	if err != nil || got.CheckValue() != k.CheckValue() || got.Version() != 0x2A || f.Source != "os:desfire/door" || f.NoVersion {
		t.Errorf("%v, %v, %v", got, f, err)
	}
	if err := oskeyring.Delete(ctx, at); err != nil {
		t.Fatal(err)
	}
	if err := oskeyring.Delete(ctx, at); !errors.Is(err, oskeyring.ErrNoKey) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, _, err := s.Get(ctx, nil); !errors.Is(err, oskeyring.ErrNoKey) || !strings.Contains(err.Error(), "os:desfire/door") {
		t.Errorf("a key that is gone: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"desfire/door": "want os:", "os:": "want os:", "os:door": "want os:", "os:/door": "want os:", "os:desfire/": "want os:", "os:a/b/c": "want os:",
		"os:a\n/b": "printable", "os: a/b": "blanks", "os:a/\u00e4": "ASCII", "os:a/" + digits: "looks like a key", "os:a/" + strings.Repeat("x", 65): "65 bytes",
	} {
		if a, err := oskeyring.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
}

// What is there may be anything: an error says where, and shows nothing of it.
func TestGarbage(t *testing.T) {
	keys.MockInit()
	s, err := keystore.Providers{oskeyring.Provider()}.Parse("os:other/thing")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "hunter2", digits, "exec:touch x", "aes:@/etc/passwd", "os:a/b", "aes:" + digits[1:], strings.Repeat("hunter2", 1<<14), "aes:" + digits + "\naes:" + digits} {
		if err := keys.Set("other", "thing", text); err != nil {
			t.Fatal(err)
		}
		k, _, err := s.Get(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), "os:other/thing") || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), digits[1:9]) {
			t.Errorf("%.20q: %v, %v", text, k, err)
		}
	}
	keys.MockInitWithError(errors.New("no bus"))
	if _, _, err := s.Get(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no bus") {
		t.Error(err)
	}
	at, _ := oskeyring.Parse("os:a/b")
	if err := oskeyring.Store(context.Background(), at, key.Zero(key.TypeAES)); err == nil || errors.Is(err, oskeyring.ErrTaken) {
		t.Errorf("stored without a keyring: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.Get(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

// A keyring file takes keys from there, and does not look before a key is wanted.
func TestInKeyring(t *testing.T) {
	ctx := context.Background()
	keys.MockInitWithError(errors.New("a window opens"))
	name := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(name, []byte("desfire: keys/v1\nmasters: {m: os:desfire/master}\nkeys: {card: {0: aes:os:desfire/door, 1: {from: m}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Open(name, &keyring.Config{Providers: keystore.Providers{oskeyring.Provider()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range r.Refs() {
		if f, ok, err := r.Has(ctx, ref); !ok || err != nil || !f.NoVersion {
			t.Errorf("%v: %v, %v, %v", ref, f, ok, err)
		}
		if _, err := r.Key(ctx, ref); err == nil || !strings.Contains(err.Error(), "a window opens") {
			t.Errorf("%v: %v", ref, err)
		}
	}
	keys.MockInit()
	for user, text := range map[string]string{"door": "aes:" + digits + "/01", "master": "aes:" + digits + "/02"} {
		if err := keys.Set("desfire", user, text); err != nil {
			t.Fatal(err)
		}
	}
	for i, ref := range r.Refs() {
		k, err := r.Key(ctx, ref)
		if err != nil || int(k.Version()) != i+1 {
			t.Errorf("%v: %v, %v", ref, k, err)
		}
		if f, _, _ := r.Has(ctx, ref); f.NoVersion || f.Check != k.CheckValue() {
			t.Errorf("%v: %v after the key was had", ref, f)
		}
	}
	k, err := r.Key(ctx, r.Refs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.EncryptCBC(ctx, nil, make([]byte, 16), make([]byte, 16)); !errors.Is(err, key.ErrWiped) {
		t.Errorf("a key of a closed ring: %v", err)
	}
}
