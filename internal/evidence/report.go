package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// FiledReport is a report of selftest as it is filed: compared with what the
// simulated card of the same generation does.
type FiledReport struct {
	Source    string           `json:"source"`
	Passed    int              `json:"passed"`
	Failed    int              `json:"failed"`
	Skipped   int              `json:"skipped"`
	Alike     int              `json:"alike"`     // steps that ended as on the simulated card
	Different []Difference     `json:"different"` // those that did not
	Report    *selftest.Report `json:"report"`
}

// Difference is a step that ended otherwise than on the simulated card, or
// something observed that is otherwise there.
type Difference struct {
	Step      string `json:"step"`
	What      string `json:"what"` // "result", "statuses", "unknown step", or what was observed
	Card      string `json:"card"`
	Simulated string `json:"simulated"`
	Reason    string `json:"reason,omitempty"` // what the report says of it
}

// AddReport judges a report of selftest that somebody sent, and makes the file
// that is to be written of it.
func AddReport(ctx context.Context, r *selftest.Report, o *Options, tree *Evidence) (*Addition, error) {
	a := newAddition("report")
	f := &FiledReport{Source: o.Source, Report: r, Different: []Difference{}}
	a.Report = f
	f.Passed, f.Failed, f.Skipped = r.Count(selftest.Pass), r.Count(selftest.Fail), r.Count(selftest.Skip)
	if f.Source == "" {
		a.refuse(Untold, "it does not say where it comes from: give --source")
	}
	a.consistent(r)
	simulated := simulatedReport(r)
	if simulated != "" && !o.Simulate {
		a.refuse(OfSim, "it is of the simulated card, which is no evidence: %s", simulated)
	}
	own, err := onSimulatedCard(ctx, r)
	if err != nil {
		return nil, err
	}
	f.compare(r, own)
	if !o.KeepUID && r.MaskUID() {
		a.Redacted = append(a.Redacted, "the UID")
	} else if o.KeepUID {
		a.Remains = append(a.Remains, "the UID "+r.Card.UID+", as was asked for")
	}
	if name := serial.ReplaceAllString(r.Card.Reader, "(serial)"); name != r.Card.Reader {
		r.Card.Reader = name
		a.Redacted = append(a.Redacted, "the serial number in the reader's name")
	}
	a.Remains = append(a.Remains, "batch, week and year of the chip")
	if r.Card.Reader != "" {
		a.Remains = append(a.Remains, "the reader's name")
	}
	if r.Interrupted != "" {
		a.Notes = append(a.Notes, "the run was cut short: "+r.Interrupted)
	}
	if !r.Wipe {
		a.Notes = append(a.Notes, "the card was not wiped, so that most steps were left out")
	}
	return a, a.fileReport(f, simulated, tree)
}

func (a *Addition) fileReport(f *FiledReport, simulated string, tree *Evidence) error {
	compact, err := json.Marshal(f)
	if err != nil {
		return err
	}
	a.Data = append(visible.JSON(compact), '\n')
	steps, err := json.Marshal(f.Report)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(steps)
	folder := "reports"
	if simulated != "" {
		folder = "simulated"
	}
	a.Name = path.Join(folder, fmt.Sprintf("%s-%v-%x.json", slug(f.Source, 24), slug(f.Report.Card.Generation.String(), 8), sum[:3]))
	if tree == nil {
		return nil
	}
	for _, other := range tree.Reports {
		if sameReport(f.Report, other.Report) {
			a.refuse(Duplicate, "it is the report of %s", other.Source)
		}
	}
	return nil
}

// sameReport reports whether two reports are of the same run.
func sameReport(a, b *selftest.Report) bool {
	return a.Time.Equal(b.Time) && len(a.Steps) == len(b.Steps) && a.Card.Generation == b.Card.Generation
}

