package purse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("%q stands there twice", r.name)
		}
		names[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			e, ev := debit30(), read()
			if r.e != nil {
				r.e(e)
			}
			if r.ev != nil {
				r.ev(ev)
			}
			before := fmt.Sprintf("%+v %+v %+v", e, ev, r.state)
			o := Decide(e, ev, r.state)
			if o.Decision != r.want || o.Rule != r.rule {
				t.Errorf("%v by rule %s (%s), want %v by %s", o.Decision, o.Rule, o.Why, r.want, r.rule)
			}
			if now := fmt.Sprintf("%+v %+v %+v", e, ev, r.state); now != before {
				t.Errorf("it changed what it was given:\n%s\n%s", before, now)
			}
			var alarm Rule
			if len(o.Alarms) > 0 {
				alarm = o.Alarms[0].Rule
			}
			if alarm != r.alarm {
				t.Errorf("alarms %+v, want %q", o.Alarms, r.alarm)
			}
			for _, a := range o.Alarms {
				if a.Block != (a.Rule == RuleOtherHistory) || a.What == "" {
					t.Errorf("alarm %+v", a)
				}
			}
			if want := r.want != InDoubt && !r.accident; o.RelayExcluded != want {
				t.Errorf("a relay excluded: %t, want %t", o.RelayExcluded, want)
			}
			if o.Why == "" || (len(o.Needs) == 0) != (r.want != InDoubt) {
				t.Errorf("why %q, needs %q", o.Why, o.Needs)
			}
		})
	}
}

// What is missing is named.
func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    func(*Entry)
		ev   func(*Evidence)
		want []string
	}{
		{"another card", withTMAC, func(v *Evidence) { v.SameCard = false }, []string{"card 04112233445566 on a reader, with a session that proves"}},
		{"no fence", withSlot, func(v *Evidence) { v.Slot, v.Fence = oldID.Slot(16), 0 }, []string{"nothing is pending"}},
		{"number taken, no key", withTMAC, func(v *Evidence) { v.counted(5, TMV{0xAB}) }, []string{"the transaction MAC key, for transaction MAC ab00000000000000 of transaction 5", "number 5 or 6, to the centre"}},
		{"number long gone", withTMAC, func(v *Evidence) { v.counted(50, TMV{1}) }, []string{"number 5 or 6, to the centre"}},
		{"number long gone, LRP", many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x1FFFE }), func(v *Evidence) { v.counted(0x10009, TMV{1}) }, []string{"number 65535 or 0, to the centre"}},
		{"value only", nil, func(v *Evidence) { v.holds(70) }, []string{"the reports of all who have a key of the value"}},
		{"other history", withTMAC, func(v *Evidence) { v.counted(3, TMV{1}) }, []string{"a person who finds out"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, ev := debit30(), read()
			if tt.e != nil {
				tt.e(e)
			}
			tt.ev(ev)
			o := Decide(e, ev, nil)
			for _, w := range tt.want {
				if !slices.ContainsFunc(o.Needs, func(n string) bool { return strings.Contains(n, w) }) {
					t.Errorf("%q is not among %q", w, o.Needs)
				}
			}
		})
	}
}

// Every rule has words, and stands in the list once.
func TestRuleWords(t *testing.T) {
	seen := map[Rule]bool{}
	for _, r := range Rules() {
		if seen[r] || r.Words() == "" || strings.HasSuffix(r.Words(), ".") {
			t.Errorf("rule %s: %q", r, r.Words())
		}
		seen[r] = true
	}
	for r := range ruleWords {
		if !seen[r] {
			t.Errorf("rule %s is not in the list", r)
		}
	}
	if Rule("x").Words() != "" {
		t.Error("a rule that there is not has words")
	}
	for _, r := range rows {
		if !seen[r.rule] {
			t.Errorf("%s: rule %s", r.name, r.rule)
		}
	}
}
