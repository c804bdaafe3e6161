package boltjournal_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

const sector = 512

// images are the files of a journal at one moment.
type images struct{ db, notes []byte }

func takeImages(t *testing.T, path string) images {
	t.Helper()
	db, err := os.ReadFile(path)
	must(t, err)
	notes, err := os.ReadFile(boltjournal.NotesName(path))
	must(t, err)
	return images{db, notes}
}

func (i images) put(t *testing.T, path string) {
	t.Helper()
	must(t, os.WriteFile(path, i.db, 0o600))
	must(t, os.WriteFile(boltjournal.NotesName(path), i.notes, 0o600))
}

// mixed takes each sector of what was or of what became; keep says for which ranges it
// is what became or what was.
func mixed(r *rand.Rand, was, became []byte, keep func(at int) (new, decided bool)) []byte {
	b := make([]byte, max(len(was), len(became)))
	copy(b, was)
	for at := 0; at < len(became); at += sector {
		take, decided := keep(at)
		if !decided {
			take = r.IntN(2) == 0
		}
		if take {
			copy(b[at:], became[at:min(at+sector, len(became))])
		}
	}
	return b
}

// Power is lost in the middle of Begin: before the pages are durable, each sector of
// them is there or not, and the two first pages are as they were; then a sector of those is
// there or not.
func TestPowerLostInBegin(t *testing.T) {
	dir := t.TempDir()
	path, crashed := filepath.Join(dir, "purse.db"), filepath.Join(dir, "crashed.db")
	r := rand.New(rand.NewPCG(1, 2))
	j := open(t, path, boltjournal.Options{NoSync: true})
	const heads = 2 * 4096
	kept, taken := 0, 0
	for i := range 45 {
		before := takeImages(t, path)
		must(t, work(j, i))
		after := takeImages(t, path)
		for try := range 4 {
			// In the second half the pages are durable, and their two first being written.
			second := try%2 == 1
			crash := images{
				db: mixed(r, before.db, after.db, func(at int) (bool, bool) {
					if at < heads {
						return false, !second
					}
					return true, second
				}),
				notes: mixed(r, before.notes, after.notes, func(int) (bool, bool) { return false, false }),
			}
			crash.put(t, crashed)
			j, err := boltjournal.Open(crashed, boltjournal.Options{NoSync: true})
			if err != nil {
				t.Fatalf("after call %d: %v", i, err)
			}
			at, err := position(j)
			if err != nil || at > i+1 || at < i/3*3 {
				t.Fatalf("power lost in call %d, it holds %d: %v", i, at, err)
			}
			if at <= i {
				kept++
			} else {
				taken++
			}
			must(t, work(j, at)) // goes on
			must(t, j.Close())
			j = open(t, crashed, boltjournal.Options{NoSync: true})
			if n, err := position(j); err != nil || n != at+1 {
				t.Fatalf("it went on after %d and holds %d: %v", at, n, err)
			}
			must(t, j.Close())
		}
	}
	if kept == 0 || taken == 0 {
		t.Errorf("the test cuts too early or too late: %d calls lost, %d kept", kept, taken)
	}
}
