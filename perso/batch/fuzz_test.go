package batch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso/batch"
)

// Whatever a file holds, it is a table or an error. In a table rows have different
// names and a value for each column, and a row that is appended changes none before it.
func FuzzTable(f *testing.F) {
	for _, text := range []string{
		people(3), "\ufeffuid;number\r\n04112233445566;1\r\n", "a\tb\n1\t\"x\ny\"\n", "a,b\n,\n1,2", "a\n\"\"\"\"\n", "a;b,c\n", "a\n\xff\n",
	} {
		f.Add(text, byte(0))
		f.Add(text, byte(3))
	}
	f.Fuzz(func(t *testing.T, text string, how byte) {
		conf := &batch.TableConfig{Separator: []rune{0, ',', ';', '\t'}[how>>2&3]}
		if columns, err := batch.ReadTable("t", strings.NewReader(text), conf); err == nil && how&1 != 0 {
			conf.Name = columns.Columns()[0]
		}
		if how&2 != 0 {
			conf.UID = "uid"
		}
		tab, err := batch.ReadTable("t", strings.NewReader(text), conf)
		if err != nil {
			return
		}
		names, cards := map[string]bool{}, map[string]bool{}
		for i := range tab.Rows() {
			r := tab.Row(i)
			if names[r.Name] || r.Name == "" || how&2 != 0 && (cards[r.UID.String()] || r.UID == "") {
				t.Errorf("row %d: %+v", i, r)
			}
			names[r.Name], cards[r.UID.String()] = true, true
			if v := tab.Values(r); len(v) != len(tab.Columns()) {
				t.Errorf("row %d: %d values for %d columns", i, len(v), len(tab.Columns()))
			}
		}
		more := slices.Repeat([]string{"04FFFFFFFFFFFF"}, len(tab.Columns()))
		separator := ","
		for _, s := range []string{",", ";", "\t"} {
			if first, _, _ := strings.Cut(text, "\n"); conf.Separator == 0 && strings.Contains(first, s) {
				separator = s
			}
		}
		if conf.Separator != 0 {
			separator = string(conf.Separator)
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		longer, err := batch.ReadTable("t", strings.NewReader(text+strings.Join(more, separator)+"\n"), conf)
		if err != nil {
			return // it has this row already, or names that hold separators
		}
		if longer.Rows() != tab.Rows()+1 {
			t.Fatalf("%d rows and one more are %d", tab.Rows(), longer.Rows())
		}
		for i := range tab.Rows() {
			if a, b := tab.Row(i), longer.Row(i); a.Name != b.Name || fmt.Sprint(tab.Values(a)) != fmt.Sprint(longer.Values(b)) {
				t.Errorf("row %d is %+v, and with one more %+v", i, a, b)
			}
		}
	})
}

// Whatever a file holds, it is a book or an error, and one that is no book stays as it
// is. In a book each row has one card and each card one row, and it can be gone on with.
func FuzzBook(f *testing.F) {
	b := newBench(f, 3)
	b.open()
	head := read(f, b.conf.Book)
	b.close()
	const bound = `{"uid":"04112233445566","row":"1","state":"bound","columns":{"number":"00"},"time":"2026-01-01T00:00:00Z"}` + "\n"
	const done = `{"uid":"04112233445566","state":"done","keys":[{"application":"F48121","key":"0","version":1}],"time":"2026-01-01T00:00:00Z"}` + "\n"
	for _, text := range []string{
		"", bound, bound + done, bound + bound, done, bound + strings.Replace(done, "done", "released", 1) + bound, bound + strings.Replace(done, "done", "failed", 1),
		bound + done[:40], strings.Replace(bound, `"state"`, `"to":2,"state"`, 1), "\x00\x00", head, `{"book":"desfire book/v1"`,
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	path := filepath.Join(f.TempDir(), "book")
	f.Fuzz(func(t *testing.T, text string, begun bool) {
		if begun {
			text = head + text
		}
		write(t, path, text)
		book, err := batch.ReadBook(path)
		conf := b.conf
		conf.Book, conf.Results, conf.Table = path, "", nil
		l := layouts()
		l.columns = nil
		conf.Layouts, conf.NewLayout = l, true
		x, openErr := batch.Open(context.Background(), conf)
		if openErr == nil {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
		after := read(t, path)
		if err != nil {
			if openErr == nil || after != text {
				t.Errorf("%v, yet opened (%v), or changed", err, openErr)
			}
			return
		}
		uids, rows := map[string]bool{}, map[string]bool{}
		for _, e := range book.Entries() {
			if uids[e.UID.String()] || e.Row != "" && rows[e.Row] {
				t.Errorf("twice: %+v", e)
			}
			uids[e.UID.String()], rows[e.Row] = true, true
		}
		for _, format := range []batch.Format{batch.CSV, batch.JSONLines} {
			var out strings.Builder
			if err := book.WriteResults(&out, format, nil); err != nil {
				t.Error(err)
			}
		}
		whole := text[:strings.LastIndexByte(text, '\n')+1]
		if openErr == nil && !strings.HasPrefix(after, whole) {
			t.Errorf("%q became %q", text, after)
		}
		if again, err := batch.ReadBook(path); err != nil || len(again.Entries()) != len(book.Entries()) {
			t.Errorf("after it was opened: %v", err)
		}
	})
}

// FuzzResults: a file of results is replaced, another is not.
func FuzzResults(f *testing.F) {
	for _, text := range []string{"", "uid,row,outcome,proved,keys,unproven,words,time\n", "uid,row\n", people(1), `{"uid":"04","outcome":"done"}`} {
		f.Add(text, true)
		f.Add(text, false)
	}
	b := newBench(f, 0)
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		conf := b.conf
		conf.Book, conf.Results = filepath.Join(folder, "book"), filepath.Join(folder, "results.jsonl")
		ours := text == "" || strings.HasPrefix(text, `{"uid":`) && strings.Contains(strings.SplitN(text, "\n", 2)[0], `"outcome":`)
		if csv {
			conf.Results = filepath.Join(folder, "results.csv")
			ours = text == "" || strings.HasPrefix(text, "uid,row,outcome,proved,keys,unproven,words,time\n")
		}
		write(t, conf.Results, text)
		x, err := batch.Open(context.Background(), conf)
		if err == nil {
			_ = x.Close()
		}
		if (err == nil) != ours {
			t.Errorf("%q: %v", text, err)
		}
		if got := read(t, conf.Results); err != nil && got != text {
			t.Errorf("%q became %q", text, got)
		}
		if err := os.Remove(conf.Results); err != nil {
			t.Fatal(err)
		}
	})
}
