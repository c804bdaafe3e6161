package perso_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func mustBe(t *testing.T, list []perso.Difference, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Unproven == "" {
			t.Error(d)
		}
	}
}

// TestAgain makes a card of every generation by a layout, reads it, makes a blank
// one of what was read, and finds them the same.
func TestAgain(t *testing.T) {
	ctx := context.Background()
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			layout := rich(g)
			conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
			first := newPICC(t, g)
			p, err := perso.Apply(ctx, connect(t, first), layout, conf)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range append(p.Impossible, p.Warnings...) {
				t.Error(n)
			}
			list, err := perso.Verify(ctx, connect(t, first), layout, conf)
			mustBe(t, list, err)

			dumped, notes := perso.FromCard(readAll(t, first, conf.Want))
			for _, n := range notes {
				t.Log(n)
			}
			second := newPICC(t, g)
			if p, err = perso.Apply(ctx, connect(t, second), dumped, conf); err != nil {
				t.Fatal(err)
			}
			for _, n := range p.Impossible {
				t.Error(n)
			}
			list, err = perso.Verify(ctx, connect(t, second), dumped, conf)
			mustBe(t, list, err)
			again, _ := perso.FromCard(readAll(t, second, conf.Want))
			sameLayout(t, again, dumped)

			p, err = perso.NewPlan(ctx, connect(t, second), dumped, conf)
			if err != nil || len(p.Steps) > 0 {
				t.Errorf("what is applied has steps: %v, %v", p.Steps, err)
			}
		})
	}
}

// DESFire Light and NTAG 424 DNA speak LRP once it is switched on.
func TestLRP(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		picc := newPICC(t, g)
		card := connect(t, picc)
		for _, err := range []error{
			card.Select(ctx, wire.Place{Fixed: true}),
			card.Authenticate(ctx, 0, key.Zero(key.TypeAES)),
			card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		layout := rich(g)
		if g == wire.NTAG424 { // the enciphered PICC data are longer
			layout.Applications[0].Files[0].Settings.SDM.MACInputOffset = 80
			layout.Applications[0].Files[0].Settings.SDM.MACOffset = 80
		}
		conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		if p := apply(t, picc, layout, conf); len(p.Impossible) > 0 {
			t.Errorf("%v: %q", g, p.Impossible)
		}
		list, err := perso.Verify(ctx, connect(t, picc), layout, conf)
		mustBe(t, list, err)
	}
}

// What is to be enciphered is never sent with less protection, where the settings
// of the file can be changed first; what nobody can write afterwards goes first.
func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		name     string
		is, want wire.FileSettings
		kinds    []perso.Kind
	}{
		{"to a stronger mode", wire.FileSettings{Option: wire.OptionPlain, Access: access(1, 2, 2, 0)},
			wire.FileSettings{Option: wire.OptionFull, Access: access(1, 2, 2, 0)}, []perso.Kind{perso.ChangeFileSettings, perso.WriteData}},
		{"to a weaker mode", wire.FileSettings{Option: wire.OptionFull, Access: access(1, 2, 2, 0)},
			wire.FileSettings{Option: wire.OptionPlain, Access: access(1, 2, 2, 0)}, []perso.Kind{perso.WriteData, perso.ChangeFileSettings}},
		{"no longer free", wire.FileSettings{Access: access(wire.Free, wire.Free, wire.Free, 0)},
			wire.FileSettings{Access: access(1, 2, 2, 0)}, []perso.Kind{perso.ChangeFileSettings, perso.WriteData}},
		{"read only afterwards", wire.FileSettings{Access: access(1, 2, wire.Never, 0)},
			wire.FileSettings{Option: wire.OptionFull, Access: access(1, wire.Never, wire.Never, 0)}, []perso.Kind{perso.WriteData, perso.ChangeFileSettings}},
		{"read only before and afterwards", wire.FileSettings{Access: access(1, wire.Never, wire.Never, 0)},
			wire.FileSettings{Option: wire.OptionFull, Access: access(2, wire.Never, wire.Never, 0)}, []perso.Kind{perso.ChangeFileSettings, perso.WriteData, perso.ChangeFileSettings}},
	} {
		layout := func(s wire.FileSettings, data string) *perso.Layout {
			s.Type, s.Size = wire.FileStandard, 32
			return small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings, f.Data = s, []byte(data) })
		}
		picc := newPICC(t, wire.EV2)
		apply(t, picc, layout(tc.is, "first"), nil)
		p := apply(t, picc, layout(tc.want, "second"), nil)
		var kinds []perso.Kind
		for _, s := range p.Steps {
			kinds = append(kinds, s.Kind)
		}
		if !slices.Equal(kinds, tc.kinds) || len(p.Impossible) > 0 {
			t.Errorf("%s: %q, impossible %q", tc.name, kinds, p.Impossible)
		}
		list, err := perso.Verify(context.Background(), connect(t, picc), layout(tc.want, "second"), nil)
		mustBe(t, list, err)
	}
}

