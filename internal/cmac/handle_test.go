package cmac_test

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/vector"
)

type handle struct {
	b     cipher.Block
	calls int
	err   error
}

func (h *handle) EncryptCBC(_ context.Context, iv, dst, src []byte) error {
	h.calls++
	if iv == nil {
		iv = make([]byte, 16)
	}
	cipher.NewCBCEncrypter(h.b, iv).CryptBlocks(dst, src)
	return h.err
}

func TestHandle(t *testing.T) {
	ctx := context.Background()
	for _, v := range vector.Load(t, "cmac") {
		if v.Text("alg") != "aes" {
			continue
		}
		k := &handle{b: block(t, "aes", v.Hex("key"))}
		h, err := cmac.NewHandle(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		msg := v.Hex("message")
		got, err := h.Sum(ctx, msg[:len(msg)/2], msg[len(msg)/2:])
		if err != nil || !bytes.Equal(got, v.Hex("cmac")) {
			t.Errorf("%s: %X, %v", v.ID, got, err)
		}
		if k.calls != 2 {
			t.Errorf("%d calls of the key", k.calls)
		}
		k.err = errors.New("closed")
		if got, err := h.Sum(ctx, msg); got != nil || !errors.Is(err, k.err) {
			t.Errorf("%X, %v", got, err)
		}
		if _, err := cmac.NewHandle(ctx, k); !errors.Is(err, k.err) {
			t.Errorf("%v", err)
		}
	}
}
