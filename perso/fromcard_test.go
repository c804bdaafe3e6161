package perso_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A layout of a dump is that of the card.
func TestFromDump(t *testing.T) {
	for _, g := range wire.Generations {
		layout := rich(g)
		conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		picc := newPICC(t, g)
		apply(t, picc, layout, conf)
		card := readAll(t, picc, conf.Want)
		var file bytes.Buffer
		if err := dump.Write(&file, card, nil); err != nil {
			t.Fatal(err)
		}
		d, err := dump.Read(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		want, wantNotes := perso.FromCard(card)
		got, notes := perso.FromCard(d.Card)
		sameLayout(t, got, want)
		if len(notes) != len(wantNotes) {
			t.Errorf("%v: notes %q, want %q", g, notes, wantNotes)
		}
	}
}

// What could not be read stands in the notes, with the reason.
func TestNotes(t *testing.T) {
	ctx := context.Background()
	layout := rich(wire.EV3)
	conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
	picc := newPICC(t, wire.EV3)
	apply(t, picc, layout, conf)
	read := func(enter func(ctx context.Context, card *desfire.Card, p wire.Place) error) ([]perso.Note, *perso.Layout) {
		c, err := inspect.Read(ctx, connect(t, picc), &inspect.Config{Ask: inspect.Everything, Places: []wire.Place{{}, {AID: appA}, {AID: appB}}, Enter: enter})
		if err != nil {
			t.Fatal(err)
		}
		l, notes := perso.FromCard(c)
		return notes, l
	}
	notes, l := read(nil)
	for _, want := range []string{
		"the card: its identifier", "the card: its originality signature", "the card: keys are told by no card",
		"the card: its key settings are not known: no key settings: GetKeySettings was refused",
		"application 121314: it cannot be made, since its key settings are not known",
	} {
		if !has(notes, want) {
			t.Errorf("no note %q", want)
		}
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	notes, l = read(func(ctx context.Context, card *desfire.Card, p wire.Place) error {
		if err := card.Select(ctx, p); err != nil || p.AID != appA {
			return err
		}
		return card.Authenticate(ctx, 0, theKey(t, key.TypeAES, p, 0, 0x10))
	})
	for _, want := range []string{
		"application F48121: keys of key sets that are not active are not restored",
		"file 1 of application F48121: its content is not known: no content: it was not asked for; needs key 1",
		"file 4 of application F48121: its value is not known",
		"file 6 of application F48121: its 2 records are not known",
		"file 7 of application F48121: its key and counter are told by no card",
		"file 8 of application F48121: the counter of its secure dynamic messages begins anew",
	} {
		if !has(notes, want) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
	if f := l.Applications[0].Files; f[0].Data != nil || string(f[1].Data) != string(bytesOf(10, 7)) {
		t.Errorf("files %+v", f)
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

// A dump may be anybody's: what makes no sense becomes a note, and the layout
// stands up to Check.
func TestNonsense(t *testing.T) {
	value := int32(2000)
	fs := func(s wire.FileSettings) inspect.File { return inspect.NewFile(1, &s) }
	many := fs(wire.FileSettings{Type: wire.FileStandard, Size: 4})
	many.Data = bytesOf(9, 1)
	high := fs(wire.FileSettings{Type: wire.FileValue, Upper: 1000})
	high.No, high.Value = 2, &value
	records := fs(wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: 4, MaxRecords: 2, Records: 2})
	records.No, records.Content = 3, []inspect.Hex{bytesOf(4, 1), bytesOf(3, 1)}
	empty := fs(wire.FileSettings{Type: wire.FileBackup})
	empty.No = 4
	c := &inspect.Card{Generation: wire.EV1, Applications: []inspect.Application{
		{Place: wire.Place{AID: 1}, KeySettings: &inspect.KeySettings{Settings: inspect.Hex{0x0F}, Keys: 0, KeyType: "AES"}},
		{Place: wire.Place{AID: 2}, KeySettings: &inspect.KeySettings{Settings: inspect.Hex{0x0F}, Keys: 2, KeyType: ""}},
		{Place: wire.Place{AID: 3}, KeySettings: &inspect.KeySettings{Settings: inspect.Hex{0x0F}, Keys: 2, KeyType: "AES", ISOFiles: true},
			Files: []inspect.File{many, high, records, empty}, KeyVersions: []inspect.KeyVersion{{Key: 0}, {Key: 9}}},
	}}
	l, notes := perso.FromCard(c)
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	if len(l.Applications) != 1 || len(l.Applications[0].Files) != 3 || len(l.Applications[0].Keys) != 1 || l.Applications[0].ISOFiles {
		t.Errorf("layout %s", layoutText(l))
	}
	for _, want := range []string{
		"application 000001: it cannot be made", "application 000002: it cannot be made", "file 1 of application 000003: 9 bytes do not fit into its 4",
		"file 2 of application 000003: its value 2000 lies outside", "file 3 of application 000003: its records do not fit", "file 4 of application 000003: it cannot be made: it has no size",
		"which of its files has which ISO identifier is not known",
	} {
		if !has(notes, want) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
}

// Whatever a file says, the layout made of it stands up to Check.
func FuzzFromCard(f *testing.F) {
	for _, g := range wire.Generations {
		layout := rich(g)
		picc := newPICC(f, g)
		conf := &perso.Config{Want: keysFor(f, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
		if _, err := perso.Apply(context.Background(), connect(f, picc), layout, conf); err != nil {
			f.Fatal(err)
		}
		var file bytes.Buffer
		if err := dump.Write(&file, readAll(f, picc, conf.Want), nil); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	files, _ := filepath.Glob(filepath.Join("..", "dump", "testdata", "*.*"))
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := dump.Read(data)
		if err != nil {
			return
		}
		layout, _ := perso.FromCard(d.Card)
		if err := layout.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCheck(t *testing.T) {
	type edit = func(l *perso.Layout, a *perso.Application, f *perso.File)
	for want, edit := range map[string]edit{
		"it stands there twice": func(l *perso.Layout, a *perso.Application, _ *perso.File) {
			l.Applications = append(l.Applications, *a)
		},
		"an application needs an AID":      func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.Place = wire.Place{} },
		"0 keys: want 1 to 14":             func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeyCount = 0 },
		"needs an ISO identifier":          func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.DFName = []byte{1} },
		"key 7 of application F48121":      func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.Keys = []perso.KeyWant{{No: 7}} },
		"33 bytes do not fit into 32":      func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Data = make([]byte, 33) },
		"a standard file cannot hold that": func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Value = valuePtr(1) },
		"have ISO identifiers all or none": func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.ISOID = 1 },
		"it has no size":                   func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Data, f.Settings.Size = nil, 0 },
		"cannot be set: limited credit":    func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.LimitedCredit = 1 },
		"it has no type":                   func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Type = wire.FileUnknown },
		"reserved at the level of the card": func(l *perso.Layout, _ *perso.Application, _ *perso.File) {
			l.Card = &perso.Level{KeySettings: settingsPtr(0x1F)}
		},
		"the card itself has no key": func(l *perso.Layout, _ *perso.Application, _ *perso.File) {
			l.Card = &perso.Level{Keys: []perso.KeyWant{{No: 1}}}
		},
		"at most one transaction MAC": func(_ *perso.Layout, a *perso.Application, f *perso.File) {
			tmacFile(nil, a, f)
			g := *f
			g.No = 2
			a.Files = append(a.Files, g)
		},
		"does not lie between": func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Data, f.Value, f.Settings = nil, valuePtr(5), wire.FileSettings{Type: wire.FileValue}
		},
		"2 records do not fit into 1": func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Data, f.Records, f.Settings = nil, [][]byte{{1}, {2}}, wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: 1, MaxRecords: 2}
		},
		"a record of 2 bytes": func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Data, f.Records, f.Settings = nil, [][]byte{{1, 2}}, wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: 1, MaxRecords: 2}
		},
	} {
		err := small(edit).Check()
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(*perso.LayoutError)) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := perso.NewPlan(context.Background(), connect(t, newPICC(t, wire.EV3)), small(edit), nil); !errors.As(err, new(*perso.LayoutError)) {
			t.Errorf("%s: planned: %v", want, err)
		}
	}
	if err := small(nil).Check(); err != nil {
		t.Error(err)
	}
}

