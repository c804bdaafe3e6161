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

// more is small with a second application and more files.
func more(value int32) *perso.Layout {
	return small(func(l *perso.Layout, a *perso.Application, f *perso.File) {
		purse := perso.File{No: 2, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), Upper: 1000}, Value: &value}
		a.Files = append(a.Files, purse, perso.File{No: 3, Settings: f.Settings, Data: []byte("old")})
		l.Applications = append(l.Applications, perso.Application{
			Place: wire.Place{AID: appB}, KeySettings: settingsPtr(wire.SettDefault), KeyType: wire.KeyAES, KeyCount: 3, Files: []perso.File{*f, purse},
			ISOID: 0x1234, DFName: []byte("perso"),
		})
	})
}

func words(p *perso.Plan) (list []string) {
	for _, s := range p.Steps {
		list = append(list, s.Words)
	}
	return list
}

func TestPrune(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		value int32
		want  *perso.Layout
		names []string
		steps []string
		held  []string // names
	}{
		{"not asked", 0, small(nil), []string{"-"}, nil, nil},
		{"empty", 0, small(nil), nil, []string{"delete file 2 of application F48121", "delete file 3 of application F48121", "delete application 121314 with its 2 files"}, nil},
		{"with money", 7, small(nil), nil, []string{"delete file 3 of application F48121"}, []string{"F48121/2", "121314/2"}},
		{"a file by name", 7, small(nil), []string{"F48121/2"}, []string{"delete file 2 of application F48121", "delete file 3 of application F48121"}, []string{"121314/2"}},
		{"all by name", 7, small(nil), []string{"F48121", "121314"}, []string{"delete file 2 of application F48121", "delete file 3 of application F48121", "delete application 121314 with its 2 files"}, nil},
		{"a name that is needed", 0, small(func(l *perso.Layout, a *perso.Application, f *perso.File) {
			l.Applications = append(l.Applications, perso.Application{
				Place: wire.Place{AID: 0xABCDEF}, KeySettings: a.KeySettings, KeyType: a.KeyType, KeyCount: 1, ISOID: 0x1234, DFName: []byte("perso"),
			})
		}), nil, []string{"delete application 121314 with its 2 files", "delete file 2 of application F48121", "delete file 3 of application F48121",
			"create application ABCDEF with 1 AES key, ISO identifier 1234, DF name 706572736F"}, nil},
	} {
		picc := newPICC(t, wire.EV2)
		apply(t, picc, more(tc.value), &perso.Config{Values: true})
		conf := &perso.Config{Prune: true, Irreversible: tc.names}
		if len(tc.names) > 0 && tc.names[0] == "-" {
			conf = &perso.Config{}
		}
		p := plan(t, picc, tc.want, conf)
		if got := words(p); !slices.Equal(got, tc.steps) {
			t.Errorf("%s: %q", tc.name, got)
		}
		var held []string
		for _, n := range p.Held {
			held = append(held, n.Name)
		}
		if !slices.Equal(held, tc.held) {
			t.Errorf("%s: held %v", tc.name, p.Held)
		}
		if len(p.Impossible) > 0 {
			t.Errorf("%s: %v", tc.name, p.Impossible)
		}
		if err := p.Apply(ctx, connect(t, picc), conf); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		list, err := perso.Verify(ctx, connect(t, picc), tc.want, conf)
		if err != nil || perso.Differs(list) != (len(tc.held) > 0) {
			t.Errorf("%s: %v, %v", tc.name, list, err)
		}
	}
}

// What nobody at hand may delete, and what cannot be known, is left.
func TestPruneLeaves(t *testing.T) {
	picc := newPICC(t, wire.EV2)
	theirs := more(0)
	theirs.Applications = theirs.Applications[1:]
	*theirs.Applications[0].KeySettings = 0x09 // listed with its master key only
	theirs.Card = &perso.Level{KeySettings: settingsPtr(0x0B)}
	keys := keysFor(t, theirs, 5)
	apply(t, picc, theirs, &perso.Config{Want: keys, Journal: new(memJournal)})

	p := plan(t, picc, &perso.Layout{}, &perso.Config{Prune: true})
	if len(p.Steps) > 0 || !has(p.Impossible, "application 121314: it is deleted with the PICC master key") || !has(p.Extra, "application 121314") {
		t.Errorf("without keys: %q, %v", words(p), p.Impossible)
	}
	master := keystore.Map{{}: keys[keystore.Ref{}]}
	p = plan(t, picc, &perso.Layout{}, &perso.Config{Prune: true, Have: master})
	if len(p.Steps) > 0 || !has(p.Held, "application 121314: its files are not known") || p.Held[0].Name != "121314" {
		t.Errorf("with the master key of the card: %q, %v", words(p), p.Held)
	}
	apply(t, picc, &perso.Layout{}, &perso.Config{Prune: true, Have: master, Irreversible: []string{"121314"}})
	if _, err := perso.NewPlan(context.Background(), connect(t, picc), small(nil), &perso.Config{Irreversible: []string{"randomuid"}}); !errors.As(err, new(*perso.NameError)) {
		t.Errorf("a name that is none: %v", err)
	}
	if p := plan(t, picc, &perso.Layout{}, nil); len(p.Extra) > 0 {
		t.Errorf("left: %v", p.Extra)
	}
}

