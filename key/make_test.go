package key_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// A key that was made is written to a file that reads as the same key, and that
// nobody else can read or overwrite.
func TestGenerateAndWrite(t *testing.T) {
	for _, kt := range []key.Type{key.TypeDES, key.Type2K3DES, key.Type3K3DES, key.TypeAES} {
		k, err := key.Generate(kt, 0x2A)
		if err != nil || k.Type() != kt || k.Version() != 0x2A {
			t.Fatalf("%v: %v, %v", kt, k, err)
		}
		again, err := key.Generate(kt, 0x2A)
		if err != nil || again.CheckValue() == k.CheckValue() {
			t.Fatalf("%v: two keys alike, %v", kt, err)
		}
		name := filepath.Join(t.TempDir(), "new.key")
		if err := key.WriteFile(name, k, "door of room 1\nmade today"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(text), "# door of room 1\n# made today\n"+strings.ToLower(kt.String())+":") {
			t.Errorf("%v: the file begins otherwise, %v", kt, err)
		}
		for _, spec := range []string{"@" + name, strings.ToLower(kt.String()) + ":@" + name} {
			back, err := key.Parse(spec)
			if err != nil || !bytes.Equal(back.Export(), k.Export()) || back.Version() != k.Version() {
				t.Errorf("%v: reads as %v, %v", kt, back, err)
			}
		}
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%v: mode %v, %v", kt, info.Mode(), err)
		}
		if err := key.WriteFile(name, again, ""); !errors.Is(err, fs.ErrExist) {
			t.Errorf("overwritten: %v", err)
		}
	}
	if _, err := key.Generate(key.Type(9), 0); err == nil {
		t.Error("a key of no type")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteFails(t *testing.T) {
	if err := key.Write(full{}, key.Zero(key.TypeAES)); err == nil {
		t.Error("nothing was written, without an error")
	}
}

// ParseTextAs is what stands behind TYPE:@FILE, for programs that have the text.
func TestParseText(t *testing.T) {
	text := []byte("# a key\n" + digits + "/05\n")
	kept := bytes.Clone(text)
	k, err := key.ParseTextAs(key.TypeAES, text)
	if err != nil || k.Version() != 5 || !bytes.Equal(text, kept) {
		t.Fatalf("%v, %v, %q", k, err, text)
	}
	clear(text)
	b := make([]byte, 16)
	if err := k.EncryptCBC(context.Background(), nil, b, b); err != nil || key.CheckValue(b[:3]) != k.CheckValue() {
		t.Errorf("the key went with the text: %v", err)
	}
	for _, bad := range []string{"", "env:HOME", "@x", "exec:x", "prompt", digits, "\x00"} {
		if k, err := key.ParseText([]byte(bad)); err == nil || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%q: %v, %v", bad, k, err)
		}
	}
}
