package purse

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// Closed books decide one open entry, and only if they are closed.
func TestClosedBooks(t *testing.T) {
	c := newChain(t)
	type world struct {
		conf    Centre
		open    *Entry
		reports []Report
	}
	make := func(value int32) *world {
		open := c.debit(0, 1, 5, oldID, TMV{4})
		open.HasTMAC, open.NamesReader, open.EncTMRI, open.TMI = false, false, nil, nil
		ev := read()
		ev.holds(value)
		o := Decide(open, ev, nil)
		o.Time = At(c.day.Add(10 * time.Hour))
		open.Outcomes = []Outcome{o}
		other := debit30()
		other.ID, other.Terminal, other.Fingerprint, other.Began = NewID(Generation{1}, 1, [6]byte{}), "B", Hex{1}, At(c.day.Add(5*time.Hour))
		other.Outcomes = []Outcome{{Decision: Happened, Rule: RuleCommit, Evidence: Evidence{CommitAcked: true, SameCard: true, Protected: true}, Time: At(c.day.Add(6 * time.Hour))}}
		return &world{Centre{Holders: []string{"A", "B"}}, open, []Report{c.of(0, 20, open), c.of(1, 20, other)}}
	}
	for _, tt := range []struct {
		name  string
		value int32
		spoil func(*world)
		want  Decision
		rule  Rule
		why   string
	}{
		{"with", 40, nil, Happened, RuleClosedBooks, ""},
		{"without", 70, nil, DidNot, RuleClosedBooks, ""},
		{"neither", 60, nil, InDoubt, RuleBothWays, "by all reports it holds 70, or 40"},
		{"holders not known", 40, func(w *world) { w.conf.Holders = nil }, InDoubt, RuleBothWays, ""},
		{"a holder without a report", 40, func(w *world) { w.conf.Holders = append(w.conf.Holders, "C") }, InDoubt, RuleBothWays, `"C" has not reported`},
		{"a report that ends too early", 40, func(w *world) { w.reports[1].Until = At(c.day.Add(10*time.Hour + time.Minute)) }, InDoubt, RuleBothWays, `"B" has not reported everything`},
		{"a report that is not complete", 40, func(w *world) { w.reports[1].Until = Time{} }, InDoubt, RuleBothWays, `"B" has not reported everything`},
		{"clocks may differ by more", 40, func(w *world) { w.conf.Skew = 11 * time.Hour }, InDoubt, RuleBothWays, "not reported everything"},
		{"a journal that was restored", 40, func(w *world) {
			w.reports[1].Generation = Generation{0xEE} // its entry is of another
		}, InDoubt, RuleBothWays, `"B" has not reported everything`},
		{"another open one", 40, func(w *world) { w.reports[1].Entries[0].Outcomes = nil }, InDoubt, RuleBothWays, ""},
		{"another that a person closed", 40, func(w *world) { w.reports[1].Entries[0].Outcomes[0].Rule = RuleOperator }, InDoubt, RuleBothWays, ""},
		{"no fence", 70, func(w *world) { w.reports[0].Entries[0].Outcomes[0].Evidence.Fence = 0 }, InDoubt, RuleBothWays, ""},
		{"no MACs", 70, func(w *world) { w.reports[0].Entries[0].Outcomes[0].Evidence.Protected = false }, InDoubt, RuleNone, ""},
		{"not read", 70, func(w *world) { w.reports[0].Entries[0].Outcomes[0].Evidence.Values = nil }, InDoubt, RuleNone, "was not read"},
		{"the other may have come before", 40, func(w *world) { w.reports[1].Entries[0].Began = At(c.day.Add(time.Minute)) }, InDoubt, RuleBothWays, "is not known"},
		{"the other may have come after", 40, func(w *world) {
			w.reports[1].Entries[0].Outcomes[0].Time = At(c.day.Add(10 * time.Hour))
		}, InDoubt, RuleBothWays, "is not known"},
		{"the other came before", 70, func(w *world) {
			w.reports[1].Entries[0].Began, w.reports[1].Entries[0].Outcomes[0].Time = At(c.day.Add(-2*time.Hour)), At(c.day.Add(-time.Hour))
		}, Happened, RuleClosedBooks, ""},
		{"the other came after", 70, func(w *world) {
			w.reports[1].Entries[0].Began, w.reports[1].Entries[0].Outcomes[0].Time = At(c.day.Add(11*time.Hour)), At(c.day.Add(12*time.Hour))
		}, Happened, RuleClosedBooks, ""},
		{"one clock, just before", 70, func(w *world) {
			x := &w.reports[1].Entries[0]
			x.ID = NewID(Generation{0}, 0, [6]byte{1})
			x.Began, x.Outcomes[0].Time = At(c.day.Add(-time.Second)), At(c.day)
			w.reports[1].Generation = Generation{0}
		}, Happened, RuleClosedBooks, ""},
		{"the other, in doubt, was closed by a person before", 70, func(w *world) {
			x := &w.reports[1].Entries[0]
			x.Began, x.Outcomes[0].Time = At(c.day.Add(-2*time.Hour)), At(c.day.Add(time.Hour))
			x.Outcomes = append([]Outcome{{Decision: DidNot, Rule: RuleOperator, Time: At(c.day.Add(-time.Hour))}}, x.Outcomes...)
		}, InDoubt, RuleBothWays, "is not known"},
		{"a person closed ours", 40, func(w *world) {
			o := &w.reports[0].Entries[0].Outcomes
			*o = append(*o, Outcome{Decision: DidNot, Rule: RuleOperator, Time: At(c.day.Add(11 * time.Hour))})
		}, Happened, RuleClosedBooks, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := make(tt.value)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			b := c.reconcile(w.conf, w.reports...)
			c.want(b, w.open, tt.want, tt.rule)
			if o := judgedBy(t, b, w.open.ID).Outcome; !strings.Contains(o.Why, tt.why) {
				t.Errorf("why %q, want %q in it", o.Why, tt.why)
			}
		})
	}
}

