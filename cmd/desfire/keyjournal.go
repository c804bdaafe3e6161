package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/spf13/cobra"
)

// fileJournal is a journal of key changes in a file: a line of JSON for each
// entry, appended and synced. It is readable by its owner only.
type fileJournal struct {
	path string
	f    *os.File
}

// defaultJournal is where the journal is unless --journal says otherwise.
func defaultJournal() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for the journal (%w): name one with --journal FILE", err)
	}
	return filepath.Join(dir, "desfire", "key-journal.jsonl"), nil
}

// openJournal opens a journal for writing and makes it if need be.
func openJournal(path string) (*fileJournal, error) {
	if standard, err := defaultJournal(); err == nil && path == standard {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	_, missing := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if errors.Is(missing, fs.ErrNotExist) {
		syncDir(filepath.Dir(path))
	}
	return &fileJournal{path, f}, nil
}

// syncDir makes a new name in a folder last, where the system can.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// Close ends the work with the journal.
func (j *fileJournal) Close() error { return j.f.Close() }

// Record implements desfire.KeyJournal.
func (j *fileJournal) Record(_ context.Context, e desfire.KeyJournalEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if j.cutOff() {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.f.Sync()
}

// recordNow records an entry with the present time.
func (j *fileJournal) recordNow(ctx context.Context, e desfire.KeyJournalEntry) error {
	e.Time = time.Now().UTC()
	return j.Record(ctx, e)
}

// cutOff reports whether the last line has no end: a program died writing it.
func (j *fileJournal) cutOff() bool {
	info, err := j.f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = j.f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// journalEntry is a line of the journal, and whether it is the last word about
// its key and says no outcome.
type journalEntry struct {
	desfire.KeyJournalEntry
	Open bool `json:"open"`
}

// maxJournalLine is more than any entry has.
const maxJournalLine = 64 * 1024

// readJournal reads a journal; one that is not there is empty. Lines that are
// no entries are left out and described.
func readJournal(path string) (entries []journalEntry, damaged []string, err error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	defer f.Close()
	last := make(map[string]int)
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxJournalLine)
	n := 0
	for in.Scan() {
		n++
		if len(in.Bytes()) == 0 {
			continue
		}
		var e journalEntry
		if err := json.Unmarshal(in.Bytes(), &e.KeyJournalEntry); err != nil || !knownState(e.State) {
			damaged = append(damaged, fmt.Sprintf("line %d is no entry", n))
			continue
		}
		id := fmt.Sprintf("%s %v %d", e.Card, e.App, e.No)
		if i, ok := last[id]; ok {
			entries[i].Open = false
		}
		last[id] = len(entries)
		e.Open = e.State == desfire.KeyChangeBegun || e.State == desfire.KeyChangeUncertain
		entries = append(entries, e)
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, nil, fmt.Errorf("%s is no journal: line %d is longer than any entry", path, n+1)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, nil, err
	case len(entries) == 0 && len(damaged) > 0:
		return nil, nil, fmt.Errorf("%s is no journal: no line of it is an entry", path)
	}
	return entries, damaged, nil
}

func knownState(s string) bool {
	switch s {
	case desfire.KeyChangeBegun, desfire.KeyChangeDone, desfire.KeyChangeUndone, desfire.KeyChangeUncertain:
		return true
	}
	return false
}

func (a *app) keyJournalCommand() *cobra.Command {
	var open bool
	var path string
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "List the key changes that were made, and those without an outcome",
		Long: `List the key changes that were made on this computer. A change without an outcome
is open: the card was lost, or the program ended, in the middle of it, or it is
still under way. Present the card, and "desfire key find" settles it.

With --json, one object a line with "open" in it.`,
		Args: wants(),
		Example: `  desfire key journal --open
  desfire key journal --journal site-a.jsonl --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				var err error
				if path, err = defaultJournal(); err != nil {
					return err
				}
			}
			return a.showJournal(path, open)
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "only changes without an outcome")
	cmd.Flags().StringVar(&path, "journal", "", "`FILE` of the journal (default key-journal.jsonl in the user's configuration folder)")
	return cmd
}

func (a *app) showJournal(path string, openOnly bool) error {
	entries, damaged, err := readJournal(path)
	if err != nil {
		return err
	}
	for _, d := range damaged {
		a.log.Warn("the journal is damaged: "+d, "journal", path)
	}
	shown := 0
	for _, e := range entries {
		if openOnly && !e.Open {
			continue
		}
		shown++
		if a.json {
			if err := a.emit(e); err != nil {
				return err
			}
			continue
		}
		a.printEntry(e)
	}
	if shown == 0 && !a.json {
		what := "No key changes"
		if openOnly {
			what = "No open key changes"
		}
		a.printf("%s in %s\n", what, path)
	}
	return nil
}

func (a *app) printEntry(e journalEntry) {
	p := a.out
	state := p.good
	switch {
	case e.Open:
		state = p.bad
	case e.State != desfire.KeyChangeDone:
		state = p.dim
	}
	uid := e.Card
	if uid == "" {
		uid = "unknown card"
	}
	l := level{e.App, e.Name != ""}
	a.printf("%s  %s  %s key %d  %s\n", p.dim.Render(e.Time.UTC().Format(time.DateTime+"Z")), p.title.Render(uid), l.arg(), e.No, state.Render(e.State))
	a.printf("  %s -> %s\n", describeKey(p, e.Old), describeKey(p, e.New))
	if !e.Open {
		return
	}
	arg := func(f desfire.KeyFacts) string {
		if f.Ref == "" {
			return "KEY"
		}
		return f.Ref
	}
	a.printf("  %s desfire key find %s %d --old %s --new %s\n", p.warn.Render("open:"), l.arg(), e.No, arg(e.Old), arg(e.New))
}
