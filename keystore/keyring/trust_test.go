package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

func wantWarning(t *testing.T, a *asked, want string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	if len(a.warnings) != 1 || !strings.Contains(a.warnings[0], want) {
		t.Errorf("warnings %q, want one of %q", a.warnings, want)
	}
}

// Programs run from a keyring that nobody else can write, and from no other.
func TestWhoMayRunPrograms(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("owner and mode are those of Unix")
	}
	ctx := context.Background()
	const text = "desfire: keys/v1\nkeys: {card: {0: exec:givekey, 1: aes:" + digits + "}}\n"
	for _, tc := range []struct {
		mode    os.FileMode
		trust   bool
		runs    bool
		warning string
	}{
		{0o600, false, true, ""},
		{0o400, false, true, ""},
		{0o644, false, true, "can be read by others"},
		{0o620, false, false, "can be changed by others"},
		{0o602, false, false, "can be changed by others"},
		{0o666, true, false, "can be changed by others"},
	} {
		a := new(asked)
		name := filepath.Join(files(t, map[string]string{"k": text}), "k")
		if err := os.Chmod(name, tc.mode); err != nil {
			t.Fatal(err)
		}
		conf := a.conf()
		conf.TrustExec = tc.trust
		r, err := keyring.Open(name, conf)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok, err := r.Has(ctx, ref(t, "*/card/0")); !ok || err != nil || f.Type != "" {
			t.Errorf("%v: %v, %v, %v", tc.mode, f, ok, err)
		}
		k, err := r.Key(ctx, ref(t, "*/card/0"))
		if (err == nil) != tc.runs || (len(a.programs) == 1) != tc.runs {
			t.Errorf("%v: %v, %v, ran %q", tc.mode, k, err, a.programs)
		}
		if !tc.runs && !errors.Is(err, keyring.ErrNotTrusted) {
			t.Errorf("%v: %v", tc.mode, err)
		}
		if _, err := r.Key(ctx, ref(t, "*/card/1")); err != nil {
			t.Errorf("%v: the other key: %v", tc.mode, err)
		}
		if tc.warning == "" && len(a.warnings) > 0 {
			t.Errorf("%v: warnings %q", tc.mode, a.warnings)
		} else if tc.warning != "" {
			wantWarning(t, a, tc.warning)
		}
	}
}

// A file of another user, which only root can make and read.
func TestForeignOwner(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("not root")
	}
	a := new(asked)
	name := filepath.Join(files(t, map[string]string{"k": "desfire: keys/v1\nkeys: {card: {0: exec:givekey}}\n"}), "k")
	if err := os.Chown(name, 12345, 12345); err != nil {
		t.Skip(err)
	}
	r, err := keyring.Open(name, a.conf())
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key(context.Background(), ref(t, "*/card/0"))
	if !errors.Is(err, keyring.ErrNotTrusted) || len(a.programs) > 0 {
		t.Errorf("%v, %v, ran %q", k, err, a.programs)
	}
}

// Of a key file that others can read the keyring warns, once.
func TestKeyFileOpenToOthers(t *testing.T) {
	dir := files(t, map[string]string{"k": "desfire: keys/v1\nkeys: {card: {0: \"aes:@open.key\"}}\n", "open.key": digits})
	if err := os.Chmod(filepath.Join(dir, "open.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	a := new(asked)
	r, err := keyring.Open(filepath.Join(dir, "k"), a.conf())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := r.Has(context.Background(), ref(t, "*/card/0")); err != nil {
			t.Fatal(err)
		}
	}
	wantWarning(t, a, `key file "open.key" can be read by others`)
}

// What is no file has no owner: it may come from anywhere.
func TestPipe(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/fd")
	}
	for _, trust := range []bool{false, true} {
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pw.WriteString("desfire: keys/v1\nkeys: {card: {0: exec:givekey}}\n"); err != nil {
			t.Fatal(err)
		}
		pw.Close()
		a := new(asked)
		conf := a.conf()
		conf.TrustExec = trust
		r, err := keyring.Open("/dev/fd/"+itoa(pr.Fd()), conf)
		if err != nil {
			t.Fatal(err)
		}
		k, err := r.Key(context.Background(), ref(t, "*/card/0"))
		if (err == nil) != trust || !trust && !errors.Is(err, keyring.ErrNotTrusted) {
			t.Errorf("trust %v: %v, %v", trust, k, err)
		}
		pr.Close()
	}
}

