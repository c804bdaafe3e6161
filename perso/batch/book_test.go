package batch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/wire"
)

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused opens a batch that must not open.
func (b *bench) refused(want string) error {
	b.t.Helper()
	x, err := batch.Open(context.Background(), b.conf)
	if err == nil {
		_ = x.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		b.t.Errorf("opened: %v, want %q", err, want)
	}
	return err
}

// A table may grow, and a row that a card has may not change. What tells rows apart
// decides how it may be sorted.
func TestTableMoves(t *testing.T) {
	const head = "number,name,note\n"
	for _, named := range []bool{false, true} {
		conf := &batch.TableConfig{}
		rows := []string{"1", "2"}
		if named {
			conf.Name, rows = "number", []string{"7", "8"}
		}
		for name, test := range map[string]struct {
			text        string
			ok, okNamed bool
			row, column string
			columnNamed string
		}{
			"appended":               {text: "7,Ann,x\n8,Bob,x\n9,Eve,x\n", ok: true, okNamed: true},
			"inserted":               {text: "9,Eve,x\n7,Ann,x\n8,Bob,x\n", row: "1", column: "number", okNamed: true},
			"sorted":                 {text: "8,Bob,x\n7,Ann,x\n", row: "1", column: "number", okNamed: true},
			"a value that is used":   {text: "7,Anna,x\n8,Bob,x\n", row: "1", column: "name", columnNamed: "name"},
			"a value that is not":    {text: "7,Ann,y\n8,Bob,x\n", row: "1", column: "note", okNamed: true},
			"a done one is gone":     {text: "8,Bob,x\n", row: "1", column: "number", okNamed: true},
			"a half done one is not": {text: "7,Ann,x\n", row: "2", columnNamed: "-"},
			"a column is gone":       {text: "", row: "1", column: "note", okNamed: true},
			"another table":          {text: "17,Ann,x\n18,Bob,x\n", row: "1", column: "number", columnNamed: "-"},
		} {
			b := newBench(t, 0)
			b.conf.Table = table(t, head+"7,Ann,x\n8,Bob,x\n", conf)
			b.open()
			one, two := picc(t, wire.EV2, 1), picc(t, wire.EV2, 2)
			two.TearAfter(60)
			b.want(one, batch.Done, rows[0])
			b.want(two, batch.HalfDone, rows[1])
			b.close()
			text := head + test.text
			if test.text == "" {
				text = "number,name\n7,Ann\n8,Bob\n"
			}
			b.conf.Table = table(t, text, conf)
			if named && test.okNamed || !named && test.ok {
				b.open()
				b.want(one, batch.Already, rows[0])
				b.want(two, batch.Done, rows[1])
				b.close()
				continue
			}
			err := b.refused("")
			var changed *batch.RowChangedError
			column := test.column
			if named {
				column = strings.Trim(test.columnNamed, "-")
			}
			if !errors.As(err, &changed) || changed.Column != column || !named && changed.Row != test.row {
				t.Errorf("named %v, %s: %v", named, name, err)
			}
		}
	}
}

