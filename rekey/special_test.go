package rekey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var specialKeys = []wire.KeyNo{
	wire.KeyDAMAuth, wire.KeyDAMMAC, wire.KeyDAMEnc, wire.KeyVCConfig, wire.KeyVCProximity, wire.KeyVCSelectMAC, wire.KeyVCSelectEnc,
}

// specialKey is a key that says of itself which it is.
func specialKey(t testing.TB, no wire.KeyNo, n byte, version byte) *key.Secret {
	t.Helper()
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(no)*3 + n*0x11 + byte(i)
	}
	k, err := key.NewAES(b, version)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func specialChange(t testing.TB, no wire.KeyNo, old, next *key.Secret) (*rekey.Change, *toldJournal) {
	j := new(toldJournal)
	return &rekey.Change{No: no, Old: old, New: next, With: key.Zero(key.TypeDES), Journal: j, Force: old.Version() == next.Version()}, j
}

// holds asks a card whether it holds a special key: it takes a change from that key
// to itself only then.
func holds(t testing.TB, picc *sim.Card, no wire.KeyNo, k *key.Secret) bool {
	t.Helper()
	ctx := context.Background()
	card := connect(t, picc)
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
		t.Fatal(err)
	}
	return card.ChangeKey(ctx, no, k, k) == nil
}

// toldJournal is a journal that tells what it holds.
type toldJournal struct{ memoryJournal }

func (j *toldJournal) Entries(context.Context) ([]rekey.Entry, error) { return j.entries, nil }

// Special keys are set, changed, and changed to one of the same version.
func TestSpecialKeys(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		picc := newPICC(t, g)
		for _, no := range specialKeys {
			unset := key.Zero(key.TypeAES)
			first, second, third := specialKey(t, no, 1, 1), specialKey(t, no, 2, 2), specialKey(t, no, 3, 2)
			for i, pair := range [][2]*key.Secret{{unset, first}, {first, second}, {second, third}} {
				ch, j := specialChange(t, no, pair[0], pair[1])
				if got, err := rekey.Run(ctx, connect(t, picc), ch); err != nil || got != rekey.Done || j.states() != "begun changed" {
					t.Fatalf("%v key %02X, change %d: %s, %v, journal %s", g, no, i, got, err, j.states())
				}
				if !holds(t, picc, no, pair[1]) || holds(t, picc, no, pair[0]) {
					t.Fatalf("%v key %02X, change %d: the card does not hold it", g, no, i)
				}
				want := rekey.Already // told by the version, or by an authentication
				if i == 2 && rekey.Mute(no) {
					want = rekey.Done // changed to itself, which proves it
				}
				ch.Old = pair[0]
				got, err := rekey.Run(ctx, connect(t, picc), ch)
				if err != nil || got != want || !holds(t, picc, no, pair[1]) {
					t.Fatalf("%v key %02X, change %d again: %s, %v", g, no, i, got, err)
				}
			}
			// A key that the card does not hold is not taken for the old one.
			ch, j := specialChange(t, no, specialKey(t, no, 7, 2), specialKey(t, no, 8, 2))
			if got, err := rekey.Run(ctx, connect(t, picc), ch); err == nil || got == rekey.Done || got == rekey.Already || !holds(t, picc, no, third) {
				t.Errorf("%v key %02X from one that it does not hold: %s, %v, journal %s", g, no, got, err, j.states())
			}
			ch, _ = specialChange(t, no, specialKey(t, no, 7, 8), specialKey(t, no, 8, 9))
			if got, err := rekey.Run(ctx, connect(t, picc), ch); err == nil || got != rekey.Untouched {
				t.Errorf("%v key %02X of another version: %s, %v", g, no, got, err)
			}
		}
	}
}

func TestSpecialKeysNeed(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	ch, _ := specialChange(t, wire.KeyDAMMAC, key.Zero(key.TypeAES), specialKey(t, wire.KeyDAMMAC, 1, 1))
	ch.With = nil
	if _, err := rekey.Run(ctx, connect(t, picc), ch); err == nil {
		t.Error("no key that changes it")
	}
	ch, _ = specialChange(t, wire.KeyDAMMAC, key.Zero(key.Type2K3DES), specialKey(t, wire.KeyDAMMAC, 1, 1))
	if _, err := rekey.Run(ctx, connect(t, picc), ch); err == nil {
		t.Error("a DES key")
	}
	ch, j := specialChange(t, wire.KeyDAMMAC, key.Zero(key.TypeAES), specialKey(t, wire.KeyDAMMAC, 1, 1))
	ch.DryRun = true
	if got, err := rekey.Run(ctx, connect(t, picc), ch); err != nil || got != rekey.Possible || j.states() != "" || !holds(t, picc, wire.KeyDAMMAC, key.Zero(key.TypeAES)) {
		t.Errorf("dry run: %s, %v", got, err)
	}
}

