package perso_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const layoutHash = "00112233445566778899AABBCCDDEEFF"

// saved is a plan of a card, written and read again.
func saved(t testing.TB, picc *sim.Card, l *perso.Layout, conf *perso.Config) []byte {
	t.Helper()
	p, err := perso.NewPlan(context.Background(), connect(t, picc), l, conf)
	if err != nil {
		t.Fatal(err)
	}
	p.Layout = layoutHash
	return encode(t, p)
}

func encode(t testing.TB, p *perso.Plan) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readBound(t testing.TB, text []byte, l *perso.Layout) *perso.Plan {
	t.Helper()
	p, err := perso.ReadPlan(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Bind(l, layoutHash); err != nil {
		t.Fatal(err)
	}
	return p
}

// A saved plan says what it said, and is applied by another process.
func TestSavedPlan(t *testing.T) {
	ctx := context.Background()
	for _, g := range wire.Generations {
		l := rich(g)
		conf := &perso.Config{Want: keysFor(t, l, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		picc := newPICC(t, g)
		text := saved(t, picc, l, conf)
		p := readBound(t, text, l)
		if again := encode(t, p); !bytes.Equal(again, text) {
			t.Errorf("%v: written again it is another\n%s\n%s", g, text, again)
		}
		later := &perso.Config{Want: conf.Want, Journal: conf.Journal}
		if err := p.Apply(ctx, connect(t, picc), later); !errors.As(err, new(*perso.StaleError)) {
			t.Errorf("%v: other choices: %v", g, err)
		}
		p.Choose(later)
		if err := p.Apply(ctx, connect(t, picc), later); err != nil {
			t.Fatal(err)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, conf)
		mustBe(t, list, err)
	}
}

// What moved since a plan was saved, is said.
func TestSavedPlanMoved(t *testing.T) {
	ctx := context.Background()
	base := small(nil)
	want := small(func(_ *perso.Layout, a *perso.Application, f *perso.File) {
		f.Data = []byte("other")
		a.Files = append(a.Files, perso.File{No: 4, Settings: f.Settings, Data: []byte("new")})
	})
	enter := func(card *desfire.Card) error {
		if err := card.SelectApplication(ctx, appA); err != nil {
			return err
		}
		return card.Authenticate(ctx, 0, key.Zero(key.TypeAES))
	}
	std := func(no wire.FileNo) *wire.CreateStdDataFile {
		return &wire.CreateStdDataFile{File: no, Option: wire.OptionFull, Access: access(1, 2, wire.Never, 0), Size: 32}
	}
	for _, tc := range []struct {
		name string
		move func(card *desfire.Card) error
		want string
	}{
		{"a file", func(card *desfire.Card) error { return errors.Join(enter(card), card.CreateFile(ctx, std(3))) }, "file 3 of application F48121 is new"},
		{"the file that it makes", func(card *desfire.Card) error { return errors.Join(enter(card), card.CreateFile(ctx, std(4))) }, "file 4 of application F48121 is new"},
		{"no file", func(card *desfire.Card) error { return errors.Join(enter(card), card.DeleteFile(ctx, 1)) }, "file 1 of application F48121 is gone"},
		{"rights", func(card *desfire.Card) error {
			return errors.Join(enter(card), card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 1, Access: access(1, 1, 1, 1)}))
		}, "the settings of file 1 of application F48121 have changed"},
		{"settings", func(card *desfire.Card) error { return errors.Join(enter(card), card.ChangeKeySettings(ctx, 0x0D)) }, "keys, settings or names of application F48121 have changed"},
		{"a key", func(card *desfire.Card) error {
			return errors.Join(enter(card), card.ChangeKey(ctx, 2, theKey(t, key.TypeAES, wire.Place{AID: appA}, 2, 7), key.Zero(key.TypeAES)))
		}, "keys, settings or names of application F48121 have changed"},
		{"the card", func(card *desfire.Card) error {
			return errors.Join(card.SelectApplication(ctx, 0), card.Authenticate(ctx, 0, key.Zero(key.TypeDES)), card.ChangeKeySettings(ctx, 0x0B))
		}, "keys or settings of the card have changed"},
		{"an application", func(card *desfire.Card) error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: appB, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)})
		}, "application 121314 is new"},
	} {
		picc := newPICC(t, wire.EV2)
		apply(t, picc, base, nil)
		text := saved(t, picc, want, nil)
		if err := tc.move(connect(t, picc)); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var wrong *perso.WrongCardError
		err := readBound(t, text, want).Apply(ctx, connect(t, picc), nil)
		if !errors.As(err, &wrong) || wrong.Want != wrong.Is || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}

	picc := newPICC(t, wire.EV2)
	p, err := perso.ReadPlan(saved(t, picc, want, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(ctx, connect(t, picc), nil); err == nil {
		t.Error("applied without its layout")
	}
	var stale *perso.StaleError
	if err := p.Bind(want, "FFFF"+layoutHash[4:]); !errors.As(err, &stale) || stale.What != "layout" {
		t.Errorf("another layout: %v", err)
	}
	if err := p.Bind(want, layoutHash); err != nil {
		t.Fatal(err)
	}
	other, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 9, 9, 9, 9, 9, 9}})
	if err != nil {
		t.Fatal(err)
	}
	var wrong *perso.WrongCardError
	if err := p.Apply(ctx, connect(t, other), nil); !errors.As(err, &wrong) || wrong.Is != "04090909090909" {
		t.Errorf("another card: %v", err)
	}
}

