package rekey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// memoryJournal keeps entries, and can fail.
type memoryJournal struct {
	entries []rekey.Entry
	fail    error
}

func (j *memoryJournal) Record(_ context.Context, e rekey.Entry) error {
	if j.fail != nil {
		return j.fail
	}
	j.entries = append(j.entries, e)
	return nil
}

func (j *memoryJournal) states() string {
	var s []string
	for _, e := range j.entries {
		s = append(s, string(e.State))
	}
	return strings.Join(s, " ")
}

// steps joins what OnStep was told.
type steps []string

func (s *steps) add(k rekey.Step) { *s = append(*s, k.String()) }

type keyChangeCase struct {
	name   string
	app    desfire.AID
	no     desfire.KeyNo
	typ    key.Type // of the application
	to     key.Type
	master bool // the change is made with the master key
	force  bool
}

var keyChangeCases = []keyChangeCase{
	{"own AES", testApp, 0, key.TypeAES, key.TypeAES, false, false},
	{"other AES", testApp, 1, key.TypeAES, key.TypeAES, true, false},
	{"own 3K3DES", testApp, 0, key.Type3K3DES, key.Type3K3DES, false, false},
	{"other 2K3DES", testApp, 1, key.Type2K3DES, key.Type2K3DES, true, false},
	{"PICC master DES", wire.PICC, 0, key.TypeDES, key.Type2K3DES, false, false},
	{"PICC master becomes AES", wire.PICC, 0, key.TypeDES, key.TypeAES, false, true},
	{"PICC master becomes 3K3DES", wire.PICC, 0, key.TypeDES, key.Type3K3DES, false, true},
}

func (kc keyChangeCase) start(t *testing.T, g desfire.Generation) (*sim.Card, *desfire.Card, *rekey.Change, *memoryJournal) {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	card := personalise(t, picc, kc.typ)
	j := new(memoryJournal)
	old := key.Key(key.Zero(kc.typ))
	change := &rekey.Change{Place: wire.Place{AID: kc.app}, No: kc.no, Old: old, New: newKey(t, kc.to, 0x33), Journal: j, Force: kc.force, Budget: 2}
	if kc.master {
		change.With, change.WithNo = key.Zero(kc.typ), 0
	}
	return picc, card, change, j
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	for _, g := range []desfire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		for _, tc := range keyChangeCases {
			t.Run(fmt.Sprintf("%v %s", g, tc.name), func(t *testing.T) {
				_, card, change, j := tc.start(t, g)
				if err := run(ctx, card, change); err != nil {
					t.Fatal(err)
				}
				if j.states() != "begun changed" {
					t.Errorf("journal %q", j.states())
				}
				if k, err := find(ctx, card, change); err != nil || k != change.New {
					t.Errorf("%v %v", k, err)
				}
				// Again: it finds that nothing is left to do.
				if err := run(ctx, card, change); err != nil || j.states() != "begun changed changed" {
					t.Errorf("%q %v", j.states(), err)
				}
				text, err := json.Marshal(j.entries)
				secret := change.New.(*key.Secret).Export()
				if err != nil || bytes.Contains(bytes.ToUpper(text), []byte(fmt.Sprintf("%X", secret))) {
					t.Errorf("the journal holds the key: %s %v", text, err)
				}
			})
		}
	}
}

