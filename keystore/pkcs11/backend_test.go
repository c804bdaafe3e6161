//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/tmac"
)

// What back ends do with keys of cards they do with keys in a token: messages of
// tags, transaction MACs and delegations come out as with the key in memory.
func TestBackEnd(t *testing.T) {
	ctx := context.Background()
	p := keysIn(t, "back end")[0]
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	for name, do := range map[string]func(k key.Key) ([]byte, error){
		"delegation": func(k key.Key) ([]byte, error) {
			m, err := dam.DeleteMAC(ctx, k, testApp)
			return m[:], err
		},
		"first key of a delegation": func(k key.Key) ([]byte, error) {
			s, err := dam.EncK(ctx, k, [7]byte{1}, key.Zero(key.TypeAES))
			return s.Bytes(), err
		},
		"identity of a tag": func(k key.Key) ([]byte, error) {
			return sdm.EncipherPICC(ctx, k, false, sdm.PICCData{UID: uid, Counter: 5, HasCounter: true}, testBytes(16, 1))
		},
		"message of a tag": func(k key.Key) ([]byte, error) {
			s, err := sdm.NewSession(ctx, k, false, sdm.PICCData{UID: uid, Counter: 5, HasCounter: true})
			if err != nil {
				return nil, err
			}
			m := s.MAC([]byte("message"))
			return m[:], nil
		},
		"message of a tag with LRP": func(k key.Key) ([]byte, error) {
			s, err := sdm.NewSession(ctx, k, true, sdm.PICCData{UID: uid, Counter: 5, HasCounter: true})
			if err != nil {
				return nil, err
			}
			m := s.MAC([]byte("message"))
			return m[:], nil
		},
		"transaction MAC": func(k key.Key) ([]byte, error) {
			keys, err := tmac.NewKeys(ctx, k, false, 7, uid)
			if err != nil {
				return nil, err
			}
			v := keys.TMV([]byte("transaction"))
			return v[:], nil
		},
	} {
		got, err := do(p.in)
		want, err2 := do(p.memory)
		if err != nil || err2 != nil || len(want) == 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: %X, want %X, %v, %v", name, got, want, err, err2)
		}
	}
}
