package perso_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// everything is a layout in which every field says something, and its keys.
func everything(t testing.TB) (*perso.Layout, keystore.Map) {
	l := rich(wire.EV3)
	l.Card.Keys = []perso.KeyWant{{No: 0}, {No: wire.KeyVCConfig}, {No: wire.KeyDAMAuth}, {No: wire.KeyDAMMAC}, {No: wire.KeyDAMEnc}}
	l.Card.Options = []perso.Option{namedOption(t, "sak", "2020"), namedOption(t, "failed-attempts", "off")}
	a := &l.Applications[0]
	a.KeySett3 |= wire.SettVCKeys
	a.VCKeys = []perso.KeyWant{{No: wire.KeyVCProximity}}
	a.Sets = []perso.KeySetWant{{Set: 1, Version: 3, Type: key.TypeAES}}
	d := *a
	d.Place, d.KeySett3, d.VCKeys, d.Sets, d.KeySets = wire.Place{AID: 0xF70001}, 0, nil, nil, nil
	d.Delegated = &perso.Delegation{Slot: 1, Quota: 40}
	d.Files = []perso.File{{No: 1, Settings: a.Files[0].Settings, FirstData: []byte("first")}}
	l.Applications = append(l.Applications, d)
	keys := keysFor(t, l, 1)
	for no := range 5 {
		keys[keystore.Ref{Place: a.Place, Key: keystore.InSet(1, wire.KeyNo(no))}] = keystore.Given{Key: theKey(t, key.TypeAES, a.Place, no, 3)}
	}
	master, err := key.NewAES([]byte("the master key.."), 1)
	if err != nil {
		t.Fatal(err)
	}
	keys[keystore.Ref{}] = keystore.Given{Key: master}
	for i, no := range special {
		keys[keystore.Ref{Key: keystore.Number(no)}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 5+i, 6)}
	}
	keys[keystore.Ref{Place: a.Place, Key: keystore.RoleProximity.ID()}] = keystore.Given{Key: theKey(t, key.TypeAES, a.Place, 3, 6)}
	return l, keys
}

