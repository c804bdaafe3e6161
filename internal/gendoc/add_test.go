package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/evidence"
	"github.com/go-desfire/desfire/trace"
)

// copyTree copies what the page of evidence is made of.
func copyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"testdata", "wire/testdata"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func render(t *testing.T, root string) []byte {
	t.Helper()
	text, err := evidencePage(root)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A recording that is taken out of a copy of the tree, and added again as one
// that somebody sent, gives the page the cells that it had.
func TestAddedRecordingsStandOnThePage(t *testing.T) {
	root := copyTree(t)
	whole := render(t, root)
	lacked := 0
	for _, id := range []string{"desox-ev3-metadata", "ntag424rs-lrp-key0", "mifareforum-12600-d40-1e"} {
		name := filepath.Join(root, "testdata/traces", id+".json")
		rec, err := trace.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(cells(render(t, root)), cells(whole)) {
			lacked++
		}
		tree, err := evidence.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		a := evidence.AddRecording(rec, &evidence.Options{Source: "somebody", WithKeys: true}, tree)
		if a.Refused != nil {
			t.Fatal(id, a.Refused)
		}
		if err := os.WriteFile(filepath.Join(root, "testdata", a.Name), a.Data, 0o666); err != nil {
			t.Fatal(err)
		}
		with := render(t, root)
		if !bytes.Contains(with, []byte("| "+strings.TrimSuffix(filepath.Base(a.Name), ".json")+" |")) {
			t.Errorf("%s is not on the page", a.Name)
		}
		if got, want := cells(with), cells(whole); !slices.Equal(got, want) {
			t.Errorf("%s: cells differ", id)
		}
	}
	if lacked == 0 {
		t.Error("taking recordings away moved no cell")
	}
}

// cells are the lines of the table of commands.
func cells(page []byte) []string {
	table, _, _ := strings.Cut(string(page), "\n## ")
	return strings.Split(table, "\n")
}