// consistent looks whether a report agrees with itself.
func (a *Addition) consistent(r *selftest.Report) {
	c := &r.Card
	if v, ok := versionOf(c); !ok {
		a.refuse(Untold, "its hardware and software are no answer to GetVersion")
	} else if g, _ := v.Generation(); g != c.Generation {
		a.refuse(Forged, "it is said to be of %v, but the card's GetVersion says %v", c.Generation, g)
	}
	seen := map[string]bool{}
	for _, s := range r.Steps {
		switch {
		case s.ID == "" || seen[s.ID]:
			a.refuse(Forged, "the step %q stands in it twice, or has no name", s.ID)
		case s.Result != selftest.Pass && s.Result != selftest.Fail && s.Result != selftest.Skip:
			a.refuse(Forged, "the step %s ended with %q, which is no result", s.ID, s.Result)
		case s.Result != selftest.Pass && s.Reason == "":
			a.refuse(Forged, "the step %s did not pass, and no reason is said", s.ID)
		}
		seen[s.ID] = true
	}
	for _, f := range r.Facts {
		if !seen[f.Step] {
			a.refuse(Forged, "it observed something in the step %s, which it did not do", f.Step)
		}
	}
	if len(r.Steps) == 0 {
		a.refuse(Untold, "it has no steps")
	}
}

func versionOf(c *selftest.CardFacts) (*wire.Version, bool) {
	if len(c.Hardware) != 7 || len(c.Software) != 7 {
		return nil, false
	}
	v := new(wire.Version)
	for i, p := range [...]*wire.ChipVersion{&v.Hardware, &v.Software} {
		b := [...]selftest.Hex{c.Hardware, c.Software}[i]
		*p = wire.ChipVersion{Vendor: b[0], Type: b[1], SubType: b[2], Major: b[3], Minor: b[4], Storage: b[5], Protocol: b[6]}
	}
	return v, true
}

// simulatedReport says what shows that a report is of the simulated card.
func simulatedReport(r *selftest.Report) string {
	if why := simulatedReader(r.Card.Reader); why != "" {
		return why
	}
	if slices.Equal(r.Card.Production, production) {
		return "its card has the production data of simulated cards"
	}
	var took []int64
	for _, s := range r.Steps {
		for _, e := range s.Exchanges {
			if e.Status != "" {
				took = append(took, int64(e.Milliseconds*1000))
			}
		}
	}
	return tooFast(took)
}

// onSimulatedCard runs the suite as it was run on the card.
func onSimulatedCard(ctx context.Context, r *selftest.Report) (*selftest.Report, error) {
	uid := []byte{0x04, 1, 2, 3, 4, 5, 6}
	card, err := sim.New(&sim.Config{Generation: r.Card.Generation, UID: uid})
	if err != nil {
		return nil, err
	}
	conf := &desfire.Config{Framing: desfire.FramingWrapped, Unguarded: true}
	if r.Card.Framing == desfire.FramingNative.String() {
		conf.Framing = desfire.FramingNative
	}
	reader, err := desfire.Connect(ctx, card.Present(), conf)
	if err != nil {
		return nil, err
	}
	run := &selftest.Config{Lasting: r.Lasting && r.Wipe, Now: time.Now}
	if r.Wipe {
		run.WipeCard = uid
	}
	return selftest.Run(ctx, reader, run)
}

// compare fills in what is alike and what is different.
func (f *FiledReport) compare(r, own *selftest.Report) {
	for _, s := range r.Steps {
		i := slices.IndexFunc(own.Steps, func(o selftest.Step) bool { return o.ID == s.ID })
		if i < 0 {
			f.Different = append(f.Different, Difference{s.ID, "unknown step", string(s.Result), "", s.Reason})
			continue
		}
		o := &own.Steps[i]
		switch {
		case s.Result != o.Result:
			f.Different = append(f.Different, Difference{s.ID, "result", string(s.Result), string(o.Result), s.Reason})
		case s.Result == selftest.Pass && statuses(&s) != statuses(o):
			f.Different = append(f.Different, Difference{s.ID, "statuses", statuses(&s), statuses(o), ""})
		default:
			f.Alike++
		}
	}
	for _, fact := range r.Facts {
		i := slices.IndexFunc(own.Facts, func(o selftest.Fact) bool { return o.ID == fact.ID && o.Step == fact.Step })
		if i >= 0 && own.Facts[i].Saw != fact.Saw {
			f.Different = append(f.Different, Difference{fact.Step, fact.ID + ": " + fact.What, fact.Saw, own.Facts[i].Saw, ""})
		}
	}
}

// statuses are those of a step that are not of success: how many frames a card
// needs is its own affair.
func statuses(s *selftest.Step) string {
	var list []string
	for _, e := range s.Exchanges {
		switch e.Status {
		case "9100", "91AF", "9000":
		default:
			list = append(list, e.Status)
		}
	}
	return strings.Join(list, " ")
}
