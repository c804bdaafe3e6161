package perso_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// namedOption is an option by name and text.
func namedOption(t testing.TB, name, text string) perso.Option {
	t.Helper()
	for _, o := range perso.Options() {
		if o.Name != name {
			continue
		}
		if o.Read == nil {
			return perso.Option{Name: name}
		}
		s, err := o.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return perso.Option{Name: name, Setting: s}
	}
	t.Fatal("no option", name)
	return perso.Option{}
}

var optionTexts = map[string]string{"ats": "067577810240", "sak": "2020", "atqa": "0344", "no-messaging": "d40", "failed-attempts": "900:9"}

// allOptions are those that a generation has.
func allOptions(t testing.TB, g wire.Generation) (list []perso.Option) {
	for _, o := range perso.Options() {
		// A virtual card is selected by a name that no option sets.
		if o.Has(g) && o.Name != "virtual-card-required" {
			list = append(list, namedOption(t, o.Name, optionTexts[o.Name]))
		} else if o.Name == "virtual-card-required" {
			list = append(list, namedOption(t, o.Name, "false"))
		}
	}
	return list
}

func forever(list []perso.Option) (names []string) {
	for _, o := range perso.Options() {
		if o.Forever && slices.ContainsFunc(list, func(x perso.Option) bool { return x.Name == o.Name }) {
			names = append(names, o.Name)
		}
	}
	return names
}

// issued is a layout with all options, keys of the card included, and its keys.
func issued(t testing.TB, g wire.Generation, l *perso.Layout) (*perso.Layout, keystore.Map) {
	if l.Card == nil {
		l.Card = &perso.Level{}
	}
	l.Card.Options = allOptions(t, g)
	keys := keysFor(t, l, 1)
	if g.FixedName() != nil {
		delete(keys, keystore.Ref{})
		return l, keys
	}
	master, err := key.NewAES([]byte("the master key.."), 1)
	if err != nil {
		t.Fatal(err)
	}
	keys[keystore.Ref{}] = keystore.Given{Key: master}
	def := theKey(t, key.FromWire(l.Applications[0].KeyType), wire.Place{}, 3, 4)
	keys[keystore.Ref{Key: keystore.RoleDefault.ID()}] = keystore.Given{Key: def}
	if g.Has(wire.FeatureProximity) {
		for i, no := range special {
			l.Card.Keys = append(l.Card.Keys, perso.KeyWant{No: no})
			keys[keystore.Ref{Key: keystore.Number(no)}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 5+i, 6)}
		}
	}
	return l, keys
}

var special = []wire.KeyNo{wire.KeyDAMAuth, wire.KeyDAMMAC, wire.KeyDAMEnc, wire.KeyVCConfig, wire.KeyVCProximity, wire.KeyVCSelectMAC, wire.KeyVCSelectEnc}

var withOptions = []wire.Generation{wire.EV1, wire.EV2, wire.EV3, wire.Light, wire.NTAG424}

// flagsOf are the switches that a card has.
func flagsOf(picc *sim.Card) string {
	i := picc.Image()
	failed := ""
	if f := i.Config.FailedAuth; f != nil {
		failed = fmt.Sprintf("%+v", *f)
	}
	i.Config.FailedAuth = nil
	return fmt.Sprintf("%+v %s %+v", i.Config, failed, i.DefaultKey)
}

// Every option is set, in the right order, only what was asked for that can never be
// undone, and a card that has them shows what it can of it.
func TestOptionsApplied(t *testing.T) {
	ctx := context.Background()
	for _, g := range withOptions {
		t.Run(g.String(), func(t *testing.T) {
			l, keys := issued(t, g, rich(g))
			picc := newPICC(t, g)
			conf := &perso.Config{Want: keys, Journal: new(memJournal), Values: true, Irreversible: []string{perso.FrozenFiles, perso.FrozenKeys, perso.FrozenMasterKey, perso.FrozenSettings}}
			p := apply(t, picc, l, conf)
			held := forever(l.Card.Options)
			for _, n := range p.Impossible {
				t.Error(n)
			}
			for _, n := range p.Held {
				held = slices.DeleteFunc(held, func(name string) bool { return name == n.Name })
			}
			if len(held) > 0 || connect(t, picc).UID() == nil {
				t.Fatalf("not held: %v", held)
			}
			conf.Irreversible = append(conf.Irreversible, forever(l.Card.Options)...)
			p = plan(t, picc, l, conf)
			var kinds []string
			for _, s := range p.Steps {
				kinds = append(kinds, string(s.Kind)+" "+s.Name)
			}
			last := kinds[len(kinds)-1]
			if verify := slices.Index(kinds, "verify "); last != "set option random-uid" || verify < 0 || !after(kinds, verify, forever(l.Card.Options)) {
				t.Errorf("order: %s", strings.Join(kinds, ", "))
			}
			if err := p.Apply(ctx, connect(t, picc), conf); err != nil {
				t.Fatal(err)
			}
			picc.Lift()
			if err := picc.Return(); err != nil {
				t.Fatal(err)
			}
			if connect(t, picc).UID() != nil {
				t.Error("it shows its identifier")
			}
			before := flagsOf(picc)
			list, err := perso.Verify(ctx, connect(t, picc), l, conf)
			if err != nil || perso.Differs(list) {
				t.Errorf("%v, %v", list, err)
			}
			again := plan(t, picc, l, conf)
			for _, s := range again.Steps {
				if s.Kind != perso.SetOption && s.Kind != perso.VerifyAll || s.Name == "random-uid" || s.Name == "lrp" {
					t.Errorf("again: %s", s.Words)
				}
			}
			if err := again.Apply(ctx, connect(t, picc), conf); err != nil || flagsOf(picc) != before {
				t.Errorf("again: %v\n%s\n%s", err, before, flagsOf(picc))
			}
			checkConfiguration(t, picc, g)
		})
	}
}

