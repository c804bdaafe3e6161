package desfire_test

import (
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
)

func newKey(t fataler, typ key.Type, version byte) *key.Secret {
	b := make([]byte, typ.Size())
	for i := range b {
		b[i] = 0xA0 + byte(i)&0xFE
	}
	if typ == key.TypeDES {
		copy(b[8:], b[:8])
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithVersion(version)
}

func newPICC(t *testing.T, g desfire.Generation) *sim.Card {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}