// Money that came after the plan was made stops it.
func TestPruneValueMeanwhile(t *testing.T) {
	ctx := context.Background()
	for _, aid := range []wire.AID{appA, appB} {
		picc := newPICC(t, wire.EV2)
		apply(t, picc, more(0), nil)
		want := small(nil)
		if aid == appB {
			want = &perso.Layout{Applications: more(0).Applications[:1]}
		}
		conf := &perso.Config{Prune: true}
		air := &torn{Activation: picc.Present()}
		credit := func() error {
			card := connect(t, picc)
			err := errors.Join(card.SelectApplication(ctx, aid), card.Authenticate(ctx, 2, key.Zero(key.TypeAES)))
			if err != nil {
				return err
			}
			_, err = card.Transact(ctx, func() error { return card.Credit(ctx, 2, 5) })
			return err
		}
		conf.OnStep = func(s perso.Progress) {
			if s.N != 1 {
				return
			}
			if err := credit(); err != nil {
				t.Fatal(err)
			}
			air.Activation = picc.Present()
		}
		card, err := desfire.Connect(ctx, air, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = perso.Apply(ctx, card, want, conf)
		if !errors.As(err, new(*perso.WrongCardError)) || !strings.Contains(err.Error(), "may hold a value now") {
			t.Errorf("%v: %v", aid, err)
		}
		p := plan(t, picc, want, conf)
		if !has(p.Held, "the value 5 that it holds would be lost") {
			t.Errorf("%v: %v", aid, p.Held)
		}
	}
}

// A card that is lifted while it is pruned ends pruned, and its memory is not back.
func TestPruneTorn(t *testing.T) {
	ctx := context.Background()
	conf := &perso.Config{Prune: true}
	step := 1
	if testing.Short() {
		step = 4
	}
	for at := 1; ; at += step {
		picc := newPICC(t, wire.EV1)
		apply(t, picc, more(0), nil)
		air := &torn{Activation: picc.Present(), at: at, after: at%2 == 0}
		card, err := desfire.Connect(ctx, air, nil)
		if err == nil {
			_, err = perso.Apply(ctx, card, small(nil), conf)
		}
		if err == nil {
			if air.seen >= at {
				t.Fatal("nothing was torn")
			}
			break
		}
		picc.Lift()
		if err := picc.Return(); err != nil {
			t.Fatal(err)
		}
		if p := apply(t, picc, small(nil), conf); len(p.Impossible)+len(p.Held) > 0 {
			t.Fatal(p.Impossible, p.Held)
		}
		list, err := perso.Verify(ctx, connect(t, picc), small(nil), conf)
		mustBe(t, list, err)
		if p := plan(t, picc, small(nil), conf); len(p.Steps)+len(p.Extra) > 0 {
			t.Fatal(fmt.Sprint(at, words(p), p.Extra))
		}
	}
}

// Who lies about the files of an application does not get a purse deleted.
func TestPruneHiddenFile(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	theirs := more(7)
	theirs.Applications = theirs.Applications[1:]
	keys := keysFor(t, theirs, 5)
	apply(t, picc, theirs, &perso.Config{Want: keys, Journal: new(memJournal), Values: true})
	master := keystore.Map{}
	master[keystore.Ref{}] = keys[keystore.Ref{}]
	for name, have := range map[string]keystore.Map{"with the master key of the card": master, "with all keys": keys} {
		relay := &sim.Relay{}
		session := false
		relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
			const insFileIDs = 0x6F
			answer, err := x.Pass()
			switch x.INS {
			case insSelect:
				session = false
			case insEV2:
				session = true
			case insFileIDs:
				if !session { // file 2 is the purse
					return []byte{1, 0x91, 0x00}, nil
				}
			}
			return answer, err
		}
		card, err := desfire.Connect(ctx, relay.Present(picc), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := perso.NewPlan(ctx, card, &perso.Layout{}, &perso.Config{Prune: true, Have: have})
		if err != nil || len(p.Steps) > 0 || len(p.Held) == 0 {
			t.Errorf("%s: %q, held %v, %v", name, words(p), p.Held, err)
		}
	}
}

// A delegated application goes before another is made in its slot.
func TestPruneDelegated(t *testing.T) {
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		l, keys := delegating(t)
		picc := newPICC(t, g)
		conf := &perso.Config{Want: keys, Journal: new(memJournal)}
		apply(t, picc, l, conf)
		l.Applications[0].Place.AID = appB
		if p := plan(t, picc, l, conf); !has(p.Impossible, "slot 3 is in use by application F48121") {
			t.Errorf("%v: %q, %v", g, words(p), p.Impossible)
		}
		conf.Prune = true
		p := apply(t, picc, l, conf)
		if len(p.Impossible)+len(p.Held) > 0 || p.Bytes() != 0 || p.Steps[0].Kind != perso.DeleteApplication || !strings.HasPrefix(p.Steps[1].Words, "create application 121314") {
			t.Errorf("%v: %q, %v", g, words(p), p.Impossible)
		}
		list, err := perso.Verify(context.Background(), connect(t, picc), l, conf)
		mustBe(t, list, err)
	}
}
