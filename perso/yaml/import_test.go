package yaml_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/wire"
)

// canonical is a layout without what a text has no need to keep: labels, the same
// said twice, and what Import notes that it leaves out.
func canonical(l *perso.Layout) *perso.Layout {
	for i := range l.Applications {
		a := &l.Applications[i]
		a.Label = ""
		var keys []perso.KeyWant
		for no := range a.KeyCount {
			k := perso.KeyWant{No: wire.KeyNo(no)}
			for _, have := range a.Keys {
				if have.No == k.No {
					k.Version = have.Version
				}
			}
			keys = append(keys, k)
		}
		a.Keys = keys
		bare(a.VCKeys)
		for j := range a.Sets {
			bare(a.Sets[j].Keys)
		}
		if len(a.DFName) == 0 {
			a.DFName = nil
		}
		named := false
		for j := range a.Files {
			canonicalFile(&a.Files[j])
			named = named || a.Files[j].ISOID != 0
		}
		a.ISOFiles = named && !a.Place.Fixed
		if len(a.Files) == 0 {
			a.Files = nil
		}
	}
	if c := l.Card; c != nil {
		bare(c.Keys)
		if len(c.Keys) == 0 {
			c.Keys = nil
		}
		if c.KeySettings == nil && c.Keys == nil && c.Options == nil {
			l.Card = nil
		}
	}
	return l
}

func bare(keys []perso.KeyWant) {
	for i := range keys {
		keys[i].Label = ""
	}
}

func canonicalFile(f *perso.File) {
	f.Label = ""
	f.Records = nil
	if f.Value != nil && f.First == nil {
		f.First = f.Value
	}
	f.Value = nil
	s := &f.Settings
	option := wire.FileOption(s.Comm())
	if s.SDM == nil && s.Option.Has(wire.OptionSDM) {
		s.SDM = &wire.SDM{Options: wire.SDMASCII, Access: wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)}
	}
	if s.SDM != nil {
		option |= wire.OptionSDM
	}
	if s.Type == wire.FileTransactionMAC {
		option |= s.Option & (wire.OptionTMCLimit | wire.OptionTMIExclude)
	}
	s.Option = option
	if len(s.Additional) == 0 {
		s.Additional = nil
	}
	for i := range s.Additional {
		s.Additional[i].Change = wire.Never
	}
	s.Limit.Short = false
}

// roundTrip imports a layout and reads it again.
func roundTrip(t *testing.T, l *perso.Layout, notes []perso.Note) (string, []perso.Note) {
	t.Helper()
	text, more, err := yaml.Import(l, &yaml.ImportConfig{Name: "round trip", Notes: notes, MasterType: key.TypeAES})
	if err != nil {
		t.Fatal(err)
	}
	d, err := yaml.Read("l.yaml", text, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := d.Layout(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := canonical(l)
	if g, w := show(canonical(got)), show(want); g != w {
		have, must := strings.Split(g, "\n"), strings.Split(w, "\n")
		i := 0
		for i < min(len(have), len(must))-1 && have[i] == must[i] {
			i++
		}
		t.Fatalf("line %d is %q, want %q, of\n%s", i, have[i], must[i], text)
	}
	return string(text), more
}

// show writes a layout with what its pointers point to.
func show(l *perso.Layout) string {
	var b strings.Builder
	var walk func(v reflect.Value, indent string)
	walk = func(v reflect.Value, indent string) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				b.WriteString("nil")
				return
			}
			walk(v.Elem(), indent)
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Field(i).CanInterface() && !v.Field(i).IsZero() {
					fmt.Fprintf(&b, "\n%s%s ", indent, v.Type().Field(i).Name)
					walk(v.Field(i), indent+"  ")
				}
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				fmt.Fprintf(&b, "%X %t", v.Bytes(), v.IsNil())
				return
			}
			for i := range v.Len() {
				fmt.Fprintf(&b, "\n%s- ", indent)
				walk(v.Index(i), indent+"  ")
			}
		default:
			fmt.Fprintf(&b, "%v", v.Interface())
		}
	}
	walk(reflect.ValueOf(l), "")
	return b.String()
}

// Whatever a card can be comes back from the text as it was.
func TestImport(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 11))
		g := wire.Generations[r.IntN(len(wire.Generations))]
		l := randomLayout(r, g)
		if err := l.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if ok := t.Run(fmt.Sprint(seed), func(t *testing.T) { roundTrip(t, l, nil) }); !ok {
			return
		}
	}
}

// Dumps of real cards are layouts.
func TestImportDumps(t *testing.T) {
	dir := filepath.Join(vector.Root(t), "dump", "testdata")
	names, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dump.Read(b)
		if err != nil {
			continue // not one of a card
		}
		l, notes := perso.FromCard(d.Card)
		if len(l.Applications) == 0 {
			continue
		}
		files++
		text, _ := roundTrip(t, l, notes)
		if len(notes) > 0 && !strings.Contains(text, "# ") {
			t.Errorf("%s: the notes are lost", name)
		}
	}
	if files < 3 {
		t.Errorf("%d dumps", files)
	}
}

