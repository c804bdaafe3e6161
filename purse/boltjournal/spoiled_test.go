package boltjournal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

// closedJournal makes a journal of some calls, more than one page holds, and closes it.
func closedJournal(t *testing.T, calls int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "purse.db")
	j := open(t, path, boltjournal.Options{NoSync: true})
	for i := range calls {
		must(t, work(j, i))
	}
	must(t, j.Close())
	return path
}

// metaOf is where the newer of the first two pages has its numbers.
func metaOf(db []byte) (at int) {
	at = 16
	if binary.NativeEndian.Uint64(db[4096+16+48:]) > binary.NativeEndian.Uint64(db[16+48:]) {
		at += 4096
	}
	return at
}

// number is a number in a file.
func number(db []byte, at int) []byte { return db[at : at+8] }

// Pages that bbolt would follow, and keys that it would not find, are told before
// it is asked.
func TestSpoiledPages(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, db []byte)
		want  string
	}{
		"a key": {func(t *testing.T, db []byte) {
			old := []byte("card 2F00F01")
			if !bytes.Contains(db, old) {
				t.Fatal("there is no such key")
			}
			for at := bytes.Index(db, old); at >= 0; at = bytes.Index(db, old) {
				db[at+len(old)-1] = '2'
			}
		}, "is not what was written"},
		"a free page that is in use": {func(t *testing.T, db []byte) {
			m := metaOf(db)
			list := int(binary.NativeEndian.Uint64(number(db, m+32))) * 4096
			if binary.NativeEndian.Uint16(db[list+10:]) == 0 {
				t.Fatal("no page is free")
			}
			copy(number(db, list+16), number(db, m+16)) // the root
		}, "is called free"},
		"a page that is free twice": {func(t *testing.T, db []byte) {
			list := int(binary.NativeEndian.Uint64(number(db, metaOf(db)+32))) * 4096
			if binary.NativeEndian.Uint16(db[list+10:]) < 2 {
				t.Fatal("no two pages are free")
			}
			copy(number(db, list+16), number(db, list+24))
		}, "is called free"},
		"children that changed places": {func(t *testing.T, db []byte) {
			b := branch(t, db)
			first, second := number(db, b+16+8), number(db, b+32+8)
			old := bytes.Clone(first)
			copy(first, second)
			copy(second, old)
		}, "is not in its order"},
		"a page below itself": {func(t *testing.T, db []byte) {
			b := branch(t, db)
			binary.NativeEndian.PutUint64(number(db, b+16+8), uint64(b/4096))
		}, "is used twice"},
		"nothing below": {func(t *testing.T, db []byte) {
			binary.NativeEndian.PutUint16(db[branch(t, db)+10:], 0)
		}, "nothing is below"},
		"too many elements": {func(t *testing.T, db []byte) {
			binary.NativeEndian.PutUint16(db[branch(t, db)+10:], 60_000)
		}, "elements"},
		"more pages than there are": {func(t *testing.T, db []byte) {
			binary.NativeEndian.PutUint32(db[branch(t, db)+12:], 1<<31)
		}, "goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			path := closedJournal(t, 90)
			db, err := os.ReadFile(path)
			must(t, err)
			test.spoil(t, db)
			must(t, os.WriteFile(path, db, 0o600))
			for _, o := range []boltjournal.Options{{ReadOnly: true}, {}} {
				var damaged *boltjournal.DamagedError
				if _, err := boltjournal.Open(path, o); !errors.As(err, &damaged) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, db) {
				t.Errorf("it was changed: %v", err)
			}
		})
	}
}

// branch is where a page that leads to others is, one that is in use.
func branch(t *testing.T, db []byte) int {
	t.Helper()
	free := map[uint64]bool{}
	list := int(binary.NativeEndian.Uint64(number(db, metaOf(db)+32))) * 4096
	for i := range int(binary.NativeEndian.Uint16(db[list+10:])) {
		free[binary.NativeEndian.Uint64(number(db, list+16+8*i))] = true
	}
	for at := 2 * 4096; at < len(db); at += 4096 {
		if binary.NativeEndian.Uint16(db[at+8:]) == 1 && !free[uint64(at/4096)] && binary.NativeEndian.Uint64(db[at:]) == uint64(at/4096) {
			return at
		}
	}
	t.Fatal("there is no such page")
	return 0
}

// What somebody takes out with another program is missed.
func TestMissing(t *testing.T) {
	for _, bucket := range []string{"entries", "ids", "requests", "states", "generations"} {
		path := closedJournal(t, 30)
		db, err := bolt.Open(path, 0o600, nil)
		must(t, err)
		must(t, db.Update(func(tx *bolt.Tx) error {
			c := tx.Bucket([]byte(bucket)).Cursor()
			c.Last()
			return c.Delete()
		}))
		must(t, db.Close())
		var damaged *boltjournal.DamagedError
		if _, err := boltjournal.Open(path, boltjournal.Options{}); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "it should hold") {
			t.Errorf("%s: %v", bucket, err)
		}
	}
}

// IDs that nothing remembers are not made again after a kill.
func TestNumbersAfterKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	var last uint32
	for range 3 {
		j := open(t, path, boltjournal.Options{NoSync: true})
		for range 300 {
			id, err := j.NewID(ctx)
			if err != nil || id.Sequence() <= last {
				t.Fatalf("number %d after %d: %v", id.Sequence(), last, err)
			}
			last = id.Sequence()
		}
		must(t, j.Abandon())
	}
	if last > 3000 {
		t.Errorf("900 IDs take %d numbers", last)
	}
}

// The notes stay small, and a closed journal needs none.
func TestNotesEndWithBegin(t *testing.T) {
	path := closedJournal(t, 3*50)
	if info, err := os.Stat(boltjournal.NotesName(path)); err != nil || info.Size() > 512 {
		t.Errorf("notes of a closed journal: %v, %v", info, err)
	}
	must(t, os.Remove(boltjournal.NotesName(path)))
	j := open(t, path, boltjournal.Options{NoSync: true})
	if n, err := position(j); n != 3*50 || err != nil {
		t.Errorf("without notes it holds %d calls, %v", n, err)
	}
	for i := 3 * 50; i < 3*80; i++ {
		must(t, work(j, i))
		if info, err := os.Stat(boltjournal.NotesName(path)); err != nil || info.Size() > 2000 {
			t.Fatalf("notes after call %d: %v, %v", i, info, err)
		}
	}
	// Without a Begin they end when they are long.
	state := &purse.CardState{CardApp: purse.CardApp{UID: "04", App: "x"}, Blocked: strings.Repeat("x", 100_000)}
	for range 25 {
		must(t, j.Keep(ctx, state))
	}
	if info, err := os.Stat(boltjournal.NotesName(path)); err != nil || info.Size() > 1_500_000 {
		t.Fatalf("notes of 2.5 MB: %v, %v", info.Size(), err)
	}
	must(t, j.Abandon())
	j = open(t, path, boltjournal.Options{NoSync: true})
	if s, err := j.State(ctx, state.CardApp); err != nil || s == nil || len(s.Blocked) != 100_000 {
		t.Errorf("%v, %v", s, err)
	}
}
