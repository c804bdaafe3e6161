//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// A keyring takes keys from a token: the PIN by a prompt, a variable or a program,
// the module from the URI, under the rule of programs.
func TestInKeyring(t *testing.T) {
	ctx := context.Background()
	m := openHSM(t, "campus", &Config{PIN: new(pin).give})
	put(t, m, "campus", made{label: "master", keyType: keyTypeAES, value: []byte("0123456789abcdef")})
	secret, err := key.NewAES([]byte("0123456789abcdef"), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CAMPUS_PIN", testPIN)
	const uid = "\x04\x11\x22\x33\x44\x55\x66"
	refOf := func(text string) keystore.Ref {
		r, err := keystore.ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tc := range []struct {
		query   string
		mode    os.FileMode
		prompts int
		runs    int
		want    string // an error
	}{
		{"", 0o600, 1, 0, ""},
		{"&pin-source=prompt", 0o600, 1, 0, ""},
		{"&pin-source=env:CAMPUS_PIN", 0o600, 0, 0, ""},
		{"&pin-source=exec:give pin", 0o600, 0, 1, ""},
		{"&pin-source=env:CAMPUS_PIN", 0o622, 0, 0, "loads no modules"},
		{"&pin-source=exec:give pin", 0o622, 0, 0, "runs no programs"},
	} {
		if runtime.GOOS == "windows" && tc.want != "" {
			continue
		}
		name := filepath.Join(t.TempDir(), "keys.yaml")
		text := "desfire: keys/v1\nmasters: {m: \"pkcs11:token=campus;object=master?module-path=" + softHSM(t) + tc.query + "\"}\n" +
			"keys: {card: {0: {from: m, version: 7, type: aes}, 1: {from: m, version: 2, diversify: {an10922: {uid: true}}}}}\n"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, tc.mode); err != nil {
			t.Fatal(err)
		}
		modules := NewModules(nil)
		asked, ran := 0, 0
		ring, err := keyring.Open(name, &keyring.Config{
			Providers: keystore.Providers{modules.Provider()}, TrustExec: true,
			Prompt: func(_ context.Context, question string) ([]byte, error) {
				if asked++; !strings.Contains(question, "campus") {
					t.Errorf("question %q", question)
				}
				return []byte(testPIN), nil
			},
			Exec: func(_ context.Context, argv []string) ([]byte, error) {
				if ran++; len(argv) != 2 || argv[0] != "give" {
					t.Errorf("program %q", argv)
				}
				return []byte(testPIN + "\n"), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		// To look asks nobody and loads nothing.
		for _, ref := range ring.Refs() {
			f, ok, err := ring.Has(ctx, ref)
			if !ok || err != nil || f.NoVersion || asked+ran > 0 || len(modules.open) > 0 {
				t.Errorf("%v: %v, %v, %v, asked %d times", ref, f, ok, err, asked)
			}
		}
		k, err := ring.Key(ctx, refOf("*/card/0"))
		if tc.want != "" {
			if !errors.Is(err, keyring.ErrNotTrusted) || !strings.Contains(err.Error(), tc.want) || asked+ran+len(modules.open) > 0 {
				t.Errorf("%+v: %v, %v, asked %d, ran %d", tc, k, err, asked, ran)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, gives := k.(key.Exporter); gives || k.Version() != 7 || k.CheckValue() != secret.CheckValue() {
			t.Errorf("%v of %T", k, k)
		}
		derived, err := ring.Key(ctx, refOf("04112233445566/card/1"))
		want, _ := an10922.Key(ctx, secret, []byte(uid))
		if err != nil || derived.CheckValue() != want.CheckValue() || derived.Version() != 2 {
			t.Errorf("derived: %v, %v, want %v", derived, err, want)
		}
		if asked != tc.prompts || ran != tc.runs {
			t.Errorf("%s: asked %d times, ran %d", tc.query, asked, ran)
		}
		if err := errors.Join(ring.Close(), modules.Close()); err != nil {
			t.Error(err)
		}
	}
}

// What is wrong in a URI is said where it stands, without the PIN that somebody
// wrote there.
func TestProviderErrors(t *testing.T) {
	table := keystore.Providers{NewModules(nil).Provider()}
	for text, want := range map[string]string{
		"pkcs11:":                                   "want NAME=VALUE",
		"pkcs11:object=a?pin-value=31415":           "pin-value",
		"pkcs11:object=a;pin-value=31415":           "pin-value",
		"aes:pkcs11:object=a?module-path=lib.so":    "path",
		"pkcs11:object=a?pin-source=31415":          "pin-source is prompt",
		"pkcs11:token=a":                            "names no key",
		"pkcs11:object=a?module-path=/x.so&x=31415": "only module-path and pin-source",
	} {
		s, err := table.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "31415") {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	s, err := table.Parse("pkcs11:object=a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no module is named") {
		t.Error(err)
	}
	if s, err = table.Parse("pkcs11:object=a?pin-source=exec:give"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no code is loaded") {
		t.Error(err)
	}
}