// With counters no clock is asked.
func TestClosedBooksByNumber(t *testing.T) {
	c := newChain(t)
	early := c.confirm(c.debit(1, 1, 4, ID{}, TMV{3}))
	open := c.debit(0, 1, 5, early.ID, c.tmv(early))
	open.TMI, open.NamesReader, open.EncTMRI = nil, false, nil
	mid := c.confirm(c.debit(1, 2, 7, ID{}, TMV{6}))
	c.look(open, 10, 7, c.tmv(mid), 70)
	late := c.confirm(c.debit(1, 3, 8, ID{}, c.tmv(mid)))
	conf := Centre{Holders: []string{"A", "B"}, Skew: time.Minute}
	b := c.reconcile(conf, c.of(0, 20, open), c.of(1, 20, early, mid, late))
	c.want(b, open, DidNot, RuleClosedBooks)
	card := b.Cards[0]
	if f := card.Files; len(f) != 1 || f[0] != (FileBooks{File: 1, Happened: -90}) {
		t.Errorf("sums %+v", f)
	}
	if want := []Gap{{5, 6}}; !slices.Equal(card.Gaps, want) {
		t.Errorf("gaps %v, want %v", card.Gaps, want)
	}
}

// rack is a store with several keys for everything, or an error.
type rack struct {
	keys []*key.Secret
	err  error
}

func (r rack) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, len(r.keys) > 0, r.err
}

func (r rack) Key(context.Context, keystore.Ref) (key.Key, error) { return r.keys[0], r.err }

func (r rack) Slots(context.Context, keystore.Ref) (slots []keystore.Slot, err error) {
	for _, k := range r.keys {
		slots = append(slots, keystore.Slot{Facts: keystore.FactsOf(k, ""), Key: func(context.Context) (key.Key, error) { return k, nil }})
	}
	return slots, r.err
}

