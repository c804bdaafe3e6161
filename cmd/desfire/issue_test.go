package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/place"
)

// plainLayout needs no keyring.
const plainLayout = `desfire: layout/v1
card: {generations: [ev2], settings: {list: free, create: free, change-settings: master, master-key: changeable}}
keys:
  door: {type: aes, zero: true}
applications:
  - aid: F48121
    keys: {master: door}
    files:
      - {no: 1, type: standard, size: 16, mode: plain, read: free, write: door, content: {template: "{{.name}}", pad: 00}}
`

// issuingOf is issue with a table of n lines, and what it prints.
func issuingOf(t *testing.T, n int) (*issuing, *lockedBuffer) {
	t.Helper()
	dir := t.TempDir()
	table := "name\n"
	for i := range n {
		table += fmt.Sprintf("person %d\n", i+1)
	}
	path := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	doc, err := yaml.Read("plain.yaml", []byte(plainLayout), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := batch.OpenTable(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := new(lockedBuffer)
	a := newApp(strings.NewReader(""), out, new(lockedBuffer))
	a.json = true
	s := &issuing{app: a, file: &layoutFile{path: "plain.yaml", doc: doc}}
	keys := doc.Keys(nil, nil)
	s.conf = batch.Config{Layouts: doc, Table: rows, Book: filepath.Join(dir, "book.jsonl"), OnRow: s.offered}
	s.conf.Perso.Have, s.conf.Perso.Want, s.conf.Perso.Journal = keys.Have(), keys.Want(), noJournal{}
	if s.batch, err = batch.Open(t.Context(), s.conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.batch.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, out
}

// cardLines are the lines of cards.
func cardLines(t *testing.T, out *lockedBuffer) (all []issueCard) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, `{"event":"card"`) {
			continue
		}
		var c issueCard
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// Several readers make cards at once; a card that is lost is finished on another
// reader; when each line has its card it ends.
func TestIssueReaders(t *testing.T) {
	one, two, three := eachCard(t, 1, false), eachCard(t, 2, false), eachCard(t, 3, false)
	s, out := issuingOf(t, 3)
	ended := false
	source := script{
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", Open: func(context.Context) (desfire.Transport, error) {
			return &dying{one.Present(), 24}, nil
		}}),
		inserts(two, "B"),
		until(t, out, `000001","product":"[^"]*","reader":"A","row":"\d","outcome":"half done"`),
		removes("A"), until(t, out, `000002","product":"[^"]*","reader":"B","row":"\d","outcome":"done"`), removes("B"),
		inserts(two, "A"), until(t, out, `000002","product":"[^"]*","reader":"A","row":"\d","outcome":"already"`),
		inserts(one, "B"), until(t, out, `000001","product":"[^"]*","reader":"B","row":"\d","outcome":"done"`),
		inserts(three, "C"), until(t, out, `000003","product":"[^"]*","reader":"C","row":"3","outcome":"done"`),
		func(func(desfire.Event, error) bool) bool { ended = waitFor(s.isEnding); return true },
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.serve(ctx, &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil || !ended {
		t.Error("it did not end by itself")
	}
	rows := map[string]string{}
	for _, c := range cardLines(t, out) {
		if uid := string(c.UID); rows[uid] != "" && rows[uid] != c.Row {
			t.Errorf("card %X has rows %s and %s", c.UID, rows[uid], c.Row)
		}
		rows[string(c.UID)] = c.Row
	}
	if st := s.batch.Status(); len(rows) != 3 || st.Made != 3 || st.Free != 0 {
		t.Errorf("%v %+v", rows, st)
	}
}

// Ctrl-C ends after the card in work, and begins no other.
func TestIssueInterrupted(t *testing.T) {
	slow, other := eachCard(t, 1, false), eachCard(t, 2, false)
	s, out := issuingOf(t, 3)
	ctx, interrupt := context.WithTimeout(t.Context(), 2*time.Minute)
	defer interrupt()
	slow.SetLatency(10 * time.Millisecond)
	source := script{
		inserts(slow, "A"), until(t, out, `"event":"row"`),
		func(func(desfire.Event, error) bool) bool { interrupt(); return true },
		func(func(desfire.Event, error) bool) bool { return waitFor(s.isEnding) },
		inserts(other, "B"), until(t, out, `"outcome":"done"`),
	}
	if err := s.serve(ctx, &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	cards := cardLines(t, out)
	if len(cards) != 1 || cards[0].Outcome != batch.Done || cards[0].Reader != "A" {
		t.Errorf("%+v", cards)
	}
	if !strings.Contains(out.String(), `{"event":"summary"`) {
		t.Errorf("no summary: %s", out)
	}
}

func (s *issuing) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

func waitFor(is func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// A card that never answers to the end is left alone until it is put there anew.
func TestIssueStalls(t *testing.T) {
	s, out := issuingOf(t, 1)
	s.count = 1
	card := eachCard(t, 1, false)
	opened := 0
	source := script{
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", Open: func(context.Context) (desfire.Transport, error) {
			opened++
			return &dying{card.Present(), 1}, nil
		}}),
		func(func(desfire.Event, error) bool) bool {
			return waitFor(func() bool { return len(cardLines(t, out)) > 0 })
		},
		removes("A"), inserts(card, "A"), until(t, out, `"outcome":"done"`),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_ = s.serve(ctx, &place.Place{Source: source, Name: "script"})
	lines := cardLines(t, out)
	if last := lines[len(lines)-1]; last.Outcome != batch.Done || opened > maxStalls+1 {
		t.Errorf("%d times opened; %+v", opened, lines)
	}
}

// A name of a row comes from a table: advice quotes it for the shell.
func TestReleaseAdviceQuotes(t *testing.T) {
	err := notOpened(&batch.RowChangedError{Table: "people.csv", Line: 2, Row: "1; date", Column: "name"})
	var a *adviceError
	if !errors.As(err, &a) || !strings.Contains(a.next, "--release '1; date' --why") {
		t.Errorf("%+v", a)
	}
}
