package boltjournal_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

var ctx = context.Background()

func open(t *testing.T, path string, o boltjournal.Options) *boltjournal.Journal {
	t.Helper()
	j, err := boltjournal.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// begin begins an entry on a card of its own.
func begin(t *testing.T, j purse.Journal) *purse.Entry {
	t.Helper()
	e, err := tryBegin(j)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tryBegin(j purse.Journal) (*purse.Entry, error) {
	id, err := j.NewID(ctx)
	if err != nil {
		return nil, err
	}
	e := &purse.Entry{ID: id, Request: id.String(), Attempt: 1, CardApp: purse.CardApp{UID: id.String(), App: "F00F01"}}
	return e, j.Begin(ctx, e)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cp copies a file as cp does: over what is there, which keeps its number.
func cp(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// both does it to the database and to its notes.
func both(t *testing.T, from, to string, do func(t *testing.T, from, to string)) {
	t.Helper()
	do(t, from, to)
	do(t, boltjournal.NotesName(from), boltjournal.NotesName(to))
}

func TestCopiesAreRecognised(t *testing.T) {
	for _, test := range []struct {
		name string
		// do is done to a journal that was closed, or killed, after a backup of it was
		// made; it returns the journal to open.
		do    func(t *testing.T, path, backup string) string
		fresh bool // it has a new generation
		lost  int  // how many entries are not there
		why   string
	}{
		{name: "nothing", do: func(_ *testing.T, path, _ string) string { return path }},
		{name: "read", do: func(t *testing.T, path, _ string) string {
			_, err := os.ReadFile(path)
			must(t, err)
			return path
		}},
		{name: "database copied", fresh: true, why: "there is no", do: func(t *testing.T, path, _ string) string {
			cp(t, path, path+"2")
			return path + "2"
		}},
		{name: "both copied", fresh: true, why: "its file is not the one", do: func(t *testing.T, path, _ string) string {
			both(t, path, path+"2", cp)
			return path + "2"
		}},
		{name: "both moved", fresh: true, why: "its file is not the one", do: func(t *testing.T, path, _ string) string {
			both(t, path, path+"2", func(t *testing.T, from, to string) { must(t, os.Rename(from, to)) })
			return path + "2"
		}},
		{name: "backup over the database", fresh: true, lost: 2, why: "restored from a copy", do: func(t *testing.T, path, backup string) string {
			cp(t, backup, path)
			return path
		}},
		{name: "backup renamed to the database", fresh: true, lost: 2, why: "restored from a copy", do: func(t *testing.T, path, backup string) string {
			must(t, os.Rename(backup, path))
			return path
		}},
		{name: "backup over both", fresh: true, lost: 2, why: "its file is not the one", do: func(t *testing.T, path, backup string) string {
			both(t, backup, path, cp)
			return path
		}},
		{name: "backup over both, with the old times", fresh: true, lost: 2, why: "its file is not the one", do: func(t *testing.T, path, backup string) string {
			both(t, backup, path, func(t *testing.T, from, to string) {
				info, err := os.Stat(from)
				must(t, err)
				cp(t, from, to)
				must(t, os.Chtimes(to, info.ModTime(), info.ModTime()))
			})
			return path
		}},
		{name: "backup of the notes", fresh: true, why: "its notes are from before", do: func(t *testing.T, path, backup string) string {
			cp(t, boltjournal.NotesName(backup), boltjournal.NotesName(path))
			return path
		}},
		{name: "the same content written over it", fresh: true, why: "its file is not the one", do: func(t *testing.T, path, _ string) string {
			cp(t, path, path)
			return path
		}},
		{name: "notes removed", fresh: true, why: "there is no", do: func(t *testing.T, path, _ string) string {
			must(t, os.Remove(boltjournal.NotesName(path)))
			return path
		}},
		{name: "notes of another journal", fresh: true, why: "another journal", do: func(t *testing.T, path, _ string) string {
			j, err := boltjournal.Open(path+"other", boltjournal.Options{NoSync: true})
			must(t, err)
			must(t, j.Close())
			cp(t, boltjournal.NotesName(path+"other"), boltjournal.NotesName(path))
			return path
		}},
	} {
		for _, killed := range []bool{false, true} {
			name := test.name + ", closed"
			if killed {
				name = test.name + ", killed"
			}
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "purse.db")
				j, err := boltjournal.Open(path, boltjournal.Options{NoSync: true})
				must(t, err)
				var entries []*purse.Entry
				for range 5 {
					entries = append(entries, begin(t, j))
				}
				must(t, j.Close())
				both(t, path, path+".backup", cp)
				j, err = boltjournal.Open(path, boltjournal.Options{NoSync: true})
				must(t, err)
				if j.Renewed() != "" {
					t.Fatalf("closed and opened: %s", j.Renewed())
				}
				before := j.Generation()
				for range 2 {
					entries = append(entries, begin(t, j))
				}
				must(t, j.Note(ctx, entries[6].ID, purse.Progress{Acked: 1}))
				if killed {
					must(t, j.Abandon())
				} else {
					must(t, j.Close())
				}
				path = test.do(t, path, path+".backup")
				// A reader tells, and changes nothing.
				r, err := boltjournal.Open(path, boltjournal.Options{ReadOnly: true})
				must(t, err)
				if (r.Renewed() != "") != test.fresh || r.Generation() != before {
					t.Errorf("a reader says %q, generation %v, want %v", r.Renewed(), r.Generation(), before)
				}
				must(t, r.Close())

				j = open(t, path, boltjournal.Options{NoSync: true})
				if (j.Generation() != before) != test.fresh || (j.Renewed() != "") != test.fresh || !strings.Contains(j.Renewed(), test.why) {
					t.Errorf("generation %v and before %v: %q, want %q", j.Generation(), before, j.Renewed(), test.why)
				}
				all, err := j.Generations()
				must(t, err)
				if want := map[bool]int{false: 1, true: 2}[test.fresh]; len(all) != want || all[0].Generation != before || all[want-1].Generation != j.Generation() || all[want-1].Since.IsZero() {
					t.Errorf("generations %v", all)
				}
				id, err := j.NewID(ctx)
				must(t, err)
				if id.Generation() != j.Generation() || id.Sequence() <= entries[6-test.lost].ID.Sequence() {
					t.Errorf("the next ID is %v after %v", id, entries[6-test.lost].ID)
				}
				// Old entries stay and are settled by their own IDs.
				for i, e := range entries {
					got, err := j.Entry(ctx, e.ID)
					must(t, err)
					if (got == nil) != (i >= len(entries)-test.lost) {
						t.Errorf("entry %d: %v", i, got)
					}
				}
				must(t, j.End(ctx, entries[0].ID, purse.Outcome{Decision: purse.Happened}, nil))
				begin(t, j)
				generation := j.Generation()
				must(t, j.Close())
				j = open(t, path, boltjournal.Options{Existing: true, NoSync: true})
				if j.Generation() != generation || j.Renewed() != "" {
					t.Errorf("opened once more it has another generation: %s", j.Renewed())
				}
			})
		}
	}
}

func TestLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	for _, o := range []boltjournal.Options{{ReadOnly: true}, {Existing: true}} {
		if _, err := boltjournal.Open(path, o); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: a journal that is not there: %v", o, err)
		}
	}
	if list, err := os.ReadDir(filepath.Dir(path)); len(list) > 0 || err != nil {
		t.Errorf("left: %v, %v", list, err)
	}
	j := open(t, path, boltjournal.Options{NoSync: true})
	begin(t, j)
	must(t, j.Close())
	must(t, os.Remove(path))
	var format *boltjournal.FormatError
	if _, err := boltjournal.Open(path, boltjournal.Options{NoSync: true}); !errors.As(err, &format) || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("a journal that went away: %v", err)
	}
	must(t, os.Remove(boltjournal.NotesName(path)))
	open(t, path, boltjournal.Options{NoSync: true})
}

// A copy of a journal that was made and never opened, as a kill leaves it, has a
// generation of its own.
func TestCopyOfNew(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "purse.db"), filepath.Join(dir, "other.db")
	j := open(t, path, boltjournal.Options{NoSync: true}.WithStep(func(at string) {
		if at == "created" {
			cp(t, path, other)
		}
	}))
	k := open(t, other, boltjournal.Options{NoSync: true})
	if j.Generation() == k.Generation() {
		t.Error("both have the same generation")
	}
	for _, j := range []*boltjournal.Journal{j, k} {
		all, err := j.Generations()
		if err != nil || len(all) != 1 || all[0].Generation != j.Generation() || j.Renewed() != "" {
			t.Errorf("%v, %v, %q", all, err, j.Renewed())
		}
	}
}
