//go:build darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire/key"
)

func TestFake(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &fake{tokens: map[uintptr]*fakeToken{7: door()}}
	m := play(t, f, &Config{PIN: new(pin).give})
	k, err := m.Key(ctx, uri(t, "pkcs11:token=door;object=k"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := key.NewAES([]byte("0123456789abcdef"), 0)
	got, exp := make([]byte, 32), make([]byte, 32)
	err = k.DecryptCBC(ctx, bytes.Repeat([]byte{3}, 16), got, make([]byte, 32))
	_ = want.DecryptCBC(ctx, bytes.Repeat([]byte{3}, 16), exp, make([]byte, 32))
	if err != nil || !bytes.Equal(got, exp) {
		t.Errorf("%X, want %X, %v", got, exp, err)
	}
	t.Log(k)
}
