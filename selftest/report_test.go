package selftest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/wire"
)

func TestReport(t *testing.T) {
	for _, g := range wire.Generations {
		c := newSim(t, g)
		r, err := selftest.Run(t.Context(), connect(t, c.Present()), conf(selftest.Config{WipeCard: uid, MaskUID: true}))
		if err != nil {
			t.Fatal(err)
		}
		checkRedacted(t, r)
		back, err := selftest.ReadReport(r.Encode())
		if err != nil || !bytes.Equal(back.Encode(), r.Encode()) {
			t.Errorf("a report does not survive reading: %v", err)
		}
		var b strings.Builder
		if err := r.WriteSummary(&b); err != nil || !strings.Contains(b.String(), "0 failed") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
	for _, bad := range []string{"", "{}", `{"format":"desfire-selftest","version":99}`, `{"format":1}`} {
		if _, err := selftest.ReadReport([]byte(bad)); err == nil {
			t.Errorf("%q is a report", bad)
		}
	}
}

// checkRedacted looks for the UID and for bytes of test keys.
func checkRedacted(t *testing.T, r *selftest.Report) {
	t.Helper()
	text := strings.ToUpper(string(r.Encode()))
	if strings.Contains(text, fmt.Sprintf("%X", uid)) {
		t.Error("the report has the UID")
	}
	for n := range 8 { // as test keys are made
		var k []byte
		for i := range 8 {
			k = append(k, byte(0x10*(n+1)+7*i)|1)
		}
		if strings.Contains(text, fmt.Sprintf("%X", k)) {
			t.Error("the report has bytes of a key")
		}
	}
}

func TestOnly(t *testing.T) {
	c := newSim(t, wire.EV3)
	var told []string
	r, err := selftest.Run(t.Context(), connect(t, c.Present()), conf(selftest.Config{
		WipeCard: uid, Only: "value.limited-credit, identify.v*,record.cyclic", OnStep: func(s selftest.Step) { told = append(told, s.ID) },
	}))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range r.Steps {
		ids = append(ids, s.ID)
	}
	want := []string{"identify.version", "value.limited-credit.base", "value.limited-credit.reset", "value.limited-credit.sum", "value.limited-credit.pending", "value.limited-credit.off", "record.cyclic"}
	if !slices.Equal(ids, want) || !slices.Equal(told, want) {
		t.Errorf("steps %v, told %v", ids, told)
	}
}

func TestStepIDs(t *testing.T) {
	for _, g := range wire.Generations {
		seen := map[string]bool{}
		for _, s := range selftest.List(g) {
			if seen[s.ID] || s.Title == "" || s.Source == "" || strings.ToLower(s.ID) != s.ID {
				t.Errorf("%v: step %+v", g, s)
			}
			seen[s.ID] = true
		}
	}
}