// Of several keys the one is taken whose version the file has; a file that had two was
// made anew.
func TestKeyVersions(t *testing.T) {
	c := newChain(t)
	old, err := key.NewAES([]byte("another key 1234"), 1)
	if err != nil {
		t.Fatal(err)
	}
	right := key.Zero(key.TypeAES).WithVersion(2)
	e := c.debit(0, 1, 5, oldID, TMV{4})
	c.look(e, 1, 5, c.tmv(e), 70)
	e.TMKeyVer = 2
	c.want(c.reconcile(Centre{Keys: rack{keys: []*key.Secret{old, right}}}, c.of(0, -1, e)), e, Happened, RuleTMV)
	c.want(c.reconcile(Centre{Keys: rack{keys: []*key.Secret{old}}}, c.of(0, -1, e)), e, InDoubt, RuleNoKey)
	b := c.reconcile(Centre{Keys: rack{keys: []*key.Secret{old, old}}}, c.of(0, -1, e))
	if c.want(b, e, InDoubt, RuleNoKey); b.Cards[0].NoKey == "" {
		t.Error("no key of that version, and nothing is said")
	}
	b = c.reconcile(Centre{Keys: rack{keys: []*key.Secret{key.Zero(key.TypeDES)}}}, c.of(0, -1, e))
	if c.want(b, e, InDoubt, RuleNoKey); !strings.Contains(b.Cards[0].NoKey, "no AES key") {
		t.Errorf("%q", b.Cards[0].NoKey)
	}
	other := c.debit(1, 1, 9, oldID, TMV{8})
	b = c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, other))
	if !slices.ContainsFunc(b.Cards[0].Alarms, func(x Alarm) bool { return strings.Contains(x.What, "version 00 and version 02") }) {
		t.Errorf("alarms %v", b.Cards[0].Alarms)
	}
}

// Without the key the rest is judged all the same, and it is said what is missing; a
// store that is locked is an error.
func TestNoTransactionMACKey(t *testing.T) {
	c := newChain(t)
	e := c.debit(0, 1, 5, oldID, TMV{4})
	c.look(e, 1, 5, c.tmv(e), 70)
	b := c.reconcile(Centre{Keys: rack{}}, c.of(0, -1, e))
	c.want(b, e, InDoubt, RuleNoKey)
	if b.Cards[0].NoKey == "" || !slices.ContainsFunc(judgedBy(t, b, e.ID).Outcome.Needs, func(s string) bool { return strings.Contains(s, "transaction MAC key of the card") }) {
		t.Errorf("%+v", b.Cards[0])
	}
	if _, err := Reconcile(t.Context(), &Centre{Keys: rack{err: keystore.ErrLocked}}, []Report{c.of(0, -1, e)}); err == nil {
		t.Error("a locked store is no error")
	}
	short := c.debit(0, 2, 5, oldID, TMV{4})
	short.UID = "04112233"
	if b := c.reconcile(Centre{}, c.of(0, -1, short)); !strings.Contains(b.Cards[0].NoKey, "4 bytes") {
		t.Errorf("%q", b.Cards[0].NoKey)
	}
	if b := c.reconcile(Centre{}); b.Cards == nil || len(b.Cards) != 0 {
		t.Errorf("no reports: %+v", b)
	}
}

// Versions of one entry are put together, whichever comes first.
func TestVersionsOfAnEntry(t *testing.T) {
	c := newChain(t)
	e := c.debit(0, 1, 5, oldID, TMV{4})
	c.look(e, 1, 9, TMV{9}, 40)
	early, late, fork := *e, *e, *e
	early.Outcomes = nil
	early.Progress.Settlements = []ID{askID}
	late.Outcomes = slices.Clone(e.Outcomes)
	c.look(&late, 2, 5, c.tmv(e), 40)
	late.Progress.TMI, late.Progress.EncTMRI = e.TMI, e.EncTMRI
	fork.Outcomes = slices.Clone(e.Outcomes)
	c.look(&fork, 3, 11, TMV{11}, 10)
	var first string
	for i, order := range [][]*Entry{{&early, &late}, {&late, &early}, {&early, e, &late}, {&late, e, &early, e}} {
		var reports []Report
		for _, x := range order {
			reports = append(reports, c.of(0, -1, x))
		}
		b := c.reconcile(Centre{}, reports...)
		c.want(b, e, Happened, RuleTMV)
		if j := judgedBy(t, b, e.ID); len(j.Entry.Outcomes) != 2 || len(j.Entry.Progress.Settlements) != 1 || len(j.Entry.Progress.TMI) == 0 {
			t.Errorf("order %d: %+v", i, j.Entry)
		}
		if now := asJSON(t, b); first == "" {
			first = now
		} else if now != first {
			t.Errorf("order %d: another result", i)
		}
	}
	a := c.reconcile(Centre{}, c.of(0, -1, &late), c.of(0, -1, &fork))
	b := c.reconcile(Centre{}, c.of(0, -1, &fork), c.of(0, -1, &late))
	if j := judgedBy(t, a, e.ID); len(j.Entry.Outcomes) != 3 || asJSON(t, a) != asJSON(t, b) {
		t.Errorf("%d outcomes", len(j.Entry.Outcomes))
	}
}