// after reports whether all options of names are set after a step.
func after(kinds []string, at int, names []string) bool {
	for _, name := range names {
		if i := slices.Index(kinds, "set option "+name); i >= 0 && i < at {
			return false
		}
	}
	return true
}

// checkConfiguration compares what the card holds, which no reader is told.
func checkConfiguration(t *testing.T, picc *sim.Card, g wire.Generation) {
	t.Helper()
	c := picc.Image().Config
	want := map[wire.Generation]wire.PICCFlags{
		wire.EV1: wire.PICCRandomID | wire.PICCNoFormat, wire.EV2: wire.PICCRandomID | wire.PICCNoFormat | wire.PICCProximity,
		wire.EV3:   wire.PICCRandomID | wire.PICCNoFormat | wire.PICCProximity | wire.PICCLegacyRandomID,
		wire.Light: wire.PICCRandomID, wire.NTAG424: wire.PICCRandomID,
	}[g]
	if len(c.Flags) != 1 || wire.PICCFlags(c.Flags[0]) != want {
		t.Errorf("switches %X, want %v", []byte(c.Flags), want)
	}
	if g != wire.EV1 && (len(c.SecureMessaging) != 1 || c.SecureMessaging[0] != byte(wire.NoD40)) {
		t.Errorf("messaging %X", []byte(c.SecureMessaging))
	}
	if g == wire.EV3 && string(c.ATQA) != "\x03\x44" {
		t.Errorf("%+v", c)
	}
}

// Torn in every exchange, with everything asked for that can never be undone.
func TestOptionsTorn(t *testing.T) {
	ctx := context.Background()
	for _, g := range withOptions {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			l := &perso.Layout{Applications: []perso.Application{{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: wire.FixedKeys}}}
			if g.FixedName() == nil {
				l = small(func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeyCount = 2; a.Files = nil })
			}
			l, keys := issued(t, g, l)
			conf := func() *perso.Config {
				return &perso.Config{Want: keys, Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
			}
			// What comes before is torn elsewhere.
			image := func() []byte {
				picc := newPICC(t, g)
				plain := *l
				plain.Card = nil
				apply(t, picc, &plain, conf())
				return picc.Image().Encode()
			}()
			ready := func() *sim.Card {
				store := sim.Memory()
				if err := store.Save(image); err != nil {
					t.Fatal(err)
				}
				picc, err := sim.New(&sim.Config{Store: store})
				if err != nil {
					t.Fatal(err)
				}
				return picc
			}
			whole := ready()
			air := &torn{Activation: whole.Present()}
			card, err := desfire.Connect(ctx, air, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := perso.Apply(ctx, card, l, conf()); err != nil {
				t.Fatal(err)
			}
			want := flagsOf(whole)
			every := 2
			if g.Has(wire.FeatureProximity) {
				every = 7
			}
			if testing.Short() {
				every = 9
			}
			for at := 1; at <= air.seen; at += every {
				for _, after := range []bool{false, true} {
					picc, conf := ready(), conf()
					x := &torn{Activation: picc.Present(), at: at, after: after, back: at%3 == 0}
					card, err := desfire.Connect(ctx, x, nil)
					if err == nil {
						_, err = perso.Apply(ctx, card, l, conf)
					}
					if err == nil && !x.back {
						continue // the last exchange told nothing that matters
					}
					picc.Lift()
					if err := picc.Return(); err != nil {
						t.Fatal(err)
					}
					if _, err := perso.Apply(ctx, connect(t, picc), l, conf); err != nil {
						t.Fatalf("exchange %d of %d, after %t: %v", at, air.seen, after, err)
					}
					list, err := perso.Verify(ctx, connect(t, picc), l, conf)
					if err != nil || perso.Differs(list) || flagsOf(picc) != want {
						t.Fatalf("exchange %d of %d, after %t: %v %v\n%s\nwant\n%s", at, air.seen, after, err, list, flagsOf(picc), want)
					}
					if open := conf.Journal.(*memJournal).open(); len(open) > 0 {
						t.Fatalf("exchange %d, after %t: the journal left open: %v", at, after, open)
					}
				}
			}
		})
	}
}