// A plan in JSON has the names that everything has.
func TestJSON(t *testing.T) {
	p := plan(t, newPICC(t, wire.EV3), small(nil), nil)
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"uid":"04010203040506","product":"MIFARE DESFire EV3"`, `"application":"F48121","file":1,"step":"create file","words":"create file 1 of`,
		`"keep":[]`, `"impossible":[]`, `"warnings":[{"application":"F48121","text":"keys 0, 1, 2 stay`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// Where versions tell keys apart, no authentication fails: cards count them.
func TestNoFailedAttempt(t *testing.T) {
	ctx := context.Background()
	for _, j := range jobs(t) {
		if strings.Contains(j.name, "same version") {
			continue
		}
		refused := 0
		observe := func(x *desfire.Exchange) {
			if errors.Is(x.Err, wire.StatusAuthenticationError) && strings.HasPrefix(x.Command.Spec().Name, "Authenticate") {
				refused++
			}
		}
		picc := j.ready(t)
		for range 2 {
			card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Observe: observe})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := perso.Apply(ctx, card, j.layout, j.conf(len(j.before))); err != nil {
				t.Fatal(err)
			}
			if _, err := perso.Verify(ctx, card, j.layout, j.conf(len(j.before))); err != nil {
				t.Fatal(err)
			}
		}
		if refused > 0 {
			t.Errorf("%s: %d authentications failed", j.name, refused)
		}
	}
}

// Cards of one generation differ. What sources tell differently must not matter.
func TestQuirks(t *testing.T) {
	ctx := context.Background()
	for name, turn := range map[string]func(q *sim.Quirks){
		"SDMAtCreate":          func(q *sim.Quirks) { q.SDMAtCreate = !q.SDMAtCreate },
		"SDMBlockAtCreate":     func(q *sim.Quirks) { q.SDMBlockAtCreate = !q.SDMBlockAtCreate },
		"SettingsShowFlags":    func(q *sim.Quirks) { q.SettingsShowFlags = !q.SettingsShowFlags },
		"AbsentKeyInRights":    func(q *sim.Quirks) { q.AbsentKeyInRights = !q.AbsentKeyInRights },
		"ErrorEndsSession":     func(q *sim.Quirks) { q.ErrorEndsSession = !q.ErrorEndsSession },
		"PICCKeyType":          func(q *sim.Quirks) { q.PICCKeyType = !q.PICCKeyType },
		"PICCSettingsRFU":      func(q *sim.Quirks) { q.PICCSettingsRFU = !q.PICCSettingsRFU },
		"LimitedCreditWhenOff": func(q *sim.Quirks) { q.LimitedCreditWhenOff = !q.LimitedCreditWhenOff },
		"ReaderIDNeedsSession": func(q *sim.Quirks) { q.ReaderIDNeedsSession = !q.ReaderIDNeedsSession },
		"KeySetCopiesActive":   func(q *sim.Quirks) { q.KeySetCopiesActive = !q.KeySetCopiesActive },
		"SelectFailureKeeps":   func(q *sim.Quirks) { q.SelectFailureKeeps = !q.SelectFailureKeeps },
		"StreamedWrites":       func(q *sim.Quirks) { q.StreamedWrites = !q.StreamedWrites },
		"DFNamesInSession":     func(q *sim.Quirks) { q.DFNamesInSession = wire.StatusOK },
	} {
		for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
			q := sim.QuirksOf(g)
			turn(&q)
			picc, err := sim.New(&sim.Config{Generation: g, Quirks: &q})
			if err != nil {
				t.Fatal(err)
			}
			first, second := rich(g), moved(g)
			conf := &perso.Config{Want: keysFor(t, first, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
			for _, l := range []*perso.Layout{first, second} {
				p, err := perso.Apply(ctx, connect(t, picc), l, conf)
				if err != nil || len(p.Impossible) > 0 {
					t.Errorf("%s, %v: %v, impossible %q", name, g, err, p.Impossible)
					break
				}
				list, err := perso.Verify(ctx, connect(t, picc), l, conf)
				if err != nil || perso.Differs(list) {
					t.Errorf("%s, %v: %v, %v", name, g, err, list)
				}
				if p, err = perso.NewPlan(ctx, connect(t, picc), l, conf); err != nil || len(p.Steps) > 0 {
					t.Errorf("%s, %v: %v, steps %v", name, g, err, p.Steps)
				}
			}
		}
	}
}
