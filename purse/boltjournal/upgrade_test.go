package boltjournal_test

import (
	"testing"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// A journal of the first format, in which changes had no numbers, goes on.
func TestFirstFormat(t *testing.T) {
	for _, inNotes := range []bool{false, true} {
		const calls = 3*20 + 2
		path := closedJournal(t, calls)
		must(t, boltjournal.Downgrade(path))
		look := func(j *boltjournal.Journal, calls int) {
			t.Helper()
			if n, err := position(j); err != nil || n != calls {
				t.Fatalf("it holds %d calls, not %d: %v", n, calls, err)
			}
			all, err := j.Changes(ctx, 0, 1000)
			if want := (calls + 2) / 3; err != nil || len(all) != want {
				t.Fatalf("%d changes, not %d: %v", len(all), want, err)
			}
			last, err := j.LastChange(ctx)
			if err != nil || last != all[len(all)-1].Seq {
				t.Errorf("the last change is %d, not %d: %v", last, all[len(all)-1].Seq, err)
			}
			for i, c := range all {
				if i > 0 && c.Seq <= all[i-1].Seq {
					t.Errorf("change %d follows %d", c.Seq, all[i-1].Seq)
				}
			}
		}
		j := open(t, path, boltjournal.Options{ReadOnly: true})
		look(j, calls)
		must(t, j.Close())
		j = open(t, path, boltjournal.Options{NoSync: true})
		if j.Renewed() != "" && !inNotes {
			t.Logf("a new generation: %s", j.Renewed()) // the file was written by the test
		}
		look(j, calls)
		if inNotes {
			must(t, work(j, calls))
			must(t, j.Abandon())
			j = open(t, path, boltjournal.Options{NoSync: true})
			look(j, calls+1)
		} else {
			must(t, work(j, calls))
		}
		must(t, j.Close())
		j = open(t, path, boltjournal.Options{NoSync: true})
		look(j, calls+1)
		must(t, j.Close())
	}
}
