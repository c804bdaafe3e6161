package perso_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// small is a layout of one application with one file, changed by edit.
func small(edit func(l *perso.Layout, a *perso.Application, f *perso.File)) *perso.Layout {
	l := &perso.Layout{Applications: []perso.Application{{
		Place: wire.Place{AID: appA}, KeySettings: settingsPtr(wire.SettDefault), KeyType: wire.KeyAES, KeyCount: 3,
		Files: []perso.File{{No: 1, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionFull, Access: access(1, 2, wire.Never, 0), Size: 32}, Data: []byte("hello")}},
	}}}
	if edit != nil {
		edit(l, &l.Applications[0], &l.Applications[0].Files[0])
	}
	return l
}

func apply(t *testing.T, picc *sim.Card, l *perso.Layout, conf *perso.Config) *perso.Plan {
	t.Helper()
	p, err := perso.Apply(context.Background(), connect(t, picc), l, conf)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plan(t *testing.T, picc *sim.Card, l *perso.Layout, conf *perso.Config) *perso.Plan {
	t.Helper()
	p, err := perso.NewPlan(context.Background(), connect(t, picc), l, conf)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func has(notes []perso.Note, text string) bool {
	for _, n := range notes {
		if strings.Contains(n.String(), text) {
			return true
		}
	}
	return false
}

func TestImpossible(t *testing.T) {
	type edit = func(l *perso.Layout, a *perso.Application, f *perso.File)
	aes := func(k *key.Secret) keystore.Given { return keystore.Given{Key: k} }
	place := wire.Place{AID: appA}
	for _, tc := range []struct {
		name  string
		g     wire.Generation
		first edit // what is on the card; nil: nothing
		keys  keystore.Map
		then  edit
		want  string
	}{
		{"size", wire.EV3, func(*perso.Layout, *perso.Application, *perso.File) {}, nil,
			func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Size = 64 },
			"file 1 of application F48121: size is 32 instead of 64"},
		{"type", wire.EV3, func(*perso.Layout, *perso.Application, *perso.File) {}, nil,
			func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Type = wire.FileBackup },
			"type is standard instead of backup"},
		{"keys of another type", wire.EV3, func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeyType = wire.KeyDES }, nil, nil,
			"it has 3 DES/2K3DES keys, and should have 3 AES keys"},
		{"more keys", wire.EV2, func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeyCount = 4 }, nil, nil,
			"it has 4 AES keys, and should have 3"},
		{"names", wire.EV3, func(*perso.Layout, *perso.Application, *perso.File) {}, nil,
			func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.ISOID = 0x1122 },
			"its ISO identifier is 0000, and should be 1122"},
		{"frozen settings of a file", wire.EV1, func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Access.Change = wire.Never }, nil, nil,
			"and its settings can never be changed"},
		{"frozen settings of an application", wire.EV1,
			func(_ *perso.Layout, a *perso.Application, _ *perso.File) { *a.KeySettings = 0x07 },
			keystore.Map{
				{Place: place, Key: keystore.Number(0)}: aes(theKey(t, key.TypeAES, place, 0, 3)),
				{Place: place, Key: keystore.Number(1)}: aes(theKey(t, key.TypeAES, place, 1, 3)),
				{Place: place, Key: keystore.Number(2)}: aes(theKey(t, key.TypeAES, place, 2, 3)),
			}, nil, "its key settings can never be changed"},
		{"freezing keys that everybody knows", wire.EV3, nil, nil,
			func(_ *perso.Layout, a *perso.Application, _ *perso.File) { *a.KeySettings = 0x0E },
			"would freeze keys that everybody knows (keys 0, 1, 2)"},
		{"transaction MAC on EV1", wire.EV1, nil, nil, tmacFile, "a card of type EV1 has no transaction MAC"},
		{"transaction MAC without its key", wire.EV3, nil, nil, tmacFile, "the key store has no key for it: 04010203040506/F48121/tmac"},
		{"a second transaction MAC", wire.EV3, tmacFile, keystore.Map{{Place: place, Key: keystore.RoleTransactionMAC.ID()}: aes(theKey(t, key.TypeAES, place, 9, 0))},
			func(_ *perso.Layout, a *perso.Application, f *perso.File) { tmacFile(nil, a, f); f.No = 2 },
			"the application has a transaction MAC file, number 1"},
		{"further rights on EV1", wire.EV1, nil, nil, func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Settings.Additional = []wire.AccessRights{access(2, 2, 2, 2)}
		}, "a card of type EV1 has no additional access rights"},
		{"dynamic messages on EV2", wire.EV2, nil, nil, func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Option |= wire.OptionSDM },
			"a card of type EV2 has no file counters and SDM"},
		{"AES on D40", wire.D40, nil, nil, nil, "a card of type D40 has no EV1 authentication"},
		{"ISO names on D40", wire.D40, nil, nil, func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeyType, a.ISOID = wire.KeyDES, 0x1234 },
			"a card of type D40 has no ISO file identifiers"},
		{"file number on D40", wire.D40, nil, nil, func(_ *perso.Layout, a *perso.Application, f *perso.File) { a.KeyType, f.No = wire.KeyDES, 16 },
			"a card of type D40 has files 0 to 15"},
		{"key sets on EV1", wire.EV1, nil, nil, func(_ *perso.Layout, a *perso.Application, _ *perso.File) {
			a.KeySets = &wire.KeySetConfig{NoKeySets: 2, MaxKeySize: 16}
		}, "a card of type EV1 has no key sets"},
		{"application on NTAG 424 DNA", wire.NTAG424, nil, nil, nil, "has one application, which has no AID"},
		{"file on NTAG 424 DNA", wire.NTAG424, nil, nil, func(_ *perso.Layout, a *perso.Application, f *perso.File) {
			a.Place, a.KeyCount, a.KeySettings, f.No = wire.Place{Fixed: true}, 5, nil, 9
		}, "a card of type NTAG424 takes no files"},
		{"another generation", wire.EV1, nil, nil, func(l *perso.Layout, _ *perso.Application, _ *perso.File) {
			l.Generations = []wire.Generation{wire.EV2, wire.EV3}
		}, "it is for EV2, EV3, and this is EV1"},
		{"memory", wire.EV3, nil, nil, func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Size = 8192 },
			"not enough memory: it takes about 8192 bytes, 8064 are free"},
		{"a wrong type of key in the store", wire.EV3, nil, keystore.Map{{Place: place, Key: keystore.Number(1)}: aes(theKey(t, key.Type3K3DES, place, 1, 3))}, nil,
			"the key store has a key of type 3K3DES for it, the application has keys of type AES"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			picc := newPICC(t, tc.g)
			conf := &perso.Config{Want: tc.keys, Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
			if tc.keys == nil {
				conf.Want = nil
			}
			if tc.first != nil {
				apply(t, picc, small(tc.first), conf)
			}
			p := plan(t, picc, small(tc.then), conf)
			if len(p.Impossible) != 1 || !has(p.Impossible, tc.want) {
				t.Errorf("impossible: %q, want one with %q", p.Impossible, tc.want)
			}
			// What can be done is done, and what is left stays impossible.
			if p = apply(t, picc, small(tc.then), conf); !has(p.Impossible, tc.want) {
				t.Errorf("impossible: %q", p.Impossible)
			}
			p = plan(t, picc, small(tc.then), conf)
			if len(p.Steps) > 0 || !has(p.Impossible, tc.want[:min(len(tc.want), 20)]) {
				t.Errorf("afterwards: steps %v, impossible %q", p.Steps, p.Impossible)
			}
		})
	}
}