// The virtual card configuration key changes those of its kind.
func TestSpecialKeyByConfiguration(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	conf, near := specialKey(t, wire.KeyVCConfig, 1, 1), specialKey(t, wire.KeyVCProximity, 1, 1)
	ch, _ := specialChange(t, wire.KeyVCConfig, key.Zero(key.TypeAES), conf)
	if _, err := rekey.Run(ctx, connect(t, picc), ch); err != nil {
		t.Fatal(err)
	}
	ch, _ = specialChange(t, wire.KeyVCProximity, key.Zero(key.TypeAES), near)
	ch.With, ch.WithNo = conf, wire.KeyVCConfig
	if got, err := rekey.Run(ctx, connect(t, picc), ch); err != nil || got != rekey.Done {
		t.Fatal(got, err)
	}
	if _, err := connect(t, picc).CheckProximity(ctx, near, nil); err != nil {
		t.Error(err)
	}
}

// specialAir loses the card in an exchange, or answers in its name.
type specialAir struct {
	*sim.Activation
	at, seen int
	after    bool
	forged   []byte
}

func (x *specialAir) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	x.seen++
	if x.at == 0 || x.seen != x.at && (x.seen < x.at || x.forged != nil) {
		return x.Activation.Transmit(ctx, cmd)
	}
	if x.seen == x.at && x.after {
		if _, err := x.Activation.Transmit(ctx, cmd); err != nil {
			return nil, err
		}
	}
	if x.forged != nil {
		return x.forged, nil
	}
	return nil, errors.New("the card was lifted")
}

// TestSpecialTorn loses the card in every exchange of a change, and forges answers.
// What the outcome says is so, and the change done again ends in the new key.
func TestSpecialTorn(t *testing.T) {
	ctx := context.Background()
	for _, no := range []wire.KeyNo{wire.KeyDAMAuth, wire.KeyDAMEnc} {
		for _, version := range []byte{1, 2} { // the old key's
			old, next := specialKey(t, no, 1, version), specialKey(t, no, 2, 2)
			ready := func() *sim.Card {
				picc := newPICC(t, wire.EV3)
				ch, _ := specialChange(t, no, key.Zero(key.TypeAES), old)
				if err := run(ctx, connect(t, picc), ch); err != nil {
					t.Fatal(err)
				}
				return picc
			}
			for _, forged := range [][]byte{nil, {0x91, 0x1E}, {0x91, 0x00}, {0x91, 0xAE}} {
				for at, ended := 1, false; !ended; at++ {
					for _, after := range []bool{false, true} {
						picc := ready()
						air := &specialAir{Activation: picc.Present(), at: at, after: after, forged: forged}
						name := fmt.Sprintf("key %02X, versions %d and 2, exchange %d, after %t, forged %X", no, version, at, after, forged)
						card, err := desfire.Connect(ctx, air, nil)
						ch, j := specialChange(t, no, old, next)
						got := rekey.Untouched
						if err == nil {
							got, err = rekey.Run(ctx, card, ch)
						}
						ended = air.seen < at
						isNew := holds(t, picc, no, next)
						if !isNew && !holds(t, picc, no, old) {
							t.Fatalf("%s: the card holds neither", name)
						}
						if claimed := got == rekey.Done || got == rekey.Already; claimed && !isNew || (got == rekey.Undone || got == rekey.Untouched) && isNew {
							t.Fatalf("%s: %q (%v), and the new key is there: %t", name, got, err, isNew)
						}
						if open := rekey.OpenEntries(j.entries); got == rekey.InDoubt != (len(open) > 0 && open[len(open)-1]) {
							t.Fatalf("%s: %q, journal %s", name, got, j.states())
						}
						if again, err := rekey.Run(ctx, connect(t, picc), ch); err != nil || again != rekey.Done && again != rekey.Already || !holds(t, picc, no, next) {
							t.Fatalf("%s: again: %q, %v", name, again, err)
						}
						if open := rekey.OpenEntries(j.entries); len(open) > 0 && open[len(open)-1] {
							t.Fatalf("%s: journal %s", name, j.states())
						}
					}
				}
			}
		}
	}
}

// A change that is open in the journal is settled by the version, and where that does
// not tell, nothing is said.
func TestSpecialSettle(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	no := wire.KeyVCProximity
	next := specialKey(t, no, 1, 1)
	ch, j := specialChange(t, no, key.Zero(key.TypeAES), next)
	if err := run(ctx, connect(t, picc), ch); err != nil {
		t.Fatal(err)
	}
	j.entries = j.entries[:1]
	if found, settled, err := rekey.Settle(ctx, connect(t, picc), ch); err != nil || !settled || !found.IsNew || j.states() != "begun changed" {
		t.Errorf("%+v, %t, %v, %s", found, settled, err, j.states())
	}
	ch.Old, ch.New = next, specialKey(t, no, 2, 1)
	if _, err := rekey.Find(ctx, connect(t, picc), ch); !errors.As(err, new(*rekey.UntoldError)) {
		t.Error(err)
	}
}