// What is wrong is said before any card is there.
func TestOpenErrors(t *testing.T) {
	b := newBench(t, 3)
	b.conf.Table = table(t, "number,first\n1,x\n", nil)
	var columns *batch.ColumnsError
	if err := b.refused(`does not have: "name"; it has "number", "first"`); !errors.As(err, &columns) {
		t.Errorf("%T", err)
	}
	if _, err := os.Stat(b.conf.Book); err == nil {
		t.Error("there is a book")
	}
	b = newBench(t, 3)
	small := layouts()
	small.size, small.bad = 48, "1001"
	b.conf.Layouts = small
	var row *batch.RowError
	if err := b.refused("line 3"); !errors.As(err, &row) || row.Row != "2" {
		t.Errorf("%v", err)
	}

	b = newBench(t, 3)
	b.open()
	var held *batch.HeldError
	if err := b.refused("in use"); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	b.close()
	if r, err := b.present(picc(t, wire.EV2, 1)); r.Outcome != batch.Untouched || !errors.As(err, new(*batch.StoppedError)) {
		t.Errorf("after the end: %+v, %v", r, err)
	}

	other := layouts()
	other.hash = "second"
	b.conf.Layouts = other
	if err := b.refused("another layout"); !errors.As(err, new(*batch.LayoutChangedError)) {
		t.Errorf("%v", err)
	}
	b.conf.NewLayout = true
	b.open()
	b.close()
	b.conf.NewLayout = false
	b.open()
	b.close()
	b.conf.Layouts = layouts()
	b.refused("another layout")

	b.conf.Layouts = other
	tab := b.conf.Table
	b.conf.Table = table(t, people(3), &batch.TableConfig{Name: "number"})
	b.refused("by their number, and now by column")
	b.conf.Table = tab
	other.columns = nil
	b.conf.Table = nil
	b.refused("without one")
	b.conf.Table = tab
	b.conf.Results = b.conf.Book
	b.refused("book and results are one file")
	b.conf.Results = filepath.Join(t.TempDir(), "people.csv")
	write(t, b.conf.Results, people(2))
	b.refused("holds no results")
	if read(t, b.conf.Results) != people(2) {
		t.Error("the file was changed")
	}
	b.conf.Results = filepath.Join(t.TempDir(), "none", "results.csv")
	b.refused("no such file")
	b.conf.Results = ""
	b.conf.Book = filepath.Join(t.TempDir(), "none", "book")
	b.refused("no such file")
	b.conf.Book = t.TempDir()
	b.refused("no file")
}

// A last line that was cut off was not relied upon: it is left out, wherever it was
// cut. What it would have said is found out again.
func TestTorn(t *testing.T) {
	b := newBench(t, 3)
	b.open()
	one := picc(t, wire.EV2, 1)
	before := read(t, b.conf.Book)
	b.want(one, batch.Done, "1")
	b.close()
	whole := read(t, b.conf.Book)
	last := strings.LastIndexByte(strings.TrimSuffix(whole, "\n"), '\n') + 1
	for at := last; at < len(whole)-1; at += every(20) {
		write(t, b.conf.Book, whole[:at])
		b.open()
		if got := read(t, b.conf.Book); got != whole[:last] {
			t.Fatalf("cut at %d: not mended: %q", at, got[min(len(got), last):])
		}
		if got := b.results(); len(got) != 1 {
			t.Errorf("cut at %d: results %q", at, got)
		}
		b.want(one, batch.Done, "1") // it is: only the book did not know
		b.close()
	}
	for at := 0; at < len(before); at += every(9) {
		write(t, b.conf.Book, before[:at])
		if at > 0 && at < len(`{"book":`) {
			b.refused("no book")
			continue
		}
		b.open()
		b.close()
	}
	write(t, b.conf.Book, whole+strings.Repeat("\x00", 300))
	b.open()
	b.want(one, batch.Already, "1")
	b.close()
}

// An editor may take the end off the last line: what it says counts, and no row is given
// a second time.
func TestNoLastEnd(t *testing.T) {
	b := newBench(t, 3)
	b.open()
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	b.close()
	lines := strings.SplitAfter(read(t, b.conf.Book), "\n")
	for i, want := range []string{"1", "2", "2"} { // the head, bound, done
		text := strings.Join(lines[:i+1], "")
		write(t, b.conf.Book, strings.TrimSuffix(text, "\n"))
		b.open()
		if got := read(t, b.conf.Book); got != text {
			t.Fatalf("%d lines became %q", i+1, got)
		}
		b.want(picc(t, wire.EV2, 2), batch.Done, want)
		b.close()
		if _, err := batch.ReadBook(b.conf.Book); err != nil {
			t.Error(err)
		}
	}
}

