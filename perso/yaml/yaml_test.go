package yaml_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/wire"
)

func campus(t testing.TB) *yaml.Document {
	t.Helper()
	d, err := yaml.Open("testdata/campus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCampus(t *testing.T) {
	d := campus(t)
	if got := d.Columns(); !slices.Equal(got, []string{"card_no", "name"}) {
		t.Errorf("columns %q", got)
	}
	if d.Title() != "Campus card" || len(d.Hash()) != 64 {
		t.Errorf("title %q, hash %q", d.Title(), d.Hash())
	}
	l, err := d.Layout(map[string]string{"card_no": "4711", "name": "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.Generations, []wire.Generation{wire.EV2, wire.EV3}) {
		t.Errorf("generations %v", l.Generations)
	}
	if c := l.Card; c == nil || *c.KeySettings != 0x0B || len(c.Keys) != 1 || *c.Keys[0].Version != 1 {
		t.Errorf("card %+v", l.Card)
	}
	if len(l.Applications) != 2 {
		t.Fatalf("%d applications", len(l.Applications))
	}
	a := l.Applications[0]
	if a.Place.AID != 0x000010 || a.ISOID != 0xE110 || string(a.DFName) != "campus" || a.KeyType != wire.KeyAES || a.KeyCount != 3 || *a.KeySettings != 0x1B || !a.ISOFiles || a.Label != "campus" {
		t.Errorf("application %+v", a)
	}
	if got := l.Applications[1].Place.AID; got != 0x1E0001 {
		t.Errorf("the second AID is %v", got)
	}
	if k := a.Keys[1]; k.No != 1 || *k.Version != 2 || k.Label != "campus-read" {
		t.Errorf("key 1 %+v", k)
	}
	want := []wire.AccessRights{
		{Read: 1, Write: 0, ReadWrite: wire.Never, Change: 0},
		{Read: 2, Write: wire.Never, ReadWrite: 0, Change: 0},
		{Read: wire.Free, Write: wire.Never, ReadWrite: 2, Change: 0},
		{Read: 1, Write: 2, ReadWrite: wire.Never, Change: 0},
		{Read: wire.Free, Write: wire.Never, ReadWrite: 0, Change: 0},
		{Read: wire.Free, Write: 0, ReadWrite: wire.Never, Change: 0},
	}
	for i, f := range a.Files {
		if f.Settings.Access != want[i] {
			t.Errorf("file %d has rights %v, want %v", f.No, f.Settings.Access, want[i])
		}
	}
	if got, want := a.Files[0].Data, append([]byte("4711|ADA"), make([]byte, 24)...); !bytes.Equal(got, want) {
		t.Errorf("content %q", got)
	}
	if v := a.Files[1]; *v.First != 5 || v.Value != nil || v.Settings.Flags != wire.ValueLimitedCredit || v.Settings.Upper != 100000 {
		t.Errorf("value file %+v", v)
	}
	if b := a.Files[4]; !bytes.Equal(b.Data, []byte{0, 1, 2}) || b.Settings.Comm() != wire.CommPlain || b.Settings.Additional[0].Read != 2 {
		t.Errorf("backup file %+v", b)
	}
	if s := a.Files[5]; s.Data != nil || !bytes.Equal(s.FirstData, []byte{1, 2, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) || s.Settings.Comm() != wire.CommMAC {
		t.Errorf("standard file %+v", s)
	}
	// Without a row, contents with columns are left out.
	bare, err := d.Layout(nil)
	if err != nil || bare.Applications[0].Files[0].Data != nil {
		t.Errorf("content %q, %v", bare.Applications[0].Files[0].Data, err)
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

// A layout is the caller's: what happens to it changes no other.
func TestLayoutsShareNothing(t *testing.T) {
	d := campus(t)
	l, _ := d.Layout(nil)
	l.Applications[0].Keys[0].No = 9
	*l.Applications[0].Keys[1].Version = 9
	l.Applications[0].Files[4].Data[0] = 9
	l.Applications[0].Files[4].Settings.Additional[0].Read = 9
	*l.Applications[0].KeySettings = 9
	again, _ := d.Layout(nil)
	a := again.Applications[0]
	if a.Keys[0].No != 0 || *a.Keys[1].Version != 2 || a.Files[4].Data[0] != 0 || a.Files[4].Settings.Additional[0].Read != 2 || *a.KeySettings != 0x1B {
		t.Errorf("%+v", a)
	}
}

func TestRows(t *testing.T) {
	d := campus(t)
	for _, tc := range []struct {
		row  map[string]string
		want string
	}{
		{map[string]string{"card_no": "1"}, "file 1 of campus (holder): the row has no name"},
		{map[string]string{}, "the row has no card_no, name"},
		{map[string]string{"card_no": "12345678901234567890", "name": "Ada Lovelace"}, "33 bytes do not fit into the 32 of the file: card_no has 20 characters, name has 12 characters"},
		{map[string]string{"card_no": strings.Repeat("x", 1<<20), "name": ""}, "more than 65536 bytes"},
	} {
		_, err := d.Layout(tc.row)
		var errs yaml.Errors
		if !errors.As(err, &errs) || !strings.Contains(err.Error(), tc.want) || errs[0].Line != 21 {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}

// masters is a Masters in memory.
type masters map[string]key.Key

func (m masters) MasterFacts(_ context.Context, name string) (keystore.Facts, bool) {
	k, ok := m[name]
	if !ok {
		return keystore.Facts{}, false
	}
	return keystore.FactsOf(k, name), true
}

func (m masters) Master(_ context.Context, name string) (key.Key, error) {
	k, ok := m[name]
	if !ok {
		return nil, keystore.ErrNotFound
	}
	return k, nil
}

func aes(t testing.TB, first byte) *key.Secret {
	t.Helper()
	b := make([]byte, 16)
	b[0] = first
	k, err := key.New(key.TypeAES, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const uid = keystore.UID("\x04\x11\x22\x33\x44\x55\x66")

func ref(t testing.TB, text string) keystore.Ref {
	t.Helper()
	r, err := keystore.ParseRef("04112233445566/" + text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeys(t *testing.T) {
	ctx := t.Context()
	d := campus(t)
	from := masters{"campus-2026": aes(t, 1), "campus-2027": aes(t, 2), "tmac-2026": aes(t, 3)}
	purse := ref(t, "000010/2")
	at := keystore.Map{purse: {Key: aes(t, 4).WithVersion(1), Source: "test"}}
	k := d.Keys(from, at)
	if miss := k.Missing(ctx); miss != nil {
		t.Errorf("missing %v", miss)
	}
	want := k.Want()
	read := ref(t, "000010/1")
	facts, ok, err := want.Has(ctx, read)
	if err != nil || !ok || facts.Version != 2 || facts.Type != "AES" {
		t.Errorf("%+v, %v, %v", facts, ok, err)
	}
	newest, err := want.Key(ctx, read)
	if err != nil {
		t.Fatal(err)
	}
	rc := keystore.Recipe{Diversify: &keystore.Diversification{UID: true, AID: true, System: []byte("read")}, Version: 2, Versioned: true}
	must, _, err := rc.Make(ctx, read, from["campus-2027"], keystore.Facts{})
	if err != nil || newest.CheckValue() != must.CheckValue() || newest.Version() != 2 {
		t.Errorf("key 1 is %v, want %v, %v", newest.CheckValue(), must.CheckValue(), err)
	}
	if old, err := k.At(1).Key(ctx, read); err != nil || old.Version() != 1 || old.CheckValue() == newest.CheckValue() {
		t.Errorf("version 1: %v, %v", old, err)
	}
	slots, err := k.Have().Slots(ctx, read)
	if err != nil || len(slots) != 2 || slots[0].Facts.Version != 2 || slots[1].Facts.Version != 1 {
		t.Errorf("slots %+v, %v", slots, err)
	}
	// A key without from is the key store's.
	if got, err := want.Key(ctx, purse); err != nil || got.CheckValue() != aes(t, 4).CheckValue() {
		t.Errorf("key 2: %v, %v", got, err)
	}
	if _, ok, err := want.Has(ctx, ref(t, "000010/3")); ok || err != nil {
		t.Errorf("a key that the layout does not name: %v, %v", ok, err)
	}
	if _, ok, err := want.Has(ctx, ref(t, "000010/tmac")); !ok || err != nil {
		t.Errorf("the transaction MAC key: %v, %v", ok, err)
	}
	// What is missing is said, and is no key that stays.
	lone := d.Keys(masters{}, nil)
	if miss := lone.Missing(ctx); len(miss) != 3 {
		t.Errorf("missing %v", miss)
	}
	var me *yaml.MasterError
	if _, _, err := lone.Want().Has(ctx, read); !errors.As(err, &me) || me.Master != "campus-2027" || me.Line != 10 {
		t.Errorf("%v", err)
	}
	if _, ok, err := lone.Want().Has(ctx, purse); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, err := want.Key(ctx, read.Everywhere()); !errors.Is(err, keystore.ErrNoUID) {
		t.Errorf("without a UID: %v", err)
	}
}

// What the key store has at a place is compared with what the layout says of it.
func TestStoredKeys(t *testing.T) {
	ctx := t.Context()
	purse := ref(t, "000010/2")
	given := func(k *key.Secret, noVersion bool) keystore.Slot {
		f := keystore.FactsOf(k, "test")
		f.NoVersion = noVersion
		return keystore.Slot{Facts: f, Key: func(context.Context) (key.Key, error) { return k, nil }}
	}
	for name, tc := range map[string]struct {
		slots   slots
		version int // of the key, -1 for an error
		want    string
	}{
		"of the version":      {slots{given(aes(t, 4).WithVersion(2), false), given(aes(t, 5).WithVersion(1), false)}, 1, ""},
		"without a version":   {slots{given(aes(t, 4), true)}, 1, ""},
		"of another version":  {slots{given(aes(t, 4).WithVersion(2), false)}, -1, "has version 1, and the key store has none of that version"},
		"of another type":     {slots{given(key.Zero(key.TypeDES), false)}, -1, "is of type AES, and key 2 of application 000010"},
		"that is not there":   {nil, -2, ""},
		"of no known version": {slots{given(aes(t, 4).WithVersion(9), true)}, 1, ""},
	} {
		k := campus(t).Keys(nil, tc.slots).Want()
		f, ok, err := k.Has(ctx, purse)
		if ok != (tc.version >= 0) || (err != nil) != (tc.version == -1) || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %+v, %t, %v", name, f, ok, err)
			continue
		}
		if !ok {
			if _, err := k.Key(ctx, purse); err == nil {
				t.Errorf("%s: there is a key", name)
			}
			continue
		}
		got, err := k.Key(ctx, purse)
		if err != nil || int(f.Version) != tc.version || int(got.Version()) != tc.version || f.NoVersion {
			t.Errorf("%s: %+v, %v, %v", name, f, got, err)
		}
		// Handles, such as those of a cache, have versions as well.
		got, err = campus(t).Keys(nil, keystore.NewCache(tc.slots, nil)).Want().Key(ctx, purse)
		if err != nil || int(got.Version()) != tc.version {
			t.Errorf("%s, out of a cache: %v, %v", name, got, err)
		}
	}
}

// slots is a store of the same keys for every place.
type slots []keystore.Slot

func (s slots) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	if len(s) == 0 {
		return keystore.Facts{}, false, nil
	}
	return s[0].Facts, true, nil
}

func (s slots) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if len(s) == 0 {
		return nil, &keystore.NotFoundError{Ref: r}
	}
	return s[0].Key(ctx)
}

func (s slots) Slots(context.Context, keystore.Ref) ([]keystore.Slot, error) { return s, nil }

// A master key that only older keys are made of may be gone.
func TestRetiredMaster(t *testing.T) {
	ctx := t.Context()
	k := campus(t).Keys(masters{"campus-2027": aes(t, 2), "tmac-2026": aes(t, 3)}, nil)
	read := ref(t, "000010/1")
	list, err := k.Have().Slots(ctx, read)
	if err != nil || len(list) != 1 || list[0].Facts.Version != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, _, err := k.At(1).Has(ctx, read); !errors.As(err, new(*yaml.MasterError)) {
		t.Errorf("%v", err)
	}
	if miss := k.Missing(ctx); len(miss) != 1 || miss[0].Master != "campus-2026" || miss[0].Key != "picc-master" {
		t.Errorf("%v", miss)
	}
}

// The hash is that of the text and of what it names.
func TestHash(t *testing.T) {
	text, err := os.ReadFile("testdata/campus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	read := func(text, logo string) string {
		t.Helper()
		d, err := yaml.Read("l.yaml", []byte(text), &yaml.Config{Files: fstest.MapFS{"logo.bin": {Data: []byte(logo)}}})
		if err != nil {
			t.Fatal(err)
		}
		return d.Hash()
	}
	a := read(string(text), "a")
	if a != read(string(text), "a") || a == read(string(text), "b") || a == read(string(text)+"# x\n", "a") {
		t.Error("the hash does not tell")
	}
}

// Contents are read below the folder of the layout only.
func TestContentFiles(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "in")
	for _, d := range []string{inner, filepath.Join(inner, "sub")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"out.bin": "secret", "in/in.bin": "fine", "in/sub/x.bin": "fine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "out.bin"), filepath.Join(inner, "link.bin")); err != nil {
		t.Skip(err)
	}
	for name, want := range map[string]string{
		"in.bin": "", "sub/x.bin": "",
		"../out.bin": "without ..", "/etc/passwd": "without ..", "sub/../../out.bin": "without ..", "link.bin": "cannot be read",
		"none.bin": "cannot be read", "sub": "it is no file", ".": "want the name of a file", "": "want the name of a file",
	} {
		text := "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys: {k: {type: aes}}\napplications:\n- aid: 000001\n  keys: {master: k}\n  files: [{no: 1, type: standard, size: 9, content: {file: \"" + name + "\"}}]\n"
		path := filepath.Join(inner, "l.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := yaml.Open(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if err != nil && strings.Contains(err.Error(), dir+"/out") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := yaml.Open(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// fsEmpty reports whether a folder is empty.
func fsEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	return len(entries) == 0, err
}
