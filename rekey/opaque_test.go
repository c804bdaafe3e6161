package rekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// A key that gives no bytes is found out before anything is sent or written: as the
// new key, and as the old one where another key authenticates the change. In a
// session of its own it can be replaced.
func TestOpaque(t *testing.T) {
	ctx := context.Background()
	opaque := func(k key.Key) key.Key { return struct{ key.Key }{k} }
	for _, g := range []wire.Generation{wire.EV1, wire.EV3} {
		picc := newPICC(t, g)
		card := personalise(t, picc, key.TypeAES)
		zero, next := key.Zero(key.TypeAES), newKey(t, key.TypeAES, 7)
		for _, tt := range []struct {
			name string
			ch   rekey.Change
			role string
		}{
			{"new", rekey.Change{No: 0, Old: zero, New: opaque(next)}, "new"},
			{"new, by another", rekey.Change{No: 1, Old: zero, New: opaque(next), With: zero}, "new"},
			{"old, by another", rekey.Change{No: 1, Old: opaque(zero), New: next, With: zero}, "old"},
			{"old, its own", rekey.Change{No: 0, Old: opaque(zero), New: next}, ""},
		} {
			journal := new(memoryJournal)
			tt.ch.Place, tt.ch.Journal = wire.Place{AID: testApp}, journal
			before := picc.Exchanges()
			outcome, err := rekey.Run(ctx, card, &tt.ch)
			if tt.role == "" {
				if err != nil || outcome != rekey.Done {
					t.Errorf("%v, %s: %v, %v", g, tt.name, outcome, err)
				}
				continue
			}
			var oe *key.OpaqueError
			if !errors.As(err, &oe) || oe.Role != tt.role || outcome != rekey.Untouched {
				t.Errorf("%v, %s: %v, %v", g, tt.name, outcome, err)
			}
			if picc.Exchanges() != before || len(journal.entries) > 0 {
				t.Errorf("%v, %s: something was sent or written", g, tt.name)
			}
		}
	}
}
