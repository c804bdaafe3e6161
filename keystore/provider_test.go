package keystore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// opaque is a handle: it ciphers, and gives no bytes.
type opaque struct{ key.Key }

// vault is a table of two providers, one of texts and one of handles, and what was
// asked of them.
func vault(asked *[]string) keystore.Providers {
	parse := func(p *keystore.Provided) func(string) (*keystore.Provided, error) {
		return func(address string) (*keystore.Provided, error) {
			if address == "" {
				return nil, errors.New("names no key")
			}
			q := *p
			q.Source += address
			return &q, nil
		}
	}
	return keystore.Providers{
		{Name: "os", Form: "os:SERVICE/NAME", Parse: parse(&keystore.Provided{Source: "os:", Facts: keystore.Facts{NoVersion: true},
			Text: func(context.Context, *keystore.Config) ([]byte, error) {
				*asked = append(*asked, "text")
				return []byte("aes:" + digits + "/0C"), nil
			}})},
		{Name: "hsm", Form: "hsm:NAME", Parse: parse(&keystore.Provided{Source: "hsm:", Code: "/lib/hsm.so", Facts: keystore.Facts{Version: 7},
			Key: func(context.Context, *keystore.Config, *key.Type) (key.Key, error) {
				*asked = append(*asked, "handle")
				return opaque{key.Zero(key.TypeAES).WithVersion(7)}, nil
			}})},
	}
}

// A program that a provider runs is looked for where one of exec: is.
func TestProvidersPrograms(t *testing.T) {
	ctx := context.Background()
	table := keystore.Providers{{Name: "hsm", Form: "hsm:PROGRAM", Parse: func(address string) (*keystore.Provided, error) {
		return &keystore.Provided{Source: "hsm:", Text: func(ctx context.Context, c *keystore.Config) ([]byte, error) {
			return c.Exec(ctx, []string{address, "pin"})
		}}, nil
	}}}
	dir := t.TempDir()
	for name, want := range map[string]string{"./give": filepath.Join(dir, "give"), "give": "give", filepath.Join(dir, "x", "give"): filepath.Join(dir, "x", "give")} {
		for _, form := range []string{"exec:" + name + " pin", "hsm:" + name} {
			var ran []string
			s, err := table.Parse(form)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Key(ctx, &keystore.Config{Dir: dir, Exec: func(_ context.Context, argv []string) ([]byte, error) {
				ran = argv
				return []byte("aes:" + digits), nil
			}})
			if err != nil || len(ran) != 2 || ran[0] != want || ran[1] != "pin" {
				t.Errorf("%s: ran %q, %v", form, ran, err)
			}
		}
	}
}

func TestProviders(t *testing.T) {
	ctx := context.Background()
	var asked, loaded []string
	table := vault(&asked)
	conf := &keystore.Config{Code: func(file string) error { loaded = append(loaded, file); return nil }}
	for text, want := range map[string]struct {
		source, facts string
		version       byte
		opaque        bool
	}{
		"os:desfire/door":       {"os:desfire/door", "key of unknown type version unknown os:desfire/door", 0x0C, false},
		" aes: os:desfire/door": {"aes:os:desfire/door", "AES version unknown aes:os:desfire/door", 0x0C, false},
		"hsm:door":              {"hsm:door", "key of unknown type version 07 hsm:door", 7, true},
		"aes:hsm:door":          {"aes:hsm:door", "AES version 07 aes:hsm:door", 7, true},
	} {
		s, err := table.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Source() != want.source || s.Facts().String() != want.facts || !s.Asks(nil) || len(asked) > 0 {
			t.Errorf("%s: source %q, facts %v, asked %q", text, s.Source(), s.Facts(), asked)
		}
		k, f, err := s.Get(ctx, conf)
		if err != nil || k.Version() != want.version || f.Version != want.version || f.Source != want.source || f.NoVersion || len(asked) != 1 {
			t.Fatalf("%s: %v, %v, %v, asked %q", text, k, f, err, asked)
		}
		if _, secret := k.(*key.Secret); secret == want.opaque || len(loaded) > 0 != want.opaque {
			t.Errorf("%s: %T, loaded %q", text, k, loaded)
		}
		asked, loaded = nil, nil
	}
}

