package purse

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A report is the whole journal, and comes back from JSON as it was.
func TestReport(t *testing.T) {
	ctx := t.Context()
	j := Memory(rand.New(rand.NewSource(1)))
	id, err := j.NewID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e := debit30()
	withTMAC(e)
	withRecord(e)
	e.ID, e.Fingerprint, e.Began = id, Hex{1, 2}, At(time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC))
	if err := j.Begin(ctx, e); err != nil {
		t.Fatal(err)
	}
	ev := read()
	ev.counted(5, TMV{5})
	ev.named(otherID, true)
	if err := j.End(ctx, id, Decide(e, ev, nil), nil); err != nil {
		t.Fatal(err)
	}
	now := At(time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC))
	r, err := ReportOf(ctx, j, "gate 1", now)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Entries) != 1 || r.Generation != j.Generation() || r.Until != now || r.Entries[0].Outcome().Rule != RuleOtherOwner {
		t.Fatalf("%+v", r)
	}
	back, err := ParseReport([]byte(asJSON(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Errorf("%+v\nafter JSON %+v", r, back)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReportOf(ctx, j, "gate 1", now); err == nil {
		t.Error("a closed journal has a report")
	}
}

// What is wrong with a report is named, with its place.
func TestBadReports(t *testing.T) {
	e := debit30()
	e.Fingerprint = Hex{1}
	good := asJSON(t, Report{Format: ReportFormat, Terminal: "A", Entries: []Entry{*e}})
	if _, err := ParseReport([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ from, to, want string }{
		{ReportFormat, "purse-report/2", `format is "purse-report/2"`},
		{`"terminal": "A"`, `"terminal": 7`, "line 3: terminal"},
		{`"terminal": "A"`, `"terminals": "A"`, "terminals"},
		{`"uid": "04112233445566"`, `"uid": "zz"`, `uid: "zz" is no identifier`},
		{`"uid": "04112233445566"`, `"uid": ""`, `entries[0]: uid`},
		{`"uid": "04112233445566"`, `"uid": "04aabbccddeeff"`, "not in upper case"},
		{`"amount": 30`, `"amount": 0`, "entries[0]: moves[0]"},
		{`"amount": 30`, `"amount": -5`, "entries[0]: moves[0]"},
		{`"amount": 30`, `"amount": 99999999999`, "amount"},
		{`"policy": "hostile"`, `"policy": "kind"`, `policy: "kind"`},
		{ourID.String(), strings.Repeat("0", 32), "entries[0]: it has no id"},
		{ourID.String(), "01", "id of a transaction"},
		{`"hostile"`, `"hostile", "enc_tmri": "0102"`, "enc_tmri: 2 bytes"},
		{`"hostile"`, `"hostile", "outcomes": [{"rule": "1"}]`, "outcomes[0]: there is no decision"},
		{`"hostile"`, `"hostile", "outcomes": [{"decision": "perhaps"}]`, `"perhaps" is no decision`},
		{`"hostile"`, `"hostile", "outcomes": [{"decision": "happened", "evidence": {"fence": "hedge"}}]`, `"hedge" is no fence`},
		{`"hostile"`, `"hostile", "policy": "hostile"`, "policy"},
		{"}\n ]\n}", "}\n ]\n", ""},
		{good, good + "{}", "something follows"},
		{good, "", ""},
		{good, "null", ""},
	} {
		bad := strings.Replace(good, tt.from, tt.to, 1)
		if bad == good {
			t.Fatalf("%q is not in the report", tt.from)
		}
		r, err := ParseReport([]byte(bad))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q instead of %q: %+v, %v", tt.to, tt.from, r, err)
		}
	}
	// Reconcile does not rely on ParseReport.
	e.UID = "zz"
	if _, err := Reconcile(t.Context(), new(Centre), []Report{{Terminal: "A", Entries: []Entry{*e}}}); err == nil {
		t.Error("an entry without a card was reconciled")
	}
}

// Reports from anywhere: nothing panics, what is taken comes back from JSON the
// same, and the order does not matter.
func FuzzReport(f *testing.F) {
	for seed := range uint64(12) {
		b := newBank(seed)
		b.days()
		_, all := b.reports()
		for _, r := range all {
			text, err := json.Marshal(r)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	other := newBank(5)
	other.days()
	centre, others := other.reports()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		r, err := ParseReport(data)
		if err != nil {
			if r != nil || err.Error() == "" {
				t.Errorf("%+v, %v", r, err)
			}
			return
		}
		back, err := ParseReport([]byte(asJSON(t, r)))
		if err != nil || asJSON(t, back) != asJSON(t, r) {
			t.Fatalf("it does not come back: %v", err)
		}
		reports := append([]Report{*r}, others...)
		books, err := Reconcile(t.Context(), centre, reports)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports[1:], *r, *back)
		again, err := Reconcile(t.Context(), centre, reports)
		if err != nil || asJSON(t, again) != asJSON(t, books) {
			t.Fatalf("another order, another result: %v", err)
		}
	})
}
