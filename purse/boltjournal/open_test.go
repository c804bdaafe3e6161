package boltjournal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "purse.db")
	j := open(t, path, boltjournal.Options{Program: "gate", NoSync: true})
	begin(t, j)
	held := func(path string, o boltjournal.Options, program string, pid int) {
		t.Helper()
		var locked *boltjournal.LockedError
		if _, err := boltjournal.Open(path, o); !errors.As(err, &locked) || locked.Program != program || locked.PID != pid || locked.Journal != path {
			t.Errorf("a second one: %v", err)
		}
	}
	for _, o := range []boltjournal.Options{{}, {ReadOnly: true}, {Existing: true}} {
		held(path, o, "gate", os.Getpid())
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("purse.db", link); err == nil {
		held(link, boltjournal.Options{}, "gate", os.Getpid())
	}
	hard := filepath.Join(dir, "hard")
	if err := os.Link(path, hard); err == nil {
		held(hard, boltjournal.Options{}, "", 0)
		held(hard, boltjournal.Options{ReadOnly: true}, "", 0)
	}
	begin(t, j) // is not disturbed
	must(t, j.Close())
	r := open(t, path, boltjournal.Options{ReadOnly: true, Program: "look"})
	held(path, boltjournal.Options{}, "look", os.Getpid())
	must(t, r.Close())
	open(t, path, boltjournal.Options{})
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	j := open(t, path, boltjournal.Options{})
	first, second := begin(t, j), begin(t, j)
	must(t, j.End(ctx, first.ID, purse.Outcome{Decision: purse.Happened}, nil))
	must(t, j.Abandon()) // the outcome is in the notes only
	before := everything(t, filepath.Dir(path))
	r := open(t, path, boltjournal.Options{ReadOnly: true})
	if e, err := r.Entry(ctx, first.ID); err != nil || e.IsOpen() {
		t.Errorf("%v, %v", e, err)
	}
	if e, err := r.Open(ctx, second.CardApp); err != nil || e == nil || e.ID != second.ID {
		t.Errorf("%v, %v", e, err)
	}
	_, id := r.NewID(ctx)
	for name, err := range map[string]error{
		"NewID": id,
		"Begin": r.Begin(ctx, &purse.Entry{ID: purse.ID{1}, CardApp: purse.CardApp{UID: "04", App: "x"}}),
		"Note":  r.Note(ctx, first.ID, purse.Progress{}),
		"End":   r.End(ctx, first.ID, purse.Outcome{Decision: purse.Happened}, nil),
		"Keep":  r.Keep(ctx, &purse.CardState{CardApp: first.CardApp}),
	} {
		if err == nil || !strings.Contains(err.Error(), "reading only") {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, r.Close())
	for name, b := range everything(t, filepath.Dir(path)) {
		if !bytes.Equal(b, before[name]) {
			t.Errorf("%s was changed by a reader", name)
		}
	}
}

// everything is what is in the files of a folder.
func everything(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	all := map[string][]byte{}
	for _, f := range list {
		if f.Type().IsRegular() && !strings.HasSuffix(f.Name(), ".lock") {
			all[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name()))
			must(t, err)
		}
	}
	return all
}

func TestRights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	j := open(t, path, boltjournal.Options{})
	if !j.Syncs() {
		t.Error("a journal without options is not durable")
	}
	begin(t, j)
	must(t, j.Close())
	for _, name := range []string{path, boltjournal.NotesName(path)} {
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if list, err := os.ReadDir(filepath.Dir(path)); len(list) != 2 && runtime.GOOS != "windows" || err != nil {
		t.Errorf("left: %v, %v", list, err)
	}
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	path, link := filepath.Join(dir, "data", "purse.db"), filepath.Join(dir, "purse.db")
	if err := os.Symlink(filepath.Join("data", "purse.db"), link); err != nil {
		t.Skip(err)
	}
	var format *boltjournal.FormatError
	if _, err := boltjournal.Open(link, boltjournal.Options{}); !errors.As(err, &format) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	j := open(t, path, boltjournal.Options{})
	e := begin(t, j)
	must(t, j.Close())
	j = open(t, link, boltjournal.Options{})
	if got, err := j.Entry(ctx, e.ID); got == nil || err != nil || j.Renewed() != "" {
		t.Errorf("through a link: %v, %v, %s", got, err, j.Renewed())
	}
	must(t, j.Close())
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("beside a link: %v, %v", list, err)
	}
	// What is in the place of the notes is not written through.
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte("mine"), 0o600))
	must(t, os.Remove(boltjournal.NotesName(path)))
	must(t, os.Symlink(other, boltjournal.NotesName(path)))
	if _, err := boltjournal.Open(path, boltjournal.Options{}); !errors.As(err, &format) {
		t.Errorf("notes that are a link: %v", err)
	}
	if b, err := os.ReadFile(other); string(b) != "mine" || err != nil {
		t.Errorf("a file that a link leads to: %q, %v", b, err)
	}
}