func tmacFile(_ *perso.Layout, _ *perso.Application, f *perso.File) {
	f.Data = nil
	f.Settings = wire.FileSettings{Type: wire.FileTransactionMAC, Access: access(1, wire.Never, wire.Never, 0), TMKeyOption: wire.TMKeyAES}
}

// A card that fills up while it is made: what fits is made.
func TestFullCard(t *testing.T) {
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, Storage: 2048})
	if err != nil {
		t.Fatal(err)
	}
	l := small(func(_ *perso.Layout, a *perso.Application, f *perso.File) {
		for no := wire.FileNo(2); no < 10; no++ {
			g := *f
			g.No, g.Settings.Size = no, 512
			a.Files = append(a.Files, g)
		}
	})
	p := apply(t, picc, l, nil)
	if len(p.Impossible) != 4 || !has(p.Impossible, "file 6 of application F48121: not enough memory") {
		t.Errorf("impossible: %q", p.Impossible)
	}
	if p = plan(t, picc, l, nil); len(p.Steps) > 0 {
		t.Errorf("steps: %v", p.Steps)
	}
}

// What the plan says that it takes is what it takes.
func TestBytesAndExchanges(t *testing.T) {
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		l := rich(g)
		picc := newPICC(t, g)
		air := &torn{Activation: picc.Present()}
		conf := &perso.Config{Want: keysFor(t, l, 1), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		p := plan(t, picc, l, conf)
		air.seen = 0
		free := func() int {
			n, err := connect(t, picc).FreeMemory(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		before := free()
		apply(t, picc, l, conf)
		if took := before - free(); took != p.Bytes() {
			t.Errorf("%v: the plan says %d bytes, it took %d", g, p.Bytes(), took)
		}
		if n := p.Exchanges(); n < 120 || n > 300 {
			t.Errorf("%v: about %d exchanges", g, n)
		}
	}
}

func TestWrongCard(t *testing.T) {
	ctx := context.Background()
	first, l := newPICC(t, wire.EV3), small(nil)
	second, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 9, 9, 9, 9, 9, 9}})
	if err != nil {
		t.Fatal(err)
	}
	p := plan(t, first, l, nil)
	var wrong *perso.WrongCardError
	if err := p.Apply(ctx, connect(t, second), nil); !errors.As(err, &wrong) || wrong.Is != "04090909090909" {
		t.Errorf("another card: %v", err)
	}
	// Somebody else has made an application meanwhile.
	if err := connect(t, first).CreateApplication(ctx, &wire.CreateApplication{AID: 1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(ctx, connect(t, first), nil); !errors.As(err, &wrong) || wrong.Is != wrong.Want {
		t.Errorf("another structure: %v", err)
	}
	for _, picc := range []*sim.Card{first, second} {
		if err := connect(t, picc).SelectApplication(ctx, appA); !errors.Is(err, wire.StatusApplicationNotFound) {
			t.Errorf("it was touched: %v", err)
		}
	}
	p = plan(t, first, l, nil)
	if err := p.Apply(ctx, connect(t, first), nil); err != nil {
		t.Error(err)
	}
	if !has(p.Extra, "application 000001: it is not in the layout (0 files)") {
		t.Errorf("extra: %q", p.Extra)
	}
}

// Without Values neither money nor entries exist twice.
func TestValues(t *testing.T) {
	l := rich(wire.EV3)
	picc := newPICC(t, wire.EV3)
	conf := &perso.Config{Want: keysFor(t, l, 1), Journal: new(memJournal), Irreversible: perso.Irreversible()}
	p := apply(t, picc, l, conf)
	for _, want := range []string{"its value 123 is not restored", "its 2 records are not restored"} {
		if !has(p.Warnings, want) {
			t.Errorf("no warning %q in %q", want, p.Warnings)
		}
	}
	got, _ := perso.FromCard(readAll(t, picc, conf.Want))
	files := got.Applications[0].Files
	if v := *files[3].Value; v != 0 {
		t.Errorf("value %d", v)
	}
	if len(files[4].Records)+len(files[5].Records) > 0 {
		t.Errorf("records %v %v", files[4].Records, files[5].Records)
	}
	if p = plan(t, picc, l, conf); len(p.Steps) > 0 {
		t.Errorf("steps: %v", p.Steps)
	}
	list, err := perso.Verify(context.Background(), connect(t, picc), l, conf)
	mustBe(t, list, err)
	conf.Values = true
	if list, _ = perso.Verify(context.Background(), connect(t, picc), l, conf); !perso.Differs(list) {
		t.Error("with Values nothing differs")
	}
	apply(t, picc, l, conf)
	list, err = perso.Verify(context.Background(), connect(t, picc), l, conf)
	mustBe(t, list, err)
}

func TestDefaultKeys(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	p := apply(t, picc, small(nil), nil)
	if !has(p.Warnings, "application F48121: keys 0, 1, 2 stay as cards are delivered with them") {
		t.Errorf("warnings: %q", p.Warnings)
	}
	// One key of the store, and two that stay.
	place := wire.Place{AID: appA}
	want := keystore.Map{{Place: place, Key: keystore.Number(1)}: {Key: theKey(t, key.TypeAES, place, 1, 4)}}
	conf := &perso.Config{Want: want}
	if _, err := perso.Apply(ctx, connect(t, picc), small(nil), conf); err == nil || !strings.Contains(err.Error(), "there is no journal") {
		t.Errorf("without a journal: %v", err)
	}
	conf.Journal = new(memJournal)
	if p = apply(t, picc, small(nil), conf); !has(p.Warnings, "keys 0, 2 stay") || len(p.Steps) != 1 {
		t.Errorf("steps %v, warnings: %q", p.Steps, p.Warnings)
	}
	list, err := perso.Verify(ctx, connect(t, picc), small(nil), conf)
	mustBe(t, list, err)
}

// A card that gives new applications a key of the issuer's, has a master key of
// his, and shows a random identifier.
func TestIssuersCard(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV2)
	card := connect(t, picc)
	master, initial := theKey(t, key.TypeDES, wire.Place{}, 1, 7), theKey(t, key.TypeAES, wire.Place{}, 2, 0x55)
	def := make([]byte, wire.DefaultKeySize)
	copy(def, initial.Export())
	for _, err := range []error{
		card.SelectApplication(ctx, wire.PICC),
		card.Authenticate(ctx, 0, key.Zero(key.TypeDES)),
		card.SetConfiguration(ctx, &wire.DefaultKey{Key: wire.NewSecret(def), Version: 0x55}),
		card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}),
		card.ChangeKeySettings(ctx, 0x09),
		card.ChangeKey(ctx, 0, master, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l := small(nil)
	if _, err := perso.NewPlan(ctx, connect(t, picc), l, nil); !errors.As(err, new(*perso.KeyError)) {
		t.Errorf("without its key: %v", err)
	}
	conf := &perso.Config{Journal: new(memJournal), Have: keystore.Map{
		{}:                               {Key: master, Source: "master"},
		{Key: keystore.RoleDefault.ID()}: {Key: initial, Source: "default"},
	}}
	p := apply(t, picc, l, conf)
	if len(p.Impossible) > 0 || has(p.Warnings, "everybody knows") || string(p.UID) != string(picc.UID()) {
		t.Errorf("uid %X, impossible %q, warnings %q", p.UID, p.Impossible, p.Warnings)
	}
	list, err := perso.Verify(ctx, connect(t, picc), l, conf)
	mustBe(t, list, err)
	if p = plan(t, picc, l, conf); len(p.Steps) > 0 {
		t.Errorf("steps %v", p.Steps)
	}
}

