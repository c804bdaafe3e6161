package keyring_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// TestOpenText opens a keyring that is no file: it runs no programs, and its errors have its name.
func TestOpenText(t *testing.T) {
	ctx := context.Background()
	text := []byte("desfire: keys/v1\nkeys:\n  F48121:\n    1: aes:00112233445566778899AABBCCDDEEFF/02\n    2: aes:exec:true\n")
	before := string(text)
	ring, err := keyring.OpenText(ctx, "in the app", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if string(text) != before {
		t.Error("the text was changed")
	}
	ref := func(s string) keystore.Ref {
		r, err := keystore.ParseRef(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if k, err := ring.Key(ctx, ref("*/F48121/1")); err != nil || k.Version() != 2 {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := ring.Key(ctx, ref("*/F48121/2")); !errors.Is(err, keyring.ErrNotTrusted) {
		t.Errorf("a program of a text: %v", err)
	}
	var bad *keyring.FileError
	if _, err := keyring.OpenText(ctx, "in the app", []byte("desfire: keys/v1\nkeys: 3\n"), nil); !errors.As(err, &bad) || bad.File != "in the app" || bad.Line != 2 {
		t.Errorf("%v", err)
	}
	if _, err := keyring.OpenText(ctx, "huge", []byte(strings.Repeat("#", 1<<20+1)), nil); !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
}
