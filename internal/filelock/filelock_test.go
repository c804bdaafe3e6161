package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/internal/filelock"
)

func TestTake(t *testing.T) {
	name := filelock.Name(filepath.Join(t.TempDir(), "card.json"))
	if filepath.Base(name) != ".card.json.lock" {
		t.Errorf("name %s", name)
	}
	if err := os.WriteFile(name, []byte("77 left by a\x07 killed one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := filelock.Take(name, "one")
		if err != nil {
			t.Fatal(err)
		}
		_, err = filelock.Take(name, "two")
		var held *filelock.HeldError
		if !errors.As(err, &held) || held.Program != "one" || held.PID != os.Getpid() {
			t.Fatalf("a second one: %v", err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := filelock.Take(filepath.Join(name, "there"), "one"); err == nil || errors.As(err, new(*filelock.HeldError)) {
		t.Errorf("no such folder: %v", err)
	}
}

func TestHolder(t *testing.T) {
	for want, e := range map[string]filelock.HeldError{
		"": {Program: "x"}, " (pid 5)": {PID: 5}, " (desfire, pid 5)": {Program: "desfire", PID: 5},
	} {
		if got := e.Holder(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
