package rekey_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// Which key changes which, by the settings, said beforehand and judged by the
// simulated card.
func TestRisks(t *testing.T) {
	ctx := context.Background()
	zero := key.Key(key.Zero(key.TypeAES))
	for _, tc := range []struct {
		ks1  wire.KeySett1
		no   desfire.KeyNo
		with int // -1: the key itself
		want string
	}{
		{0x0F, 0, -1, ""},
		{0x0E, 0, -1, "the master key is frozen"},
		{0x0F, 1, 0, ""},
		{0x0F, 1, -1, "key 1 is changed with key 0 here, not with key 1"},
		{0x0F, 1, 2, "key 1 is changed with key 0 here, not with key 2"},
		{0x2F, 1, 2, ""},
		{0x2F, 1, 0, "key 1 is changed with key 2 here"},
		{0x2F, 2, 0, ""},
		{0x2F, 2, -1, "key 2 is changed with key 0 here"},
		{0xEF, 1, -1, ""},
		{0xEF, 1, 0, "key 1 is changed with key 1 here"},
		{0xFF, 1, 0, "all keys but the master key are frozen"},
		{0xFF, 0, -1, ""},
	} {
		card := connect(t, newPICC(t, wire.EV2))
		if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: tc.ks1, KS2: wire.NewKeySett2(wire.KeyAES, 3)}); err != nil {
			t.Fatal(err)
		}
		kc := &rekey.Change{Place: wire.Place{AID: testApp}, No: tc.no, Old: zero, New: newKey(t, key.TypeAES, 1), Journal: new(memoryJournal)}
		if tc.with >= 0 {
			kc.With, kc.WithNo = zero, desfire.KeyNo(tc.with)
		}
		risks, err := rekey.Risks(ctx, card, kc)
		if got := strings.Join(risks, "; "); err != nil || !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
			t.Errorf("%v key %d with %d: %q %v, want %q", tc.ks1, tc.no, tc.with, got, err, tc.want)
		}
		kc.Force = true
		if err := run(ctx, card, kc); (err == nil) != (tc.want == "") {
			t.Errorf("%v key %d with %d: the card says %v", tc.ks1, tc.no, tc.with, err)
		}
	}
}
