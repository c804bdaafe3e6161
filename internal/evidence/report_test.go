package evidence

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// reported is a report as a card of a generation would have given it: made on the
// simulated one, and its marks taken away.
func reported(t testing.TB, g wire.Generation, wipe bool) *selftest.Report {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g, Production: []byte{1, 2, 3, 4, 5, 6, 7}})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), picc.Present(), &desfire.Config{Unguarded: true})
	if err != nil {
		t.Fatal(err)
	}
	conf := new(selftest.Config)
	if wipe {
		conf.WipeCard = picc.UID()
	}
	r, err := selftest.Run(t.Context(), card, conf)
	if err != nil {
		t.Fatal(err)
	}
	r.Card.Reader = "ACS ACR1252 (A1B2C3D4)"
	for i := range r.Steps {
		for j := range r.Steps[i].Exchanges {
			r.Steps[i].Exchanges[j].Milliseconds += 3
		}
	}
	return r
}

// fromFile is a report as it is read from a file.
func fromFile(t testing.TB, r *selftest.Report) *selftest.Report {
	t.Helper()
	back, err := selftest.ReadReport(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestReports(t *testing.T) {
	for _, g := range wire.Generations {
		if testing.Short() && g != wire.EV1 {
			continue
		}
		r := reported(t, g, true)
		a, err := AddReport(t.Context(), fromFile(t, r), &Options{Source: "own card"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Refused != nil || a.Report.Alike != len(r.Steps) || len(a.Report.Different) > 0 || !strings.HasPrefix(a.Name, "reports/own-card-"+strings.ToLower(g.String())) {
			t.Errorf("%v: %v, %d of %d steps alike, %v, %s", g, a.Refused, a.Report.Alike, len(r.Steps), a.Report.Different, a.Name)
		}
		if text := string(a.Data); strings.Contains(text, r.Card.UID) || strings.Contains(text, "A1B2C3D4") {
			t.Errorf("%v: the UID or the reader's number is in it", g)
		}
		f := new(FiledReport)
		if err := json.Unmarshal(a.Data, f); err != nil || f.Report.Count(selftest.Pass) != a.Report.Passed || f.Alike != a.Report.Alike {
			t.Errorf("%v: it does not come back: %v", g, err)
		}
		again, err := AddReport(t.Context(), fromFile(t, r), &Options{Source: "somebody"}, &Evidence{Reports: []*FiledReport{f}})
		if err != nil || again.Refused == nil || again.Refused.Reason != Duplicate {
			t.Errorf("%v: filed twice: %v, %v", g, again.Refused, err)
		}
	}
}

// What a card does otherwise than the simulated one is listed.
func TestReportsAreCompared(t *testing.T) {
	r := reported(t, wire.EV1, true)
	i := slices.IndexFunc(r.Steps, func(s selftest.Step) bool { return s.Result == selftest.Pass })
	r.Steps[i].Result, r.Steps[i].Reason = selftest.Fail, "answered 91CA"
	j := slices.IndexFunc(r.Steps, func(s selftest.Step) bool {
		return s.Result == selftest.Pass && slices.ContainsFunc(s.Exchanges, func(e selftest.Exchange) bool { return e.Status == "919D" })
	})
	r.Steps[j].Exchanges = slices.Clone(r.Steps[j].Exchanges)
	for k := range r.Steps[j].Exchanges {
		if e := &r.Steps[j].Exchanges[k]; e.Status == "919D" {
			e.Status = "91AE"
		}
	}
	r.Steps = append(r.Steps, selftest.Step{ID: "of.tomorrow", Result: selftest.Pass})
	r.Facts[0].Saw = "something else"
	a, err := AddReport(t.Context(), r, &Options{Source: "own card"}, nil)
	if err != nil || a.Refused != nil {
		t.Fatal(err, a.Refused)
	}
	var got []string
	for _, d := range a.Report.Different {
		got = append(got, d.Step)
	}
	for _, want := range []string{r.Steps[i].ID, r.Steps[j].ID, "of.tomorrow", r.Facts[0].Step} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among what is different: %v", want, got)
		}
	}
	if len(got) != 4 {
		t.Errorf("different: %v", got)
	}
}

func TestForgedReports(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *selftest.Report)
		want   Reason
	}{
		"another generation": {func(r *selftest.Report) { r.Card.Generation = wire.EV2 }, Forged},
		"no version":         {func(r *selftest.Report) { r.Card.Hardware = nil }, Untold},
		"a step twice":       {func(r *selftest.Report) { r.Steps = append(r.Steps, r.Steps[0]) }, Forged},
		"a word":             {func(r *selftest.Report) { r.Steps[0].Result = "fine" }, Forged},
		"no reason":          {func(r *selftest.Report) { r.Steps[0].Result, r.Steps[0].Reason = selftest.Fail, "" }, Forged},
		"a fact of nothing":  {func(r *selftest.Report) { r.Facts[0].Step = "none" }, Forged},
		"no steps":           {func(r *selftest.Report) { r.Steps, r.Facts = nil, nil }, Untold},
		"simulated reader":   {func(r *selftest.Report) { r.Card.Reader = "simulated EV1 04112233445566" }, OfSim},
		"production":         {func(r *selftest.Report) { r.Card.Production = production }, OfSim},
		"too fast": {func(r *selftest.Report) {
			for i := range r.Steps {
				for j := range r.Steps[i].Exchanges {
					r.Steps[i].Exchanges[j].Milliseconds = 0.01
				}
			}
		}, OfSim},
	} {
		r := reported(t, wire.EV1, false)
		tc.change(r)
		a, err := AddReport(t.Context(), r, &Options{Source: "own card"}, nil)
		if err != nil || a.Refused == nil || a.Refused.Reason != tc.want {
			t.Errorf("%s: %v, %v", name, a.Refused, err)
		}
	}
}
