package boltjournal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

func TestExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	j := open(t, path, boltjournal.Options{NoSync: true})
	const calls = 3*7 + 1
	for i := range calls {
		must(t, work(j, i))
	}
	for range 2 { // some of it in the notes, then read after a kill
		var b bytes.Buffer
		must(t, j.Export(ctx, &b))
		var generations, entries, states int
		for in := json.NewDecoder(&b); in.More(); {
			var line struct {
				Generation *boltjournal.Generation
				Entry      *purse.Entry
				State      *purse.CardState
			}
			must(t, in.Decode(&line))
			switch {
			case line.Generation != nil:
				if generations++; line.Generation.Generation != j.Generation() {
					t.Errorf("generation %+v", line.Generation)
				}
			case line.Entry != nil:
				want, err := j.Entry(ctx, line.Entry.ID)
				if entries++; err != nil || line.Entry.RecordNo != uint32(entries-1) || len(line.Entry.Outcomes) != len(want.Outcomes) {
					t.Errorf("entry %+v, want %+v, %v", line.Entry, want, err)
				}
			case line.State != nil:
				want, err := j.State(ctx, line.State.CardApp)
				if states++; err != nil || want == nil || line.State.TMC != want.TMC {
					t.Errorf("state %+v, want %+v, %v", line.State, want, err)
				}
			}
		}
		if generations != 1 || entries != 8 || states != cards {
			t.Errorf("%d generations, %d entries, %d states", generations, entries, states)
		}
		must(t, j.Note(ctx, first(t, j).ID, purse.Progress{}))
		must(t, j.Abandon())
		j = open(t, path, boltjournal.Options{NoSync: true})
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := j.Export(ended, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := j.Export(ctx, broken{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func first(t *testing.T, j purse.Journal) *purse.Entry {
	t.Helper()
	for e, err := range j.Entries(ctx) {
		must(t, err)
		return e
	}
	t.Fatal("no entry")
	return nil
}

// The cost of a debit, with what a purse asks and adds for one.
func BenchmarkDebit(b *testing.B) {
	for name, o := range map[string]boltjournal.Options{"synced": {}, "not synced": {NoSync: true}} {
		b.Run(name, func(b *testing.B) {
			j, err := boltjournal.Open(filepath.Join(b.TempDir(), "purse.db"), o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for k := range 3 {
					if err := work(j, 3*i+k); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
