package rekey_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// What settles an entry is about the same card, AID, DF name, set and number,
// and differs in nothing of these.
func TestOpenEntries(t *testing.T) {
	begun := rekey.Entry{Card: "04112233445566", No: 0, State: rekey.Begun}
	for _, tc := range []struct {
		name   string
		change func(*rekey.Entry)
		closes bool
	}{
		{"same", func(*rekey.Entry) {}, true},
		{"other keys", func(e *rekey.Entry) { e.New.Version = 7 }, true},
		{"card", func(e *rekey.Entry) { e.Card = "04112233445567" }, false},
		{"no card", func(e *rekey.Entry) { e.Card = "" }, false},
		{"application", func(e *rekey.Entry) { e.App = testApp }, false},
		{"DF name", func(e *rekey.Entry) { e.Name = "D2760000850101" }, false},
		{"number", func(e *rekey.Entry) { e.No = 1 }, false},
		{"set", func(e *rekey.Entry) { e.Set = 1 }, false},
	} {
		outcome := begun
		outcome.State = rekey.Changed
		tc.change(&outcome)
		if open := rekey.OpenEntries([]rekey.Entry{begun, outcome}); open[0] == tc.closes || open[1] {
			t.Errorf("%s: open %v", tc.name, open)
		}
	}
	unnamed := rekey.Entry{State: rekey.Begun}
	if open := rekey.OpenEntries([]rekey.Entry{unnamed, unnamed, begun, begun}); !open[0] || !open[1] || open[2] || !open[3] {
		t.Errorf("open %v", open)
	}
}

// The journal of a named application's key 0 does not settle that of key 0 of
// another place on the same card.
func TestSettleOtherPlace(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.NTAG424)
	card := connect(t, picc)
	j, err := rekey.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ch := &rekey.Change{Place: wire.Place{Fixed: true}, Old: key.Zero(key.TypeAES), New: newKey(t, key.TypeAES, 1), OldSource: "@old", Journal: j}
	var there memoryJournal
	ch.Journal = &there
	if err := run(ctx, card, ch); err != nil {
		t.Fatal(err)
	}
	ch.Journal = j
	master := there.entries[0]
	master.Name = "" // the PICC master key's
	if err := j.Record(ctx, master); err != nil {
		t.Fatal(err)
	}
	if found, settled, err := rekey.Settle(ctx, card, ch); err != nil || settled || !found.IsNew {
		t.Errorf("%+v settled %v %v", found, settled, err)
	}
	if err := j.Record(ctx, there.entries[0]); err != nil {
		t.Fatal(err)
	}
	found, settled, err := rekey.Settle(ctx, card, ch)
	if err != nil || !settled || !found.IsNew || found.Key != ch.New {
		t.Errorf("%+v settled %v %v", found, settled, err)
	}
	entries, err := j.Entries(ctx)
	if err != nil || len(entries) != 3 || entries[2].State != rekey.Changed || entries[2].Old.Source != "@old" {
		t.Errorf("%+v %v", entries, err)
	}
	if open := rekey.OpenEntries(entries); !open[0] || open[1] {
		t.Errorf("open %v", open)
	}
	// Only a journal that tells what it holds can be settled.
	ch.Journal = &there
	if _, _, err := rekey.Settle(ctx, card, ch); err == nil {
		t.Error("a journal without a history passes")
	}
}

// A journal that was cut off anywhere keeps its other lines, and takes more.
func TestFileJournalCut(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "journal")
	if entries, damaged, err := rekey.ReadJournal(path); err != nil || entries != nil || damaged != nil {
		t.Fatalf("no file: %v %v %v", entries, damaged, err)
	}
	first := rekey.Entry{Card: "04112233445566", App: testApp, State: rekey.Begun}
	second := first
	second.State = rekey.Unknown
	write := func(e rekey.Entry) {
		t.Helper()
		j, err := rekey.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	write(second)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.IndexByte(string(text), '\n') + 1
	third := first
	third.State = rekey.Changed
	for cut := line; cut < len(text); cut++ {
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		write(third)
		entries, damaged, err := rekey.ReadJournal(path)
		whole := 2
		if cut == len(text)-1 { // only the end of the line is gone
			whole = 3
		}
		if err != nil || len(entries) != whole || entries[0] != first || entries[whole-1] != third || (len(damaged) == 1) != (cut > line && whole == 2) {
			t.Fatalf("cut at %d: %+v %q %v", cut, entries, damaged, err)
		}
	}
	for name, text := range map[string]string{"no entry": "des:0000000000000000\n", "long": strings.Repeat("x", 100_000)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := rekey.ReadJournal(path); err == nil || !strings.Contains(err.Error(), "is no journal") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One at a time has a journal, and is named to the other.
func TestFileJournalLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := rekey.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rekey.OpenJournal(path)
	var held *rekey.HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() || !strings.Contains(err.Error(), "is in use (") {
		t.Errorf("%v", err)
	}
	if _, _, err := rekey.ReadJournal(path); err != nil {
		t.Errorf("reading needs no lock: %v", err)
	}
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err = rekey.OpenJournal(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