// realCard is a card as other programs have read it, in testdata/dumps.
type realCard struct {
	Version struct{ HW string }
	Picc    struct {
		KeySettings string            `json:"key_settings"`
		KeyVersions map[string]string `json:"key_versions"`
	}
	Apps []struct {
		AID         string
		KeySettings string            `json:"key_settings"`
		MaxKeys     string            `json:"max_keys"`
		KeyVersions map[string]string `json:"key_versions"`
		Files       []struct {
			No, Type, Comm, Size int
			Access               string
			RecordSize           int `json:"record_size"`
			MaxRecords           int `json:"max_records"`
			Data                 string
		}
	}
}

// Published cards of San Francisco, Seattle and Helsinki come back as they are.
func TestImportRealCards(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := func(s string, otherwise byte) byte {
		if s == "" {
			return otherwise
		}
		return unhex(s)[0]
	}
	versions := func(m map[string]string) (keys []perso.KeyWant) {
		for no, v := range m {
			n, err := strconv.Atoi(no)
			if err != nil {
				t.Fatal(err)
			}
			version := unhex(v)[0]
			keys = append(keys, perso.KeyWant{No: wire.KeyNo(n), Version: &version})
		}
		return keys
	}
	for name, g := range map[string]wire.Generation{"clipper-ev1-4k": wire.EV1, "orca-d40-4k": wire.D40, "hsl-ev1-4k": wire.EV1, "flipper-doc-ev2-8k": wire.EV2} {
		text, err := os.ReadFile(filepath.Join(vector.Root(t), "testdata", "dumps", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var c realCard
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		l := &perso.Layout{Generations: []wire.Generation{g}}
		if s := wire.KeySett1(first(c.Picc.KeySettings, 0)); s != 0 {
			l.Card = &perso.Level{KeySettings: &s, Keys: versions(c.Picc.KeyVersions)}
		}
		files := 0
		for _, x := range c.Apps {
			aid := unhex(x.AID)
			s := wire.KeySett1(first(x.KeySettings, 0x0B))
			a := perso.Application{Place: wire.Place{AID: wire.AID(aid[0]) | wire.AID(aid[1])<<8 | wire.AID(aid[2])<<16}, KeySettings: &s, KeyCount: int(first(x.MaxKeys, 14)), Keys: versions(x.KeyVersions)}
			for _, y := range x.Files {
				access := unhex(y.Access)
				f := perso.File{No: wire.FileNo(y.No), Settings: wire.FileSettings{
					Type: wire.FileType(y.Type), Option: wire.FileOption(y.Comm) & 3, Access: wire.AccessRightsFromUint16(uint16(access[0]) | uint16(access[1])<<8),
					Size: uint32(y.Size), RecordSize: uint32(y.RecordSize), MaxRecords: uint32(y.MaxRecords),
				}}
				if y.Data != "" && y.Size > 0 {
					f.Data = unhex(y.Data)
				}
				files++
				a.Files = append(a.Files, f)
			}
			l.Applications = append(l.Applications, a)
		}
		if files == 0 {
			t.Fatalf("%s has no files", name)
		}
		roundTrip(t, l, nil)
	}
}

// What Import leaves out it says, in the text as well.
func TestImportNotes(t *testing.T) {
	value := int32(7)
	l := &perso.Layout{Generations: []wire.Generation{wire.EV2}, Applications: []perso.Application{{
		Place: wire.Place{AID: 1}, KeySettings: new(wire.KeySett1), KeyCount: 1,
		Files: []perso.File{
			{No: 1, Settings: wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: 1, MaxRecords: 2}, Records: [][]byte{{1}, {2}}},
			{No: 2, Settings: wire.FileSettings{Type: wire.FileValue, Upper: 9}, Value: &value},
			{No: 3, Settings: wire.FileSettings{Type: wire.FileStandard, Size: 1, Access: wire.AccessRights{Read: 5}}},
		},
	}, {Place: wire.Place{Name: "abc"}, KeySettings: new(wire.KeySett1), KeyCount: 1}}}
	hostile := perso.Note{Where: perso.Where{Place: wire.Place{AID: 1}}, Text: "a name\nkeys: {evil: exec:x}\x1b[2J\u2028"}
	text, notes, err := yaml.Import(l, &yaml.ImportConfig{Notes: []perso.Note{hostile}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"its records are left out: 2", "its value, 7, is what a new file begins with", "its right read names key 5", "application 616263 is left out",
	} {
		if !strings.Contains(string(text), "# "+want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
		found := false
		for _, n := range notes {
			found = found || strings.Contains(n.Text, want)
		}
		if !found {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	if strings.ContainsAny(string(text), "\x1b\u2028") || strings.Contains(string(text), "\nkeys: {evil") {
		t.Errorf("a note gets out of its comment:\n%s", text)
	}
}
