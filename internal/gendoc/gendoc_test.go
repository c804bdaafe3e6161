package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestPagesAreCurrent(t *testing.T) {
	for _, p := range pages {
		want, err := p.render("../..")
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../..", p.path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: go run ./internal/gendoc", p.path)
		}
	}
}

func TestEveryCommandHasDoc(t *testing.T) {
	docs, err := typeDocs("../../wire")
	if err != nil {
		t.Fatal(err)
	}
	for s := range wire.Commands() {
		if s.Unknown == "" && docs[s.Name] == "" {
			t.Errorf("%s has no comment", s.Name)
		}
	}
}

func TestRunNeedsTheRoot(t *testing.T) {
	if err := run(t.TempDir()); err == nil {
		t.Error("ran outside the module")
	}
}