// What is no journal is told as what it is, and stays as it is.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		must(t, os.WriteFile(name, b, 0o600))
		return name
	}
	database := func(name string, fill func(tx *bolt.Tx) error) string {
		name = filepath.Join(dir, name)
		db, err := bolt.Open(name, 0o600, &bolt.Options{PageSize: 4096})
		must(t, err)
		must(t, db.Update(fill))
		must(t, db.Close())
		return name
	}
	big := database("other.db", func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("other"))
		if err != nil {
			return err
		}
		return b.Put([]byte("x"), make([]byte, 100_000))
	})
	for name, test := range map[string]struct{ path, want string }{
		"empty":          {write("empty", nil), "is empty"},
		"text":           {write("text", []byte("some text")), "no journal"},
		"JSON":           {write("json", bytes.Repeat([]byte(`{"a": 1}`), 5000)), "no journal"},
		"SQLite":         {write("sqlite", append([]byte("SQLite format 3\x00"), make([]byte, 20_000)...)), "no journal"},
		"zeros":          {write("zeros", make([]byte, 1<<16)), "no journal"},
		"folder":         {dir, "is no file"},
		"empty database": {database("none.db", func(*bolt.Tx) error { return nil }), "no journal of purses"},
		"other database": {big, "no journal of purses"},
		"newer": {database("newer.db", func(tx *bolt.Tx) error {
			b, err := tx.CreateBucket([]byte("head"))
			if err != nil {
				return err
			}
			return b.Put([]byte("head"), boltjournal.Seal("head", "head", []byte(`{"format": 3, "new": {"things": []}}`)))
		}), "format 3"},
	} {
		t.Run(name, func(t *testing.T) {
			before := everything(t, dir)
			for _, o := range []boltjournal.Options{{}, {ReadOnly: true}} {
				var format *boltjournal.FormatError
				if _, err := boltjournal.Open(test.path, o); !errors.As(err, &format) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
					t.Errorf("%v, want %q", err, test.want)
				}
			}
			for name, b := range everything(t, dir) {
				if !bytes.Equal(b, before[name]) {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
	path := filepath.Join(dir, "purse.db")
	j := open(t, path, boltjournal.Options{})
	must(t, j.Close())
	must(t, os.WriteFile(boltjournal.NotesName(path), boltjournal.NewerNotes(), 0o600))
	var format *boltjournal.FormatError
	if _, err := boltjournal.Open(path, boltjournal.Options{}); !errors.As(err, &format) || !strings.Contains(err.Error(), "format 3") {
		t.Errorf("newer notes: %v", err)
	}
	if _, err := boltjournal.Open(filepath.Join(dir, "nowhere", "purse.db"), boltjournal.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
}

// A file that somebody replaces, removes or writes over while it is in use ends the
// use: what is added to it would be lost.
func TestTakenAway(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files stay")
	}
	for name, do := range map[string]func(t *testing.T, path, backup string){
		"removed":                 func(t *testing.T, path, _ string) { must(t, os.Remove(path)) },
		"replaced":                func(t *testing.T, path, backup string) { must(t, os.Rename(backup, path)) },
		"written over":            func(t *testing.T, path, backup string) { cp(t, backup, path) },
		"cut":                     func(t *testing.T, path, _ string) { must(t, os.Truncate(path, 0)) },
		"cut behind its head":     func(t *testing.T, path, _ string) { must(t, os.Truncate(path, 8192)) },
		"notes removed":           func(t *testing.T, path, _ string) { must(t, os.Remove(boltjournal.NotesName(path))) },
		"notes replaced by a new": func(t *testing.T, path, backup string) { must(t, os.Rename(backup, boltjournal.NotesName(path))) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "purse.db")
			j := open(t, path, boltjournal.Options{NoSync: true})
			first := begin(t, j)
			cp(t, path, path+".backup")
			begin(t, j)
			do(t, path, path+".backup")
			var failed *boltjournal.FailedError
			var damaged *boltjournal.DamagedError
			for range 2 {
				if _, err := tryBegin(j); !errors.As(err, &failed) && !errors.As(err, &damaged) {
					t.Errorf("Begin: %v", err)
				}
			}
			_, _ = j.Entry(ctx, first.ID) // whatever it says
			if err := j.Close(); err == nil {
				t.Error("Close says nothing")
			}
		})
	}
}

// The head that is read of a journal is that of its last transaction.
func TestHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	j := open(t, path, boltjournal.Options{})
	for range 3 {
		begin(t, j)
	}
	must(t, j.Close())
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		var h struct{ Entries, Revision, Opens uint64 }
		if err := json.Unmarshal(tx.Bucket([]byte("head")).Get([]byte("head"))[4:], &h); err != nil || h.Entries != 3 || h.Revision != 3 || h.Opens != 1 {
			t.Errorf("%+v, %v", h, err)
		}
		return nil
	}))
}