// The PICC master key becomes one of another type, which only some sessions can
// change, and the settings of the card are frozen under it.
func TestMasterKey(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		picc := newPICC(t, g)
		l := &perso.Layout{Card: &perso.Level{KeySettings: settingsPtr(0x03)}}
		if p := plan(t, picc, l, nil); len(p.Steps) > 0 || !has(p.Impossible, "would freeze keys that everybody knows (key 0)") {
			t.Errorf("%v: without a key: steps %v, impossible %q", g, p.Steps, p.Impossible)
		}
		conf := &perso.Config{Journal: new(memJournal), Irreversible: perso.Irreversible(), Want: keystore.Map{{}: {Key: theKey(t, key.TypeAES, wire.Place{}, 1, 0x42)}}}
		p := apply(t, picc, l, conf)
		if len(p.Steps) != 2 || p.Steps[1].Forever == "" {
			t.Errorf("%v: steps %v", g, p.Steps)
		}
		list, err := perso.Verify(ctx, connect(t, picc), l, conf)
		mustBe(t, list, err)
		l.Card.KeySettings = settingsPtr(0x0F)
		if p := plan(t, picc, l, conf); len(p.Steps) > 0 || !has(p.Impossible, "the card: its key settings can never be changed") {
			t.Errorf("%v: frozen: steps %v, impossible %q", g, p.Steps, p.Impossible)
		}
	}
}