// A key is had from nobody who may not be asked, and is of the type that was
// written.
func TestProvidersRefuse(t *testing.T) {
	ctx := context.Background()
	var asked []string
	table := vault(&asked)
	no := errors.New("not from here")
	for text, tc := range map[string]struct {
		conf *keystore.Config
		want string
		asks int
	}{
		"hsm:door":        {nil, "no code is loaded from here", 0},
		"aes:hsm:door":    {&keystore.Config{Code: func(string) error { return no }}, "not from here", 0},
		"3k3des:hsm:door": {&keystore.Config{Code: func(string) error { return nil }}, "3K3DES is asked for, and a key of type AES is there", 1},
		"des:os:a/b":      {nil, "DES is asked for, and a key of type AES is there", 1},
	} {
		asked = nil
		s, err := table.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if k, _, err := s.Get(ctx, tc.conf); err == nil || k != nil || !strings.Contains(err.Error(), tc.want) || len(asked) != tc.asks {
			t.Errorf("%s: %v, %v, asked %q", text, k, err, asked)
		}
	}
	for text, want := range map[string]string{
		"os:": "os:SERVICE/NAME: names no key", "hsm:": "hsm:NAME: names no key", "pkcs11:object=a": "pkcs11: this program gets no keys from there",
		"aes:pkcs11:object=a?pin-value=1234": "pkcs11: this program gets no keys from there", "tpm:x": "the type before the colon",
	} {
		if s, err := table.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	if s, err := keystore.ParseSpec("hsm:door"); err == nil {
		t.Errorf("without the table: %v", s)
	}
}

// What addresses are shown as: no PIN.
func TestSourceOfAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"os:desfire/door": "os:desfire/door",
		"aes:pkcs11:token=a;object=b?module-path=/lib/x.so&pin-source=env:PIN": "aes:pkcs11:token=a;object=b",
		"pkcs11:serial=6cedf9456c7b44e7;object=b":                              "pkcs11:serial=6cedf9456c7b44e7;object=b",
		"pkcs11:object=b?pin-value=1234":                                       "",
		"pkcs11:object=b;PIN-Value=1234":                                       "",
	} {
		if got := keystore.SourceOf(text); got != want || keystore.InTheOpen(text) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"campus-2026", "a", "M2", "deadbeef-2026", "exec", "os.door", strings.Repeat("x", 64)} {
		if err := keystore.CheckName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"":                        "want letters",
		"-a":                      "want letters",
		"a b":                     "want letters",
		"../a":                    "want letters",
		strings.Repeat("x", 65):   "65 bytes",
		digits:                    "looks like a key",
		"k-" + digits[:16]:        "looks like a key",
		"00:11:22:33:44:55:66:77": "looks like a key",
		"aes:" + digits:           "looks like a key",
		"AES : 00":                "looks like a key",
	} {
		err := keystore.CheckName(text)
		if err == nil || errors.Is(err, keystore.ErrNotHere) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%q: %v", text, err)
		}
	}
	// Whatever says where a key is, or is one.
	for _, form := range []string{"exec:touch /tmp/x", "pkcs11:object=a?module-path=/tmp/x.so", "os:a/b", "env:HOME", "@/etc/passwd", "prompt", "vault:x", "/etc/key", "file:///etc/key", `\\host\key`, digits} {
		for _, dress := range []string{"%s", " %s", "aes:%s", "AES: %s", "2k3des:\t%s", "\n%s"} {
			text := fmt.Sprintf(dress, form)
			err := keystore.CheckName(text)
			if err == nil || !errors.Is(err, keystore.ErrNotHere) && form != digits || !errors.Is(err, keystore.ErrLikeKey) && form == digits || strings.Contains(err.Error(), "/tmp") || strings.Contains(err.Error(), digits[:8]) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if form != digits && form[0] != '@' {
			if err := keystore.CheckName(strings.ToUpper(form)); !errors.Is(err, keystore.ErrNotHere) {
				t.Errorf("%s: %v", strings.ToUpper(form), err)
			}
		}
	}
}