// The card is pulled at every exchange of the job. Afterwards Find tells
// which key it holds, and doing the job again completes it.
func TestRunTorn(t *testing.T) {
	ctx := context.Background()
	for _, tc := range keyChangeCases {
		for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
			for at := 1; ; at++ {
				picc, card, change, j := tc.start(t, wire.EV3)
				picc.Inject(sim.Fault{Exchange: at, Kind: kind})
				before := picc.Exchanges()
				err := run(ctx, card, change)
				if err == nil && picc.Exchanges()-before < at {
					break // the job has fewer exchanges
				}
				name := fmt.Sprintf("%s, %v in exchange %d", tc.name, kind, at)
				if err == nil && j.states() != "begun changed" { // lost after the new key was proved: no matter
					t.Errorf("%s: no error, journal %q", name, j.states())
				}
				var unknown *desfire.OutcomeUnknownError
				if got, want := strings.HasSuffix(j.states(), "unknown"), errors.As(err, &unknown); want && !got {
					t.Errorf("%s: outcome unknown, journal %q", name, j.states())
				}
				picc.ClearFaults()
				picc.Return()
				again := connect(t, picc)
				holds, err := find(ctx, again, change)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if v, err := again.KeyVersion(ctx, tc.no); err != nil || v != holds.Version() {
					t.Errorf("%s: Find says version %02X, the card %02X, %v", name, holds.Version(), v, err)
				}
				if err := run(ctx, again, change); err != nil {
					t.Fatalf("%s: again: %v", name, err)
				}
				if !strings.HasSuffix(j.states(), "changed") {
					t.Errorf("%s: journal %q", name, j.states())
				}
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	ctx := context.Background()
	own := keyChangeCases[0]
	type result struct {
		err    error
		states string
	}
	try := func(change func(*rekey.Change, *memoryJournal)) result {
		_, card, kc, j := own.start(t, wire.EV2)
		change(kc, j)
		err := run(ctx, card, kc)
		if _, e := find(ctx, card, &rekey.Change{Place: kc.Place, No: kc.No, Old: key.Zero(own.typ), New: newKey(t, own.typ, 0x44)}); e != nil {
			t.Errorf("the key was touched: %v", e)
		}
		return result{err, j.states()}
	}
	var risk *rekey.RiskError
	if r := try(func(kc *rekey.Change, _ *memoryJournal) { kc.New = newKey(t, key.TypeAES, 0) }); !errors.As(r.err, &risk) {
		t.Errorf("two keys of one version: %+v", r)
	}
	if r := try(func(kc *rekey.Change, _ *memoryJournal) { kc.New = newKey(t, key.Type3K3DES, 1) }); !errors.As(r.err, &risk) {
		t.Errorf("a key of another type: %+v", r)
	}
	if r := try(func(kc *rekey.Change, _ *memoryJournal) { kc.DryRun = true }); r.err != nil || r.states != "" {
		t.Errorf("dry run: %+v", r)
	}
	full := errors.New("disk full")
	if r := try(func(_ *rekey.Change, j *memoryJournal) { j.fail = full }); !errors.Is(r.err, full) {
		t.Errorf("journal fails: %+v", r)
	}
	if r := try(func(kc *rekey.Change, _ *memoryJournal) { kc.Journal = nil }); r.err == nil {
		t.Error("no journal passes")
	}
	if r := try(func(kc *rekey.Change, _ *memoryJournal) { kc.Old = newKey(t, key.TypeAES, 7); kc.Budget = 1 }); !errors.Is(r.err, wire.StatusAuthenticationError) {
		t.Errorf("wrong old key: %+v", r)
	}
}

func TestRunSteps(t *testing.T) {
	ctx := context.Background()
	_, card, kc, j := keyChangeCases[1].start(t, wire.EV2) // with the master key
	var told steps
	kc.OnStep = told.add
	kc.OldSource, kc.NewSource = "@old.key", "env:NEW"
	kc.DryRun, kc.Journal = true, nil
	if err := run(ctx, card, kc); err != nil || strings.Join(told, "; ") != "the card holds the old key; the session that changes keys is open" {
		t.Errorf("dry run: %q %v", told, err)
	}
	told, kc.DryRun, kc.Journal = nil, false, j
	if err := run(ctx, card, kc); err != nil || len(told) != 5 || told[4] != "the new key is proved" {
		t.Errorf("%q %v", told, err)
	}
	if e := j.entries[1]; e.Old.Source != "@old.key" || e.New.Source != "env:NEW" || e.New != keystore.FactsOf(kc.New, "env:NEW") {
		t.Errorf("%+v", e)
	}
	// Done already: a dry run says so and needs no journal.
	told, kc.DryRun, kc.Journal = nil, true, nil
	if err := run(ctx, card, kc); err != nil || strings.Join(told, "; ") != "the card holds the new key already" {
		t.Errorf("dry run when done: %q %v", told, err)
	}
	text, err := json.Marshal(j.entries[0])
	var back rekey.Entry
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || back != j.entries[0] {
		t.Errorf("%v: %s is read as %+v", err, text, back)
	}
}

// lateJournal fails from its second entry on.
type lateJournal struct{ memoryJournal }

func (j *lateJournal) Record(ctx context.Context, e rekey.Entry) error {
	if len(j.entries) > 0 {
		return errors.New("disk full")
	}
	return j.memoryJournal.Record(ctx, e)
}

// A journal that fails after the change does not make it look undone.
func TestRunJournalFailsLate(t *testing.T) {
	ctx := context.Background()
	_, card, kc, _ := keyChangeCases[0].start(t, wire.EV2)
	kc.Journal = new(lateJournal)
	err := run(ctx, card, kc)
	if err == nil || !strings.Contains(err.Error(), "the card holds the new key, but the journal does not say so: disk full") {
		t.Error(err)
	}
	if k, err := find(ctx, card, kc); err != nil || k != kc.New {
		t.Errorf("%v %v", k, err)
	}
}

// A key that only gets another version is told by the version alone, and one of
// another type by the length of the card's challenge.
func TestFind(t *testing.T) {
	ctx := context.Background()
	for _, to := range []*key.Secret{key.Zero(key.TypeDES).WithVersion(9), newKey(t, key.Type3K3DES, 0), newKey(t, key.TypeAES, 0), newKey(t, key.Type2K3DES, 0)} {
		for _, g := range []desfire.Generation{wire.EV1, wire.EV3} {
			picc, err := sim.New(&sim.Config{Generation: g})
			if err != nil {
				t.Fatal(err)
			}
			card := connect(t, picc)
			kc := &rekey.Change{Old: key.Zero(key.TypeDES), New: to, Journal: new(memoryJournal), Force: true, Budget: 2}
			if k, err := find(ctx, card, kc); err != nil || k != kc.Old {
				t.Errorf("%v %v: before: %v %v", g, to, k, err)
			}
			if err := run(ctx, card, kc); err != nil {
				t.Fatal(err)
			}
			if k, err := find(ctx, card, kc); err != nil || k != kc.New {
				t.Errorf("%v %v: after: %v %v", g, to, k, err)
			}
			kc.Budget = 1
			_, err = find(ctx, card, kc)
			var budget *rekey.BudgetError
			if same := to.Version() == kc.Old.Version(); errors.As(err, &budget) != same {
				t.Errorf("%v %v: budget of 1: %v", g, to, err)
			}
		}
	}
	if _, err := find(ctx, connect(t, newPICC(t, wire.EV2)), &rekey.Change{Old: key.Zero(key.TypeDES)}); err == nil {
		t.Error("one key passes")
	}
}

// On DESFire Light and NTAG 424 DNA, which select by name.
func TestRunFixedCards(t *testing.T) {
	ctx := context.Background()
	zero := key.Key(key.Zero(key.TypeAES))
	for _, g := range []desfire.Generation{wire.Light, wire.NTAG424} {
		card := connect(t, newPICC(t, g))
		j := new(memoryJournal)
		app := wire.Place{Fixed: true}
		risks, err := rekey.Risks(ctx, card, &rekey.Change{Place: app, No: 2, Old: zero, New: newKey(t, key.TypeAES, 2)})
		if err != nil || len(risks) != 1 || !strings.Contains(risks[0], "key 2 is changed with key 0 here") {
			t.Errorf("%v: %q %v", g, risks, err)
		}
		for _, kc := range []*rekey.Change{
			{Place: app, No: 2, Old: zero, New: newKey(t, key.TypeAES, 2), With: zero, Journal: j},
			{Place: app, No: 0, Old: zero, New: newKey(t, key.TypeAES, 1), Journal: j},
		} {
			if err := run(ctx, card, kc); err != nil {
				t.Fatalf("%v key %d: %v", g, kc.No, err)
			}
			if k, err := find(ctx, card, kc); err != nil || k != kc.New {
				t.Errorf("%v key %d: %v %v", g, kc.No, k, err)
			}
		}
		if j.states() != "begun changed begun changed" {
			t.Errorf("journal %q", j.states())
		}
		if name := j.entries[0].Name; len(name) != 14 && len(name) != 32 {
			t.Errorf("%v: name %q", g, name)
		}
	}
}

// A card with a random identifier tells the journal its own.
func TestRunRandomID(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	card := personalise(t, picc, key.TypeAES)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(card.SelectApplication(ctx, wire.PICC))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
	must(card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}))
	picc.Return()
	card = connect(t, picc)
	if card.UID() != nil {
		t.Fatalf("UID %X", card.UID())
	}
	j := new(memoryJournal)
	must(run(ctx, card, &rekey.Change{Place: wire.Place{AID: testApp}, Old: key.Zero(key.TypeAES), New: newKey(t, key.TypeAES, 1), Journal: j}))
	for _, e := range j.entries {
		if e.Card != fmt.Sprintf("%X", picc.UID()) {
			t.Errorf("card %q", e.Card)
		}
	}
}