// becomes is all that comes of a layout: that it is refused, what is planned, and what
// the card is then.
func becomes(t *testing.T, l *perso.Layout, keys keystore.Map) string {
	t.Helper()
	if err := l.Check(); err != nil {
		return err.Error()
	}
	picc := newPICC(t, wire.EV3)
	p, err := perso.Apply(context.Background(), connect(t, picc), l, &perso.Config{Want: keys, Journal: new(memJournal), Values: true, Irreversible: []string{perso.FrozenFiles, perso.FrozenKeys, perso.FrozenMasterKey, perso.FrozenSettings}})
	if err != nil {
		return err.Error()
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	i := picc.Image()
	for k := range i.Keys {
		i.Keys[k].Failures = nil
	}
	return string(text) + string(i.Encode())
}

// changed are one change for each field of a layout, each of which must change what
// becomes of it.
func changed() map[string]func(l *perso.Layout) {
	seven := byte(7)
	elsewhere := &keystore.Ref{Key: keystore.RoleProximity.ID()}
	app := func(edit func(a *perso.Application)) func(l *perso.Layout) {
		return func(l *perso.Layout) { edit(&l.Applications[0]) }
	}
	file := func(no int, edit func(f *perso.File)) func(l *perso.Layout) {
		return func(l *perso.Layout) { edit(&l.Applications[0].Files[no]) }
	}
	settings := func(no int, edit func(s *wire.FileSettings)) func(l *perso.Layout) {
		return file(no, func(f *perso.File) { edit(&f.Settings) })
	}
	delegated := func(edit func(d *perso.Delegation)) func(l *perso.Layout) {
		return func(l *perso.Layout) { edit(l.Applications[2].Delegated) }
	}
	set := func(edit func(s *perso.KeySetWant)) func(l *perso.Layout) {
		return app(func(a *perso.Application) { edit(&a.Sets[0]) })
	}
	return map[string]func(l *perso.Layout){
		"Layout.Generations":  func(l *perso.Layout) { l.Generations = []wire.Generation{wire.EV1} },
		"Layout.Card":         func(l *perso.Layout) { l.Card = nil },
		"Layout.Applications": func(l *perso.Layout) { l.Applications = l.Applications[:2] },

		"Level.KeySettings": func(l *perso.Layout) { *l.Card.KeySettings ^= wire.SettFreeCreate },
		"Level.Keys":        func(l *perso.Layout) { l.Card.Keys = append(l.Card.Keys, perso.KeyWant{No: wire.KeyVCSelectEnc}) },
		"Level.Options":     func(l *perso.Layout) { l.Card.Options = l.Card.Options[:1] },
		"Option.Name":       func(l *perso.Layout) { l.Card.Options[0].Name = "ats" },
		"Option.Setting":    func(l *perso.Layout) { l.Card.Options[0].Setting = &wire.SAK{SAK1: 1} },

		"Application.Place":       app(func(a *perso.Application) { a.Place.AID = 0x999999 }),
		"Application.ISOID":       app(func(a *perso.Application) { a.ISOID = 0x7777 }),
		"Application.DFName":      func(l *perso.Layout) { l.Applications[1].DFName = []byte("other") },
		"Application.KeySettings": app(func(a *perso.Application) { *a.KeySettings ^= wire.SettFreeDirectory }),
		"Application.KeyType":     app(func(a *perso.Application) { a.KeyType = wire.Key3K3DES }),
		"Application.KeyCount":    app(func(a *perso.Application) { a.KeyCount = 6 }),
		"Application.ISOFiles":    app(func(a *perso.Application) { a.ISOFiles = true }),
		"Application.KeySett3":    app(func(a *perso.Application) { a.KeySett3 |= wire.SettMasterDelete }),
		"Application.KeySets": app(func(a *perso.Application) {
			a.KeySets = &wire.KeySetConfig{AKSVersion: 2, NoKeySets: 2, MaxKeySize: 16}
		}),
		"Application.Keys":      app(func(a *perso.Application) { a.Keys = []perso.KeyWant{{No: 1, Version: &seven}} }),
		"Application.VCKeys":    app(func(a *perso.Application) { a.VCKeys = nil }),
		"Application.Sets":      app(func(a *perso.Application) { a.Sets = nil }),
		"Application.Delegated": func(l *perso.Layout) { l.Applications[2].Delegated = nil },
		"Application.Files":     app(func(a *perso.Application) { a.Files = a.Files[1:] }),

		"KeySetWant.Set":     set(func(s *perso.KeySetWant) { s.Set = 2 }),
		"KeySetWant.Version": set(func(s *perso.KeySetWant) { s.Version = 4 }),
		"KeySetWant.Type":    set(func(s *perso.KeySetWant) { s.Type = key.TypeDES }),
		"KeySetWant.Keys":    set(func(s *perso.KeySetWant) { s.Keys = []perso.KeyWant{{No: 2, Ref: elsewhere}} }),

		"Delegation.Slot":    delegated(func(d *perso.Delegation) { d.Slot = 2 }),
		"Delegation.Version": delegated(func(d *perso.Delegation) { d.Version = 2 }),
		"Delegation.Quota":   delegated(func(d *perso.Delegation) { d.Quota = 41 }),
		"Delegation.Signed":  delegated(func(d *perso.Delegation) { d.Signed = &wire.CreateDelegatedApplication{} }),

		"KeyWant.No":      func(l *perso.Layout) { l.Card.Keys[4].No = wire.KeyVCSelectMAC },
		"KeyWant.Version": func(l *perso.Layout) { l.Card.Keys[0].Version = &seven },
		"KeyWant.Ref":     func(l *perso.Layout) { l.Card.Keys[1].Ref = elsewhere },

		"File.No":        file(0, func(f *perso.File) { f.No = 12 }),
		"File.ISOID":     file(0, func(f *perso.File) { f.ISOID = 0x1234 }),
		"File.Settings":  file(0, func(f *perso.File) { f.Settings.Size = 90 }),
		"File.Data":      file(0, func(f *perso.File) { f.Data = []byte("other") }),
		"File.Records":   file(4, func(f *perso.File) { f.Records = f.Records[:1] }),
		"File.Value":     file(3, func(f *perso.File) { *f.Value = 7 }),
		"File.First":     file(3, func(f *perso.File) { f.First = valuePtr(55) }),
		"File.FirstData": func(l *perso.Layout) { l.Applications[2].Files[0].FirstData = []byte("other") },

		"FileSettings.Type":          settings(0, func(s *wire.FileSettings) { s.Type = wire.FileBackup }),
		"FileSettings.Option":        settings(0, func(s *wire.FileSettings) { s.Option = wire.OptionMAC }),
		"FileSettings.Access":        settings(0, func(s *wire.FileSettings) { s.Access.Write = 4 }),
		"FileSettings.Additional":    settings(2, func(s *wire.FileSettings) { s.Additional = nil }),
		"FileSettings.Size":          settings(0, func(s *wire.FileSettings) { s.Size = 100 }),
		"FileSettings.Lower":         settings(3, func(s *wire.FileSettings) { s.Lower = -9 }),
		"FileSettings.Upper":         settings(3, func(s *wire.FileSettings) { s.Upper = 999 }),
		"FileSettings.LimitedCredit": settings(3, func(s *wire.FileSettings) { s.LimitedCredit = 1 }),
		"FileSettings.Flags":         settings(3, func(s *wire.FileSettings) { s.Flags = wire.ValueFreeGet }),
		"FileSettings.RecordSize":    settings(5, func(s *wire.FileSettings) { s.RecordSize = 9 }),
		"FileSettings.MaxRecords":    settings(5, func(s *wire.FileSettings) { s.MaxRecords = 5 }),
		"FileSettings.Records":       settings(5, func(s *wire.FileSettings) { s.Records = 1 }),
		"FileSettings.SDM":           settings(7, func(s *wire.FileSettings) { s.SDM.UIDOffset = 12 }),
		"FileSettings.TMKeyOption":   settings(6, func(s *wire.FileSettings) { s.TMKeyOption = 0x55 }),
		"FileSettings.TMKeyVersion":  settings(6, func(s *wire.FileSettings) { s.TMKeyVersion = 9 }),
		"FileSettings.Limit":         settings(6, func(s *wire.FileSettings) { s.Limit.Limit = 4000 }),
	}
}

// Nothing that a layout says is passed over: every field changes what is planned, what
// the card becomes, or why the layout is refused. Labels are for people.
func TestNothingIsIgnored(t *testing.T) {
	l, keys := everything(t)
	base := becomes(t, l, keys)
	if again, keys := everything(t); becomes(t, again, keys) != base {
		t.Fatal("one layout becomes two cards")
	}
	edits := changed()
	for _, x := range []any{perso.Layout{}, perso.Level{}, perso.Option{}, perso.Application{}, perso.KeySetWant{}, perso.Delegation{}, perso.KeyWant{}, perso.File{}, wire.FileSettings{}} {
		typ := reflect.TypeOf(x)
		for i := range typ.NumField() {
			name := fmt.Sprintf("%s.%s", typ.Name(), typ.Field(i).Name)
			if typ.Field(i).Name == "Label" {
				continue
			}
			edit, ok := edits[name]
			if !ok {
				t.Errorf("%s: no change of it is tried", name)
				continue
			}
			delete(edits, name)
			l, keys := everything(t)
			edit(l)
			if becomes(t, l, keys) == base {
				t.Errorf("%s is ignored", name)
			}
		}
	}
	for name := range edits {
		t.Errorf("%s: there is no such field", name)
	}
}
