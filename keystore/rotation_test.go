package keystore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// rotating has its keys for every Ref.
type rotating []key.Key

func (s rotating) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.FactsOf(s[0], ""), true, nil
}
func (s rotating) Key(context.Context, keystore.Ref) (key.Key, error) { return s[0], nil }
func (s rotating) Slots(context.Context, keystore.Ref) (slots []keystore.Slot, err error) {
	for _, k := range s {
		slots = append(slots, keystore.Slot{Facts: keystore.FactsOf(k, ""), Key: func(context.Context) (key.Key, error) { return k, nil }})
	}
	return slots, nil
}

func TestSlots(t *testing.T) {
	ctx := context.Background()
	v := func(n byte) key.Key { return key.Zero(key.TypeAES).WithVersion(n) }
	ref := keystore.Ref{UID: uid, Place: app}
	one := keystore.Map{ref.Everywhere(): {v(7), "one"}}
	down := errors.New("down")
	for _, tc := range []struct {
		name  string
		store keystore.Store
		want  []byte
		err   error
	}{
		{"a store of one key", one, []byte{7}, nil},
		{"none", keystore.Map{}, nil, nil},
		{"rotating", rotating{v(3), v(2)}, []byte{3, 2}, nil},
		{"the first of a chain that has any", keystore.Chain{keystore.Map{}, rotating{v(3), v(2)}, one}, []byte{3, 2}, nil},
		{"one that fails hides the others", keystore.Chain{failing{down}, one}, nil, down},
	} {
		slots, err := keystore.Slots(ctx, tc.store, ref)
		if !errors.Is(err, tc.err) || len(slots) != len(tc.want) {
			t.Errorf("%s: %v, %v", tc.name, slots, err)
			continue
		}
		for i, s := range slots {
			k, err := s.Key(ctx)
			if err != nil || k.Version() != tc.want[i] || s.Facts.Version != tc.want[i] {
				t.Errorf("%s: slot %d is %v, %v, %v", tc.name, i, s.Facts, k, err)
			}
		}
	}
}