// A file that is no book, or a book that is damaged, stays as it is.
func TestNoBook(t *testing.T) {
	b := newBench(t, 3)
	b.open()
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	b.want(picc(t, wire.EV2, 2), batch.Done, "2")
	b.close()
	whole := read(t, b.conf.Book)
	lines := strings.SplitAfter(whole, "\n")
	again := strings.Replace(lines[1], `"row":"1"`, `"row":"3"`, 1)
	for name, test := range map[string]struct{ text, want string }{
		"another file":            {people(3), "line 1: it is no book"},
		"another file, one line":  {"number,name", "no book"},
		"another JSON":            {"{}\n", "line 1: it is no book"},
		"an array":                {"[]\n", "line 1: it is no book"},
		"a later form":            {strings.Replace(whole, "book/v1", "book/v2", 1), `"desfire book/v2"`},
		"a line is missing":       {lines[0] + lines[2], "line 2: card 04000101020304 is done, and was not bound"},
		"a line is damaged":       {lines[0] + lines[1][:40] + "\n" + lines[2], "line 2"},
		"an unknown member":       {lines[0] + strings.Replace(lines[1], `"row"`, `"raw"`, 1), "raw"},
		"an unknown state":        {lines[0] + lines[1] + strings.Replace(lines[2], `"done"`, `"sold"`, 1), `"sold"`},
		"a card twice":            {lines[0] + lines[1] + again, "bound a second time"},
		"a row twice":             {lines[0] + lines[1] + strings.Replace(lines[3], `"row":"2"`, `"row":"1"`, 1), `row "1" is bound a second time`},
		"two books":               {whole + strings.Replace(lines[0], `"salt":"`, `"salt":"00`, 1), "two books"},
		"no salt":                 {strings.Replace(whole, `"salt":"`, `"salt":"x`, 1), "salt"},
		"no layout":               {strings.Replace(whole, `"layout":"first",`, ``, 1), "layout"},
		"no beginning":            {lines[1] + lines[2], "no beginning"},
		"an empty line":           {lines[0] + "\n" + lines[1], "line 2"},
		"a state without a card":  {lines[0] + `{"state":"bound","time":"2026-01-01T00:00:00Z"}` + "\n", "names no card"},
		"neither beginning nor a": {lines[0] + `{"time":"2026-01-01T00:00:00Z"}` + "\n", "line 2"},
	} {
		write(t, b.conf.Book, test.text)
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.refused(test.want)
		})
		if read(t, b.conf.Book) != test.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// The book is on the disk before the card is touched. A disk that is full in between stops
// the batch, and nothing is lost.
func TestDiskFull(t *testing.T) {
	for _, cut := range []int{-1, 0, 30} {
		for n := 1; n <= 2; n++ {
			b := newBench(t, 2)
			b.open()
			one := picc(t, wire.EV2, 1)
			fresh := one.Image().Encode()
			b.batch.FailDisk(n, cut)
			r, err := b.present(one)
			if !errors.As(err, new(*batch.StoppedError)) || !errors.Is(err, batch.ErrFull) || r.Outcome != map[int]batch.Outcome{1: batch.Untouched, 2: batch.HalfDone}[n] {
				t.Fatalf("write %d, %d bytes of it: %+v, %v", n, cut, r, err)
			}
			if n == 1 && string(fresh) != string(one.Image().Encode()) {
				t.Errorf("write %d, %d bytes of it: the card was changed", n, cut)
			}
			if _, err := b.present(picc(t, wire.EV2, 2)); !errors.As(err, new(*batch.StoppedError)) {
				t.Errorf("write %d, %d bytes of it: it goes on: %v", n, cut, err)
			}
			b.close()
			b.open()
			if n == 2 && cut < 0 { // what could not be synced is there all the same
				b.want(one, batch.Already, "1")
			} else {
				b.want(one, batch.Done, "1")
			}
			b.want(picc(t, wire.EV2, 2), batch.Done, "2")
			if len(b.results()) != 3 {
				t.Errorf("write %d, %d bytes of it: %q", n, cut, b.results())
			}
		}
	}
}