// Keys of an application that somebody else made, and that nobody has: nothing of
// it is touched, and what is free is done.
func TestForeignApplication(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	theirs := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Access.Read = wire.Free })
	apply(t, picc, theirs, &perso.Config{Want: keysFor(t, theirs, 9), Journal: new(memJournal)})
	ours := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
		f.Data = []byte("other")
	})
	conf := &perso.Config{Want: keysFor(t, ours, 0x20), Journal: new(memJournal)}
	p := apply(t, picc, ours, conf)
	if len(p.Steps) > 0 {
		t.Errorf("steps %v", p.Steps)
	}
	for _, want := range []string{"key 0 of application F48121: which key the card holds is not known", "file 1 of application F48121: no key that may write it is at hand"} {
		if !has(p.Impossible, want) {
			t.Errorf("no %q in %q", want, p.Impossible)
		}
	}
	list, err := perso.Verify(ctx, connect(t, picc), theirs, &perso.Config{Want: keysFor(t, theirs, 9)})
	mustBe(t, list, err)
}

// Rights may name keys that an application does not have, and so may its settings
// for the key that changes the others.
func TestAbsentKeys(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	l := small(func(_ *perso.Layout, a *perso.Application, f *perso.File) {
		f.Settings.Access = access(1, 9, 11, 12)
		*a.KeySettings = 0x5F
	})
	conf := &perso.Config{Want: keysFor(t, l, 3), Journal: new(memJournal), Irreversible: []string{perso.FrozenKeys}}
	p := apply(t, picc, l, conf)
	if len(p.Impossible) > 0 {
		t.Errorf("impossible %q", p.Impossible)
	}
	list, err := perso.Verify(ctx, connect(t, picc), l, conf)
	mustBe(t, list, err)
	l.Applications[0].Files[0].Data = []byte("other")
	if p := apply(t, picc, l, conf); len(p.Steps) > 0 || !has(p.Impossible, "no key that may write it is at hand") {
		t.Errorf("steps %v, impossible %q", p.Steps, p.Impossible)
	}
}
