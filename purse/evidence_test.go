package purse

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
)

// realEV3 is the transaction of a real card whose key became public, as an entry
// that lost the answer to its commit, and what a settlement would have read.
// The card's transaction wrote a record and named its reader; what it moved is
// ours.
func realEV3(t *testing.T) (*Entry, *Evidence, key.Key) {
	t.Helper()
	for _, v := range vector.Load(t, "tmac") {
		if !v.Has("commands") {
			continue
		}
		digits, _, _ := strings.Cut(v.Text("tmc_reported_at_commit"), " ")
		tmc, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		app, err := key.NewAES(v.Hex("app_tm_key"), 0)
		if err != nil {
			t.Fatal(err)
		}
		e := debit30()
		withTMAC(e)
		e.UID, e.ID, e.TMC0 = hexUID(v.Hex("uid")), ID(v.Hex("tmri_prev")), uint32(tmc)-1
		e.TMI, e.EncTMRI = v.Hex("tmi"), v.Hex("enc_tmri")
		ev := read()
		ev.counted(uint32(tmc), TMV(v.Hex("tmv")))
		return e, ev, app
	}
	t.Fatal("the vector of the real card is gone")
	return nil, nil, nil
}

// Rule 2 holds for what a real EV3 answered.
func TestRealEV3(t *testing.T) {
	e, ev, tm := realEV3(t)
	ev.Fence, ev.Protected = 0, false // it needs neither
	if err := ev.compute(t.Context(), e, tm, nil); err != nil {
		t.Fatal(err)
	}
	if o := Decide(e, ev, nil); o.Decision != Happened || o.Rule != RuleTMV || !o.RelayExcluded {
		t.Errorf("%v by %s: %s", o.Decision, o.Rule, o.Why)
	}
	for name, spoil := range map[string]func(*Entry, *Evidence){
		"another input": func(e *Entry, _ *Evidence) { e.TMI = append(Hex(nil), e.TMI...); e.TMI[20] ^= 1 },
		"another UID":   func(e *Entry, _ *Evidence) { e.UID = "04112233445566" },
		"another TMV":   func(_ *Entry, v *Evidence) { v.TMV[7] ^= 1 },
		"LRP":           func(e *Entry, _ *Evidence) { e.LRP = true },
	} {
		e, ev, tm := realEV3(t)
		spoil(e, ev)
		if err := ev.compute(t.Context(), e, tm, nil); err != nil {
			t.Fatal(err)
		}
		if ev.TMVFits != DoesNotFit {
			t.Errorf("%s: %d", name, ev.TMVFits)
		}
		if o := Decide(e, ev, nil); o.Decision != InDoubt {
			t.Errorf("%s: %v by %s", name, o.Decision, o.Rule)
		}
	}
	// Without what is needed nothing is said.
	for name, spoil := range map[string]func(*Entry, *Evidence){
		"a short UID":       func(e *Entry, _ *Evidence) { e.UID = "04112233" },
		"another card":      func(_ *Entry, v *Evidence) { v.SameCard = false },
		"no id in it":       func(e *Entry, _ *Evidence) { e.ID[7] ^= 1 },
		"no receipt at all": func(e *Entry, _ *Evidence) { e.NamesReader = false },
		"no TMV":            func(_ *Entry, v *Evidence) { v.TMV = nil },
	} {
		e, ev, tm := realEV3(t)
		spoil(e, ev)
		if err := ev.compute(t.Context(), e, tm, nil); err != nil || ev.TMVFits != NotChecked {
			t.Errorf("%s: %d, %v", name, ev.TMVFits, err)
		}
	}
}

// The card named the same reader twice: deciphered, and put in where the answer was
// lost, it fits.
func TestRealEV3Reader(t *testing.T) {
	e, ev, tm := realEV3(t)
	ids, err := readers(t.Context(), tm, false, *ev.TMC, e.uid(), e.EncTMRI)
	if err != nil || len(ids) != 1 || ids[0] != e.ID {
		t.Fatalf("readers %v, %v", ids, err)
	}
	lost := withReader(e.TMI, e.ID, [16]byte{})
	if lost == nil || hex.EncodeToString(lost) == e.TMI.String() {
		t.Fatal("nothing was taken out")
	}
	l := newLedger(e.CardApp)
	l.known[e.ID] = true
	keys, err := tmac.NewKeys(t.Context(), tm, false, *ev.TMC, e.uid())
	if err != nil {
		t.Fatal(err)
	}
	e.TMI, e.EncTMRI = lost, nil
	if !l.verifies(keys, e, *ev.TMV) {
		t.Error("the answer was not found again")
	}
	delete(l.known, e.ID)
	if l.verifies(keys, e, *ev.TMV) {
		t.Error("it verifies though the reader before is not known")
	}
	if withReader(e.TMI[:len(e.TMI)-16], e.ID, [16]byte{}) != nil || withReader(nil, e.ID, [16]byte{}) != nil {
		t.Error("an answer was put where there is none")
	}
}