// The same for the journal of key changes.
func TestJournalFull(t *testing.T) {
	for n := range 6 {
		b := newBench(t, 2)
		b.open()
		one := picc(t, wire.EV2, 1)
		b.journal.failAt = n + 1
		r, err := b.present(one)
		if r.Outcome != batch.HalfDone || !errors.As(err, new(*batch.StoppedError)) || !errors.Is(err, batch.ErrFull) {
			t.Fatalf("entry %d: %+v, %v", n, r, err)
		}
		if _, err := b.present(picc(t, wire.EV2, 2)); !errors.As(err, new(*batch.StoppedError)) {
			t.Errorf("entry %d: it goes on: %v", n, err)
		}
		b.close()
		b.journal.failAt = 0
		b.open()
		b.want(one, batch.Done, "1")
		if open := b.journal.open(); len(open) > 0 {
			t.Errorf("entry %d: the journal is open about %v", n, open)
		}
	}
}

// Results that cannot be written are in the book, and in the file when it can be
// written again.
func TestResults(t *testing.T) {
	b := newBench(t, 4)
	b.conf.Results = strings.TrimSuffix(b.conf.Results, ".csv") + ".jsonl"
	folder := filepath.Dir(b.conf.Results)
	b.open()
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	if got := b.results(); len(got) != 1 || !strings.HasPrefix(got[0], `{"uid":"04000101020304","row":"1","outcome":"done","proved":true,"keys":[{"application":"card","key":"0","version":1},`) {
		t.Errorf("%q", got)
	}
	b.batch.FailResults()
	r, err := b.present(picc(t, wire.EV2, 2))
	var res *batch.ResultsError
	if r.Outcome != batch.Done || !errors.As(err, &res) {
		t.Fatalf("%+v, %v", r, err)
	}
	b.want(picc(t, wire.EV2, 3), batch.Done, "3")
	if got := b.results(); len(got) != 3 {
		t.Errorf("%q", got)
	}
	b.close()
	whole := read(t, b.conf.Results)
	for _, text := range []string{"", whole[:len(whole)-30]} { // lost, cut off
		write(t, b.conf.Results, text)
		b.open()
		b.close()
		if got := read(t, b.conf.Results); got != whole {
			t.Errorf("%q, want %q", got, whole)
		}
	}
	if list, err := filepath.Glob(filepath.Join(folder, ".desfire-*")); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// A row that is to be released is not compared with what it was.
func TestReleasing(t *testing.T) {
	b := newBench(t, 0)
	b.conf.Table = table(t, "number,name\n7,Ann\n8,Bob\n", nil)
	b.open()
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	b.want(picc(t, wire.EV2, 2), batch.Done, "2")
	b.close()
	b.conf.Table = table(t, "number,name\n7,Ann\n8,Rob\n", nil)
	b.conf.Releasing = "1"
	b.refused(`row "2", column "name"`)
	b.conf.Releasing = "2"
	b.open()
	if err := b.batch.Release("2", "a typing error"); err != nil {
		t.Fatal(err)
	}
	b.close()
	b.conf.Releasing = ""
	b.open()
	b.want(picc(t, wire.EV3, 3), batch.Done, "2")
}

// A card of a generation that the layout is not for has no row, whichever it is.
func TestAnotherGeneration(t *testing.T) {
	b := newBench(t, 1)
	b.open()
	for i, g := range []wire.Generation{wire.D40, wire.Light, wire.NTAG424} {
		r := b.want(picc(t, g, i+1), batch.Unfit, "")
		if !strings.Contains(strings.Join(r.Reasons, "; "), "it is for EV1, EV2, EV3") {
			t.Errorf("%v: %q", g, r.Reasons)
		}
	}
}
