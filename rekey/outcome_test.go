package rekey_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What new settings could not undo is said, and nothing else.
func TestSettingsRisks(t *testing.T) {
	now := &wire.KeySettings{KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 3)}
	for _, tc := range []struct {
		next wire.KeySett1
		card bool
		want []string
	}{
		{0x0F, false, nil},
		{0x0B, false, nil},
		{0x2F, false, nil},
		{0xEF, false, nil},
		{0x0E, false, []string{"master key could never"}},
		{0x07, false, []string{"settings could never"}},
		{0x06, false, []string{"master key could never", "settings could never"}},
		{0xFF, false, []string{"no key but the master key"}},
		{0x3F, false, []string{"key 3, which would change the other keys, does not exist"}},
		{0x0F, true, nil},
		{0x1F, true, []string{"bits 4 to 7"}},
		{0x0E, true, []string{"master key could never"}},
	} {
		got := rekey.SettingsRisks(now, tc.next, tc.card)
		ok := len(got) == len(tc.want)
		for i := range tc.want {
			ok = ok && strings.Contains(got[i], tc.want[i])
		}
		if !ok {
			t.Errorf("%02X, card %v: %q, want %q", byte(tc.next), tc.card, got, tc.want)
		}
	}
	// What is frozen already cannot be lost.
	frozen := &wire.KeySettings{KS1: 0xF0, KS2: wire.NewKeySett2(wire.KeyAES, 3)}
	if got := rekey.SettingsRisks(frozen, 0xF0, false); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// Without both keys nothing is sent.
func TestBothKeys(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	card := personalise(t, picc, key.TypeAES)
	before := picc.Exchanges()
	one := &rekey.Change{Place: wire.Place{AID: testApp}, Old: key.Zero(key.TypeAES), Journal: new(memoryJournal)}
	if _, err := rekey.Run(ctx, card, one); err == nil {
		t.Error("Run")
	}
	if _, err := rekey.Find(ctx, card, one); err == nil {
		t.Error("Find")
	}
	if _, err := rekey.Risks(ctx, card, one); err == nil {
		t.Error("Risks")
	}
	if _, _, err := rekey.Settle(ctx, card, one); err == nil {
		t.Error("Settle")
	}
	one.New = newKey(t, key.TypeAES, 1)
	if _, _, err := rekey.Settle(ctx, card, one); err == nil || !strings.Contains(err.Error(), "does not tell what it holds") {
		t.Errorf("a journal that cannot be read: %v", err)
	}
	if n := picc.Exchanges(); n != before {
		t.Errorf("%d exchanges", n-before)
	}
}

// Keys that differ in their version only are told apart in a session that protects
// it, and by no other one; a third version is neither.
func TestVersionOnly(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		g     desfire.Generation
		typ   key.Type
		holds byte
		isNew bool
		err   string
	}{
		{"old", wire.EV2, key.TypeAES, 1, false, ""},
		{"new", wire.EV2, key.TypeAES, 2, true, ""},
		{"neither", wire.EV2, key.TypeAES, 3, false, "has version 03, which is neither key's"},
		{"D40", wire.D40, key.TypeDES, 0, false, "protects no version"},
	} {
		card := personalise(t, newPICC(t, tc.g), tc.typ)
		if tc.holds > 0 {
			if err := run(ctx, card, &rekey.Change{Place: wire.Place{AID: testApp}, Old: key.Zero(tc.typ), New: newKey(t, tc.typ, tc.holds), Journal: new(memoryJournal)}); err != nil {
				t.Fatal(err)
			}
		}
		ch := &rekey.Change{Place: wire.Place{AID: testApp}, Old: newKey(t, tc.typ, 1), New: newKey(t, tc.typ, 2), Budget: 2}
		if tc.holds == 0 {
			ch.Old, ch.New = key.Zero(tc.typ), key.Zero(tc.typ).WithVersion(0x55)
		}
		found, err := rekey.Find(ctx, card, ch)
		switch {
		case tc.err != "" && (err == nil || found != nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: %v %+v", tc.name, err, found)
		case tc.err == "" && (err != nil || found.IsNew != tc.isNew):
			t.Errorf("%s: %v %+v", tc.name, err, found)
		}
	}
}

// refusing refuses ChangeKey in the card's name.
type refusing struct {
	*sim.Activation
	answer []byte
}

func (r *refusing) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if cmd[0] == 0x90 && cmd[1] == wire.InsChangeKey {
		return r.answer, nil
	}
	return r.Activation.Transmit(ctx, cmd)
}

// A change that the card refuses is undone by proof, and an outcome that the journal
// cannot write is said with both errors.
func TestRefusedChange(t *testing.T) {
	ctx := context.Background()
	for _, answer := range [][]byte{{0x91, 0x9D}, {0x91, 0xAE}, {0x9D}} {
		picc := newPICC(t, wire.EV2)
		personalise(t, picc, key.TypeAES)
		for _, late := range []bool{false, true} {
			card, err := desfire.Connect(ctx, &refusing{picc.Present(), answer}, nil)
			if err != nil {
				t.Fatal(err)
			}
			j := new(lateJournal)
			ch := &rekey.Change{Place: wire.Place{AID: testApp}, Old: key.Zero(key.TypeAES), New: newKey(t, key.TypeAES, 1), Journal: &j.memoryJournal, Budget: 2}
			if late {
				ch.Journal = j
			}
			out, err := rekey.Run(ctx, card, ch)
			var un *rekey.UnchangedError
			if out != rekey.Undone || !errors.As(err, &un) || un.Unwrap() == nil || !strings.Contains(err.Error(), "the card proved the old key") {
				t.Errorf("%X: %q %v", answer, out, err)
			}
			want := "begun unchanged"
			if late {
				want = "begun"
			}
			if said := strings.Contains(err.Error(), `the journal does not say "unchanged": disk full`); j.states() != want || said != late {
				t.Errorf("%X: journal %q, want %q: %v", answer, j.states(), want, err)
			}
			if k, err := find(ctx, connect(t, picc), ch); err != nil || k != ch.Old {
				t.Errorf("%X: %v %v", answer, k, err)
			}
		}
	}
}