// A program of the keyring's folder is found there, wherever we are.
func TestProgramOfTheFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("runs a script")
	}
	dir := files(t, map[string]string{
		"k":    "desfire: keys/v1\nkeys: {card: {0: aes:exec:./give 'a b'}}\n",
		"give": "#!/bin/sh\n[ \"$1\" = 'a b' ] && echo " + digits + "/0C\n",
	})
	if err := os.Chmod(filepath.Join(dir, "give"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Open(filepath.Join(dir, "k"), nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key(context.Background(), ref(t, "*/card/0"))
	if err != nil || k.Version() != 0x0C {
		t.Errorf("%v, %v", k, err)
	}
	// Others could make another program of it.
	if err := os.Chmod(filepath.Join(dir, "give"), 0o777); err != nil {
		t.Fatal(err)
	}
	if r, err = keyring.Open(filepath.Join(dir, "k"), nil); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Key(context.Background(), ref(t, "*/card/0")); !errors.Is(err, keyring.ErrNotTrusted) {
		t.Errorf("%v, %v", k, err)
	}
}

// Has does not read what may keep it waiting.
func TestHasReadsNoPipe(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/fd")
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	defer pw.Close()
	name := "/dev/fd/" + itoa(pr.Fd())
	for text, conf := range map[string]*keyring.Config{
		"desfire: keys/v1\nkeys: {card: {0: \"aes:@" + name + "\"}}\n":                                                       nil,
		"desfire: keys/v1\nkeys:\n  card:\n    0: " + block(seal(t, "aes:"+digits, true, identity(t).Recipient()), "      "): {Identity: name},
	} {
		r, err := keyring.Open(filepath.Join(files(t, map[string]string{"k": text}), "k"), conf)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			f, ok, err := r.Has(context.Background(), ref(t, "*/card/0"))
			if !ok || !f.NoVersion {
				err = errors.New("not there")
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Has waits")
		}
	}
}

// A passphrase that is made to cost gigabytes of memory is refused.
func TestCostlyPassphrase(t *testing.T) {
	text := seal(t, "aes:"+digits, false, passphrase(t, "correct horse"))
	head, rest, _ := strings.Cut(text, "\n---")
	head = strings.Replace(head, " 8\n", " 22\n", 1)
	a := &answers{phrases: []string{"correct horse"}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := keyring.Open(filepath.Join(files(t, map[string]string{"k": head + "\n---" + rest}), "k"), &keyring.Config{Prompt: a.prompt})
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; err == nil || !strings.Contains(err.Error(), "gigabyte") || len(a.asked) != 1 || took > 500 {
		t.Errorf("%v, asked %q, took %d MB", err, a.asked, took)
	}
}

// handle is a key of a module.
type handle struct{ key.Key }

// modules is a provider whose keys name code to load, and what was loaded.
func modules(loaded *[]string) keystore.Providers {
	return keystore.Providers{{Name: "pkcs11", Form: "pkcs11:URI", Parse: func(file string) (*keystore.Provided, error) {
		return &keystore.Provided{Source: "pkcs11:", Code: file, Facts: keystore.Facts{NoVersion: true}, Key: func(context.Context, *keystore.Config, *key.Type) (key.Key, error) {
			*loaded = append(*loaded, file)
			return handle{key.Zero(key.TypeAES)}, nil
		}}, nil
	}}}
}

// A module is a program: it is loaded for a keyring that nobody else can write, and
// no other, and only once a key of it is wanted.
func TestWhoMayLoadModules(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("owner and mode are those of Unix")
	}
	ctx := context.Background()
	dir := files(t, map[string]string{"m.so": "x", "bad.so": "x"})
	if err := os.Chmod(filepath.Join(dir, "bad.so"), 0o622); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		mode   os.FileMode
		module string
		want   string // an error
	}{
		{0o600, "/usr/lib/m.so", ""},
		{0o600, filepath.Join(dir, "m.so"), ""},
		{0o600, filepath.Join(dir, "bad.so"), "others can write the module"},
		{0o600, filepath.Join(dir, "none.so"), "no such file"},
		{0o620, "/usr/lib/m.so", "others than its owner can write it"},
		{0o602, filepath.Join(dir, "m.so"), "others than its owner can write it"},
	} {
		var loaded []string
		text := "desfire: keys/v1\nmasters: {m: \"aes:pkcs11:" + tc.module + "\"}\nkeys: {card: {0: {from: m}, 1: aes:" + digits + ", 2: {from: m, diversify: {an10922: {uid: true}}}}}\n"
		name := filepath.Join(dir, "k")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, tc.mode); err != nil {
			t.Fatal(err)
		}
		r, err := keyring.Open(name, &keyring.Config{Providers: modules(&loaded)})
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range r.Refs() {
			if f, ok, err := r.Has(ctx, ref); !ok || err != nil || f.Type != "AES" || len(loaded) > 0 {
				t.Errorf("%+v: %v, %v, %v, loaded %q", tc, f, ok, err, loaded)
			}
		}
		k, err := r.Key(ctx, ref(t, "*/card/0"))
		if tc.want == "" && (err != nil || len(loaded) != 1) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(loaded) > 0) {
			t.Errorf("%+v: %v, %v, loaded %q", tc, k, err, loaded)
		}
		if tc.want != "" && tc.want != "no such file" && !errors.Is(err, keyring.ErrNotTrusted) {
			t.Errorf("%+v: %v", tc, err)
		}
		if _, err := r.Key(ctx, ref(t, "*/card/1")); err != nil {
			t.Errorf("%+v: the other key: %v", tc, err)
		}
		if tc.want == "" {
			card := ref(t, "04112233445566/card/2")
			derived, err := r.Key(ctx, card)
			if _, secret := derived.(*key.Secret); err != nil || !secret || len(loaded) != 1 {
				t.Errorf("derived: %v, %v, loaded %q", derived, err, loaded)
			}
			// What is derived in the token is not derived to be looked at.
			if f, _, _ := r.Has(ctx, card); f.Check != (key.CheckValue{}) {
				t.Errorf("derived to look at it: %v", f)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
