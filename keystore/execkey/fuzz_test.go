//go:build unix

package execkey_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore/execkey"
)

// FuzzKey runs a program that prints the input and ends with a code. What it prints
// comes unchanged, or there is an error; and no error shows it.
func FuzzKey(f *testing.F) {
	for _, out := range []string{"aes:" + digits + "/07\n", "# a comment\n\naes:" + digits, "aes:" + digits[2:], "", "\x00", strings.Repeat("x", execkey.MaxOutput), strings.Repeat("aes:"+digits, 200)} {
		f.Add([]byte(out), byte(0))
	}
	f.Add([]byte("aes:"+digits), byte(1))
	dir := f.TempDir()
	program := filepath.Join(dir, "give")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nread line && exit 99\ncat \"$1\"; exit $2\n"), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, out []byte, code byte) {
		name := filepath.Join(dir, "out")
		if err := os.WriteFile(name, out, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &execkey.Config{Timeout: time.Minute}
		argv := []string{program, name, map[bool]string{true: "0", false: "3"}[code == 0]}
		got, err := c.Run(t.Context(), argv)
		fine := code == 0 && len(out) > 0 && len(out) <= execkey.MaxOutput
		if (err == nil) != fine || fine && !bytes.Equal(got, out) {
			t.Fatalf("%d bytes and code %d: %d bytes, %v", len(out), code, len(got), err)
		}
		k, err2 := c.Key(t.Context(), argv)
		want, err3 := key.ParseText(bytes.Clone(out))
		if (err2 == nil) != (fine && err3 == nil) || err2 == nil && k.CheckValue() != want.CheckValue() {
			t.Fatalf("key: %v, %v; the text: %v", k, err2, err3)
		}
		for _, e := range []error{err, err2} {
			if e != nil && (strings.Contains(e.Error(), digits) || !strings.Contains(e.Error(), `"give"`)) {
				t.Errorf("error %q", e)
			}
		}
	})
}