// Cards that others have dumped, by other programs, are made of a blank one as far
// as the dumps go.
func TestForeignDumps(t *testing.T) {
	ctx := context.Background()
	files, err := filepath.Glob(filepath.Join("..", "dump", "testdata", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dump.Read(data)
		if err != nil {
			continue // its own tests judge
		}
		layout, notes := perso.FromCard(d.Card)
		t.Logf("%s: %d applications, notes %q", name, len(layout.Applications), notes)
		if d.Card.Generation == wire.UnknownGeneration {
			continue
		}
		picc, err := sim.New(&sim.Config{Generation: d.Card.Generation})
		if err != nil {
			t.Fatal(err)
		}
		conf := &perso.Config{Values: true}
		p, err := perso.Apply(ctx, connect(t, picc), layout, conf)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%d steps, impossible %q", len(p.Steps), p.Impossible)
		list, err := perso.Verify(ctx, connect(t, picc), layout, conf)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, x := range list {
			impossible := slices.ContainsFunc(p.Impossible, func(n perso.Note) bool { return n.Place == x.Place })
			if x.Unproven == "" && !impossible {
				t.Errorf("%s: %v", name, x)
			}
		}
		made += len(layout.Applications)
	}
	if made < 5 {
		t.Errorf("%d applications were made", made)
	}
}
