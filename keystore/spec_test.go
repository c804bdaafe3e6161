package keystore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore"
)

const digits = "0123456789ABCDEFFEDCBA9876543211"

func TestSpec(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("door.key", "aes:"+digits+"/07\n", 0o600)
	write("open.key", "aes:"+digits+"/07\n", 0o644)
	write("age.key", "-----BEGIN AGE ENCRYPTED FILE-----\nx", 0o600)
	t.Setenv("DESFIRE_TEST_KEY", digits+"/08")

	var argv []string
	var question string
	var warned []string
	conf := &keystore.Config{
		Dir: dir,
		Exec: func(_ context.Context, a []string) ([]byte, error) {
			argv = a
			return []byte("aes:" + digits + "/09\n"), nil
		},
		Prompt: func(_ context.Context, q string) ([]byte, error) {
			question = q
			return []byte("aes:" + digits + "/0A"), nil
		},
		Question: "key of the door",
		Warn:     func(s string) { warned = append(warned, s) },
		Decrypt: func(_ context.Context, what string, text []byte) ([]byte, error) {
			return []byte("aes:" + digits + "/0B"), nil
		},
	}
	ctx := context.Background()
	for text, want := range map[string]struct {
		source, typ string
		version     byte
		asks        bool
	}{
		"aes:" + digits + "/06":       {"", "AES", 6, false},
		" @door.key ":                 {"@door.key", "", 7, false},
		"aes:@door.key":               {"aes:@door.key", "AES", 7, false},
		"aes:env:DESFIRE_TEST_KEY":    {"aes:env:DESFIRE_TEST_KEY", "AES", 8, false},
		"exec:give 'the key' of \"\"": {"exec:give", "", 9, true},
		"AES:exec:bin/give":           {"aes:exec:give", "AES", 9, true},
		"prompt":                      {"prompt", "", 10, true},
		"aes:prompt":                  {"aes:prompt", "AES", 10, true},
		"@age.key":                    {"@age.key", "", 11, false},
	} {
		s, err := keystore.ParseSpec(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		f := s.Facts()
		if s.Source() != want.source || f.Type != want.typ || s.Asks(conf) != want.asks || f.NoVersion != (want.source != "") {
			t.Errorf("%s: %q, facts %v, asks %v", text, s.Source(), f, s.Asks(conf))
		}
		k, err := s.Key(ctx, conf)
		if err != nil || k.Version() != want.version {
			t.Errorf("%s: %v, %v", text, k, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v %x", s, s, s, s); strings.Contains(shown, digits[:8]) {
			t.Errorf("shown: %s", shown)
		}
		switch text {
		case "exec:give 'the key' of \"\"":
			if !slices.Equal(argv, []string{"give", "the key", "of", ""}) {
				t.Errorf("argv %q", argv)
			}
		case "AES:exec:bin/give":
			if !slices.Equal(argv, []string{filepath.Join(dir, "bin", "give")}) {
				t.Errorf("argv %q", argv)
			}
		case "aes:prompt":
			if question != "key of the door (AES, hexadecimal digits)" {
				t.Errorf("question %q", question)
			}
		}
	}
	if len(warned) != 0 {
		t.Errorf("warnings %q", warned)
	}
	open, err := keystore.ParseSpec("@open.key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Key(ctx, conf); err != nil || runtime.GOOS != "windows" && (len(warned) != 1 || !strings.Contains(warned[0], `"open.key" can be read by others`)) {
		t.Errorf("%v, warnings %q", err, warned)
	}
}

// Without a Config no program runs, nobody is asked and nothing is deciphered.
func TestSpecWithoutConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "age.key")
	if err := os.WriteFile(file, []byte("age-encryption.org/v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"exec:id": "no program is run from here", "prompt": "locked", "@" + file: "encrypted by age", "@" + file + "x": "no such file"} {
		s, err := keystore.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		k, err := s.Key(context.Background(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, k, err)
		}
		if text == "prompt" && !errors.Is(err, keystore.ErrLocked) {
			t.Errorf("%v is no ErrLocked", err)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "want TYPE:DIGITS",
		digits:              "want TYPE:DIGITS",
		"aes:" + digits[1:]: "even number",
		"exec:":             "names no program",
		"exec:  ":           "names no program",
		"exec:a 'b":         "has no end",
		"exec:a\nb":         "one line",
		"@":                 "the name of a file",
		"aes:env:":          "after env: that of a variable",
		"rsa:@x":            "before the colon",
	} {
		s, err := keystore.ParseSpec(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digits[1:9]) {
			t.Errorf("%q: %v, %v; want %q", text, s, err, want)
		}
	}
	for text, source := range map[string]string{"exec:pass show x": "exec:pass", "prompt": "prompt", "aes:prompt": "aes:prompt", "exec:" + digits: ""} {
		if got := keystore.SourceOf(text); got != source || keystore.InTheOpen(text) {
			t.Errorf("%s: source %q", text, got)
		}
	}
}
