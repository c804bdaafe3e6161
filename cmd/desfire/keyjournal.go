package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// defaultJournal is where the journal is unless --journal says otherwise.
func defaultJournal() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for the journal (%w): name one with --journal FILE", err)
	}
	return filepath.Join(dir, "desfire", "key-journal.jsonl"), nil
}

// openJournal opens a journal for writing, and makes the folder of the usual
// one.
func openJournal(path string) (*rekey.FileJournal, error) {
	if standard, err := defaultJournal(); err == nil && path == standard {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	return rekey.OpenJournal(path)
}

// journalEntry is a line of the journal, and whether it is the last word about
// its key and says no outcome.
type journalEntry struct {
	rekey.Entry
	Open bool `json:"open"`
}

// journalResult is what key journal prints with --json.
type journalResult struct {
	Time        time.Time      `json:"time"`
	UID         string         `json:"uid"` // empty if the card did not tell it
	Application wire.Place     `json:"application"`
	Set         wire.KeySetNo  `json:"key_set"` // 0 is the active one
	Key         wire.KeyNo     `json:"key"`
	Old         keystore.Facts `json:"old"`
	New         keystore.Facts `json:"new"`
	State       rekey.State    `json:"state"`
	Open        bool           `json:"open"` // it is the last word about its key, and says no outcome
}

func (e *journalEntry) result() journalResult {
	return journalResult{e.Time, e.Card, placeOf(e), e.Set, e.No, e.Old, e.New, e.State, e.Open}
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
	entries, damaged, err := rekey.ReadJournal(path)
	if err != nil {
		return err
	}
	for _, d := range damaged {
		a.log.Warn("the journal is damaged: "+d, "journal", path)
	}
	shown := 0
	open := rekey.OpenEntries(entries)
	for i, entry := range entries {
		e := journalEntry{entry, open[i]}
		if openOnly && !e.Open {
			continue
		}
		shown++
		if a.json {
			if err := a.emit(e.result()); err != nil {
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

// placeOf is where the key of an entry is.
func placeOf(e *journalEntry) wire.Place {
	name, err := hex.DecodeString(e.Name)
	switch {
	case err != nil || len(name) == 0:
		return wire.Place{AID: e.App}
	case bytes.Equal(name, wire.LightName[:]), bytes.Equal(name, wire.NDEFName[:]):
		return wire.Place{Fixed: true}
	}
	return wire.Place{Name: string(name)}
}

func (a *app) printEntry(e journalEntry) {
	p := a.out
	state := p.Good
	switch {
	case e.Open:
		state = p.Bad
	case e.State != rekey.Changed:
		state = p.Dim
	}
	uid := e.Card
	if uid == "" {
		uid = "unknown card"
	}
	l := placeOf(&e)
	a.printf("%s  %s  %s key %d  %s\n", p.Dim.Render(e.Time.UTC().Format(time.DateTime+"Z")), p.Title.Render(uid), l.String(), e.No, state.Render(string(e.State)))
	a.printf("  %s -> %s\n", describeKey(p, e.Old), describeKey(p, e.New))
	if !e.Open {
		return
	}
	arg := func(f keystore.Facts) string {
		if f.Source == "" {
			return "KEY"
		}
		return f.Source
	}
	a.printf("  %s desfire key find %s %d --old %s --new %s\n", p.Warn.Render("open:"), l.String(), e.No, arg(e.Old), arg(e.New))
}