// The whole way at the centre: a report of the real transaction, and one of a
// terminal that came later and saw its transaction MAC.
func TestRealEV3Report(t *testing.T) {
	e, ev, tm := realEV3(t)
	e.Policy, e.Terminal, e.Fingerprint = Hostile, "gate 1", Hex{1}
	later := debit30()
	withTMAC(later)
	later.CardApp, later.ID, later.Terminal, later.Fingerprint = e.CardApp, otherID, "gate 2", Hex{2}
	later.TMC0, later.TMV0 = *ev.TMC, *ev.TMV
	books, err := Reconcile(t.Context(), &Centre{Keys: oneKey{tm}}, []Report{
		{Terminal: "gate 1", Entries: []Entry{*e}}, {Terminal: "gate 2", Entries: []Entry{*later}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := judgedBy(t, books, e.ID).Outcome
	if o.Decision != Happened || o.Rule != RuleTMV {
		t.Errorf("%v by %s: %s", o.Decision, o.Rule, o.Why)
	}
	if o := judgedBy(t, books, later.ID).Outcome; o.Decision != InDoubt {
		t.Errorf("the later one: %v by %s", o.Decision, o.Rule)
	}
}

func judgedBy(t *testing.T, b *Books, id ID) *Judged {
	t.Helper()
	for i := range b.Cards {
		for j := range b.Cards[i].Entries {
			if x := &b.Cards[i].Entries[j]; x.Entry.ID == id {
				return x
			}
		}
	}
	t.Fatalf("there is no entry %v", id)
	return nil
}

// What EncTMRI deciphers to is believed where it is an id that is known, which shows that the key is
// right.
func TestPrevious(t *testing.T) {
	tm := key.Zero(key.TypeAES)
	for _, lrp := range []bool{false, true} {
		e := debit30()
		withTMAC(e)
		e.LRP = lrp
		enc := func(n, session uint32, id ID) Hex {
			if lrp {
				n = n&0xFFFF | session<<16
			}
			keys, err := tmac.NewKeys(t.Context(), tm, lrp, n, e.uid())
			if err != nil {
				t.Fatal(err)
			}
			x := keys.EncipherReader(id)
			return x[:]
		}
		e.EncTMRI = enc(5, 1, oldID)
		for _, tt := range []struct {
			name  string
			enc   Hex
			known func(ID) bool
			want  *ID
			sure  bool
		}{
			{"us", enc(6, 1, ourID), nil, &ourID, true},
			{"one of ours", enc(6, 2, otherID), func(id ID) bool { return id == otherID }, &otherID, true},
			{"the reader before", enc(6, 5, oldID), nil, &oldID, true},
			{"somebody", enc(6, 1, otherID), nil, &otherID, false},
			{"another number", enc(7, 1, ourID), nil, nil, false},
		} {
			ev := read()
			ev.counted(5, TMV{})
			ev.EncTMRI, ev.SettlementID = tt.enc, &askID
			if err := ev.compute(t.Context(), e, tm, tt.known); err != nil {
				t.Fatal(err)
			}
			if ev.PreviousKnown != tt.sure {
				t.Errorf("%s, LRP %t: known %t", tt.name, lrp, ev.PreviousKnown)
			}
			if tt.sure && (ev.Previous == nil || *ev.Previous != *tt.want) {
				t.Errorf("%s, LRP %t: %v, want %v", tt.name, lrp, ev.Previous, tt.want)
			}
		}
	}
}

// deadKey is a key whose safe does not answer.
type deadKey struct{ *key.Secret }

var errDead = errors.New("the safe does not answer")

func (deadKey) EncryptCBC(context.Context, []byte, []byte, []byte) error { return errDead }

func TestDeadKey(t *testing.T) {
	e, ev, _ := realEV3(t)
	dead := deadKey{key.Zero(key.TypeAES)}
	if err := ev.compute(t.Context(), e, dead, nil); !errors.Is(err, errDead) {
		t.Errorf("terminal: %v", err)
	}
	e.Outcomes = []Outcome{{Decision: InDoubt, Evidence: *ev}}
	if _, err := Reconcile(t.Context(), &Centre{Keys: oneKey{dead}}, []Report{{Entries: []Entry{*e}}}); !errors.Is(err, errDead) {
		t.Errorf("centre: %v", err)
	}
}