// A process dies in the middle of a plan. Another goes on with what the first had
// saved before it began.
func TestSavedPlanGoesOn(t *testing.T) {
	ctx := context.Background()
	l := rich(wire.EV2)
	conf := func() *perso.Config {
		return &perso.Config{Want: keysFor(t, l, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
	}
	for at := 1; ; at += 11 {
		picc := newPICC(t, wire.EV2)
		c := conf()
		text := saved(t, picc, l, c)
		begun := false
		c.Save = func(p *perso.Plan) error {
			text, begun = encode(t, p), true
			return nil
		}
		air := &torn{Activation: picc.Present(), at: at, after: at%2 == 0}
		card, err := desfire.Connect(ctx, air, nil)
		if err == nil {
			err = readBound(t, text, l).Apply(ctx, card, c)
		}
		if err == nil && air.seen < at {
			break
		}
		picc.Lift()
		if err := picc.Return(); err != nil {
			t.Fatal(err)
		}
		p := readBound(t, text, l)
		if p.Begun() != begun {
			t.Fatalf("exchange %d: begun %v, saved as %v", at, begun, p.Begun())
		}
		c.Save = func(p *perso.Plan) error { text = encode(t, p); return nil }
		if err := p.Apply(ctx, connect(t, picc), c); err != nil {
			t.Fatalf("exchange %d: %v", at, err)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, c)
		mustBe(t, list, err)
		var stale *perso.StaleError
		if p, err := perso.ReadPlan(text); err != nil || !p.Done() || !errors.As(p.Bind(l, layoutHash), &stale) || stale.What != "done" {
			t.Errorf("exchange %d: it can be done twice: %v", at, err)
		}
	}

	// A begun plan does not cover what it has no step for.
	picc := newPICC(t, wire.EV2)
	c := conf()
	p := readBound(t, bytes.Replace(saved(t, picc, l, c), []byte(`"state": "new"`), []byte(`"state": "begun"`), 1), l)
	card := connect(t, picc)
	if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xABCDEF, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(ctx, connect(t, picc), c); !errors.As(err, new(*perso.WrongCardError)) || !strings.Contains(err.Error(), "application ABCDEF is new") {
		t.Errorf("%v", err)
	}

	// Nothing is done where the plan cannot be saved as begun.
	picc = newPICC(t, wire.EV2)
	before, full := imageText(picc), errors.New("the disk is full")
	c.Save = func(*perso.Plan) error { return full }
	if _, err := perso.Apply(ctx, connect(t, picc), l, c); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if imageText(picc) != before {
		t.Error("the card was changed")
	}
}

// The keys of a plan that was agreed to are the ones that are set.
func TestSavedPlanOtherKeys(t *testing.T) {
	picc := newPICC(t, wire.EV3)
	l := small(nil)
	conf := &perso.Config{Want: keysFor(t, l, 1), Journal: new(memJournal)}
	p := readBound(t, saved(t, picc, l, conf), l)
	conf.Want = keysFor(t, l, 2)
	if err := p.Apply(context.Background(), connect(t, picc), conf); !errors.As(err, new(*perso.WrongCardError)) || !strings.Contains(err.Error(), "it did not have to change key") {
		t.Errorf("%v", err)
	}
}

func TestReadPlanRefuses(t *testing.T) {
	l := small(nil)
	picc := newPICC(t, wire.EV3)
	text := string(saved(t, picc, l, nil))
	for name, bad := range map[string]string{
		"empty": "", "no JSON": "desfire: plan/v1", "a list": "[]", "cut": text[:len(text)/2], "twice": text + text,
		"another version":   strings.Replace(text, "plan/v1", "plan/v2", 1),
		"an unknown member": strings.Replace(text, `"product"`, `"produkt"`, 1),
		"a member twice":    strings.Replace(text, `"state": "new"`, `"state": "new", "state": "begun"`, 1),
		"a wrong type":      strings.Replace(text, `"state": "new"`, `"state": "no"`, 1),
		"no layout":         strings.Replace(text, layoutHash, "", 1),
		"another structure": strings.Replace(text, `"structure": "`, `"structure": "00`, 1),
		"a name":            strings.Replace(text, `"irreversible": []`, `"irreversible": ["everything"]`, 1),
		"no card":           strings.Replace(text, `"uid": "04010203040506"`, `"uid": ""`, 1),
		"less than nothing": strings.Replace(text, `"exchanges": `, `"exchanges": -`, 1),
	} {
		if bad == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := perso.ReadPlan([]byte(bad)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	p := plan(t, picc, l, nil)
	if _, err := p.Encode(); err == nil {
		t.Error("saved without a hash of the layout")
	}
}

// FuzzReadPlan reads plans of whatever is written in a file, and applies what it
// takes: the card becomes what the layout says, or stays as it is.
func FuzzReadPlan(f *testing.F) {
	l := small(nil)
	picc := newPICC(f, wire.EV2)
	text := saved(f, picc, l, nil)
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"state": "new"`), []byte(`"state": "begun"`), 1))
	f.Add([]byte(`{"desfire":"plan/v1"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := perso.ReadPlan(in)
		if err != nil || p.Bind(l, p.Layout) != nil {
			return
		}
		if _, err := p.Encode(); err != nil {
			t.Fatal(err)
		}
		picc := newPICC(t, wire.EV2)
		conf := &perso.Config{}
		p.Choose(conf)
		if err := p.Apply(context.Background(), connect(t, picc), conf); err != nil {
			return
		}
		list, err := perso.Verify(context.Background(), connect(t, picc), l, conf)
		mustBe(t, list, err)
	})
}

// Plans of whole cards, with options for ever and random identifiers, are gone on with
// from their files.
func TestSavedPlanWholeCards(t *testing.T) {
	ctx := context.Background()
	for _, c := range wholeCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			step := 23
			switch {
			case whole:
				step = 1
			case testing.Short():
				step = 61
			}
			for at, ended := 1, false; !ended; at += step {
				picc := newPICC(t, c.g)
				journal := new(memJournal)
				conf := func() *perso.Config {
					return &perso.Config{Want: c.keys, Journal: journal, Irreversible: perso.Irreversible()}
				}
				text := saved(t, picc, c.layout, conf())
				process := func(air *torn) error {
					p, err := perso.ReadPlan(text)
					if err != nil {
						return err
					}
					if p.Done() {
						return nil
					}
					if err := p.Bind(c.layout, layoutHash); err != nil {
						return err
					}
					card, err := desfire.Connect(ctx, air, nil)
					if err != nil {
						return err
					}
					conf := conf()
					conf.Save = func(p *perso.Plan) (err error) {
						text, err = p.Encode()
						return err
					}
					return p.Apply(ctx, card, conf)
				}
				air := &torn{Activation: picc.Present(), at: at, after: at%2 == 0}
				ended = process(air) == nil && air.seen < at
				picc.Lift()
				if err := picc.Return(); err != nil {
					t.Fatal(err)
				}
				if err := process(&torn{Activation: picc.Present()}); err != nil {
					t.Fatalf("torn at %d: %v", at, err)
				}
				list, err := perso.Verify(ctx, connect(t, picc), c.layout, conf())
				mustBe(t, list, err)
			}
		})
	}
}
