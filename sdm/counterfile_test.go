package sdm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/sdm"
)

// Of many that bring the same message at once, one is believed.
func TestCounterFileTogether(t *testing.T) {
	name := filepath.Join(t.TempDir(), "seen.json")
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = (&sdm.CounterFile{Path: name}).Use(context.Background(), uid, 7) })
	}
	wg.Wait()
	passed := 0
	for _, err := range errs {
		if err == nil {
			passed++
		}
	}
	if passed != 1 {
		t.Errorf("%d passed: %v", passed, errs)
	}
	if left, err := os.ReadDir(filepath.Dir(name)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCounterFile(t *testing.T) {
	ctx := context.Background()
	c := &sdm.CounterFile{Path: filepath.Join(t.TempDir(), "seen.json")}
	a, b := []byte{4, 1}, []byte{4, 2}
	for _, step := range []struct {
		uid     []byte
		counter uint32
		fresh   bool
	}{{a, 5, true}, {a, 5, false}, {a, 4, false}, {b, 4, true}, {a, 6, true}, {a, 0, false}} {
		if err := c.Use(ctx, step.uid, step.counter); (err == nil) != step.fresh || err != nil && !errors.Is(err, sdm.ErrReplay) {
			t.Errorf("%X %d: %v", step.uid, step.counter, err)
		}
	}
	// Who has the file is named, and a context ends the waiting.
	lock, err := filelock.Take(filelock.Name(c.Path), "someone")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.Use(ended, a, 7); err == nil || !strings.Contains(err.Error(), "seen.json is in use (someone, pid ") {
		t.Errorf("locked: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Use(ctx, a, 7); err == nil || !strings.Contains(err.Error(), "no file of counters") {
		t.Errorf("another file: %v", err)
	}
}

// A message that was used by one name of the file is a replay by the other.
func TestCounterFileBehindALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "seen.json"), filepath.Join(dir, "link.json")
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	if err := (&sdm.CounterFile{file}).Use(t.Context(), uid, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	if err := (&sdm.CounterFile{link}).Use(t.Context(), uid, 2); err != nil {
		t.Fatal(err)
	}
	if err := (&sdm.CounterFile{file}).Use(t.Context(), uid, 2); !errors.Is(err, sdm.ErrReplay) {
		t.Errorf("by its own name: %v, want a replay", err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode().IsRegular() {
		t.Errorf("the link is %v now, %v", st.Mode(), err)
	}
}