// What can never be undone is not done to a card that is not what it should be.
func TestOptionsOnlyAfterComparison(t *testing.T) {
	l := small(nil)
	l.Card = &perso.Level{Options: []perso.Option{namedOption(t, "random-uid", "")}}
	picc := newPICC(t, wire.EV1)
	conf := &perso.Config{Irreversible: []string{"random-uid"}}
	apply(t, picc, small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Size = 64 }), nil)
	_, err := perso.Apply(context.Background(), connect(t, picc), l, conf)
	var differs *perso.DiffersError
	if !errors.As(err, &differs) || !strings.Contains(err.Error(), "size is 64 instead of 32") || connect(t, picc).UID() == nil {
		t.Error(err)
	}
}

func TestOptionsImpossible(t *testing.T) {
	des := keystore.Map{{}: keystore.Given{Key: theKey(t, key.Type3K3DES, wire.Place{}, 1, 1)}}
	for _, tc := range []struct {
		g     wire.Generation
		names []string // name, text, ...
		keys  keystore.Store
		want  string
	}{
		{wire.EV2, []string{"random-uid", ""}, nil, "random-uid: a card takes it together with proximity-required, virtual-card-required, and tells none of them"},
		{wire.EV3, []string{"proximity-required", "true", "virtual-card-required", "false"}, nil, "legacy-random-uid, and tells none"},
		{wire.EV2, []string{"atqa", "0344"}, nil, "a card of type EV2 has no setting atqa"},
		{wire.D40, []string{"ats", "067577810280"}, nil, "a card of type D40 has no setting ats"},
		{wire.EV1, []string{"default-key", ""}, nil, "default-key: the key store has none"},
		{wire.EV3, []string{"no-messaging", "ev1"}, des, "every way to authenticate with it would be refused"},
	} {
		l := &perso.Layout{Card: &perso.Level{}}
		for i := 0; i < len(tc.names); i += 2 {
			l.Card.Options = append(l.Card.Options, namedOption(t, tc.names[i], tc.names[i+1]))
		}
		p := plan(t, newPICC(t, tc.g), l, &perso.Config{Irreversible: perso.Irreversible(), Want: tc.keys, Journal: new(memJournal)})
		if !has(p.Impossible, tc.want) {
			t.Errorf("%v %v: %v, want %q", tc.g, tc.names, p.Impossible, tc.want)
		}
		for _, s := range p.Steps {
			if s.Kind == perso.SetOption {
				t.Errorf("%v %v: %s", tc.g, tc.names, s.Words)
			}
		}
	}
	// What is off on a card that does not have it is so already.
	l := &perso.Layout{Card: &perso.Level{Options: []perso.Option{namedOption(t, "legacy-random-uid", "false")}}}
	if p := plan(t, newPICC(t, wire.EV2), l, nil); len(p.Steps)+len(p.Impossible) > 0 || !has(p.Keep, "legacy-random-uid: off") {
		t.Errorf("%+v", p)
	}
}

// perUID derives every key from the identifier of the card.
type perUID struct{ keystore.Map }

func (s perUID) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if _, ok, _ := s.Has(ctx, r); ok && r.UID == "" {
		return nil, keystore.ErrNoUID
	}
	return s.Map.Key(ctx, r)
}

// A card whose keys are all made of its identifier must not hide it.
func TestRandomUIDThatNobodyFinds(t *testing.T) {
	l, keys := issued(t, wire.EV1, rich(wire.EV1))
	picc := newPICC(t, wire.EV1)
	conf := &perso.Config{Want: perUID{keys}, Journal: new(memJournal), Irreversible: perso.Irreversible()}
	p := apply(t, picc, l, conf)
	if !has(p.Impossible, "every key of the card is made of its identifier") || connect(t, picc).UID() == nil {
		t.Error(p.Impossible)
	}
	// One that is the same on all cards is enough.
	conf.Want = keystore.Chain{keystore.Map{{Place: wire.Place{AID: appA}, Key: keystore.Number(1)}: keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(1)}]}, perUID{keys}}
	apply(t, picc, l, conf)
	if connect(t, picc).UID() != nil {
		t.Error("it shows its identifier")
	}
	if p := plan(t, picc, l, conf); string(p.UID) != string(picc.UID()) {
		t.Errorf("%X", p.UID)
	}
}

func TestOptionsCheck(t *testing.T) {
	for _, tc := range []struct {
		options []perso.Option
		want    string
	}{
		{[]perso.Option{{Name: "shine"}}, "there is none of that name"},
		{[]perso.Option{{Name: "ats"}}, "its setting is missing"},
		{[]perso.Option{{Name: "ats", Setting: &wire.SAK{}}}, "its setting is missing, or another option's"},
		{[]perso.Option{{Name: "random-uid", Setting: &wire.PICCConfig{Flags: wire.PICCNoFormat}}}, "that of other switches"},
		{[]perso.Option{{Name: "random-uid", Setting: &wire.PICCConfig{}}}, "for ever"},
		{[]perso.Option{{Name: "default-key", Setting: &wire.DefaultKey{}}}, "not of the layout"},
		{[]perso.Option{namedOption(t, "sak", "2020"), namedOption(t, "sak", "2020")}, "stands there twice"},
	} {
		err := (&perso.Layout{Card: &perso.Level{Options: tc.options}}).Check()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.options, err, tc.want)
		}
	}
}
