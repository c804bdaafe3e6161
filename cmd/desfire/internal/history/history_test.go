package history

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func lines(h *History) (all []string) {
	for i := range h.Len() {
		all = append(all, h.At(i))
	}
	return all
}

func open(t testing.TB, path string) *History {
	t.Helper()
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func add(t testing.TB, h *History, all ...string) {
	t.Helper()
	for _, line := range all {
		if err := h.Add(line); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "desfire", "history")
	h := open(t, path)
	add(t, h, "one", "two", "two", "", "a\x1b[2Jb", "c\nd", "e\xff", strings.Repeat("x", maxLine+1), "three")
	for _, h := range []*History{h, open(t, path)} {
		if got := lines(h); !slices.Equal(got, []string{"three", "two", "one"}) {
			t.Errorf("%q", got)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if info, err = os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	memory := open(t, "")
	add(t, memory, "one")
	if got := lines(memory); !slices.Equal(got, []string{"one"}) {
		t.Errorf("in memory: %q", got)
	}
}

// The file is bounded, and so is what is read of it.
func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, bytes.Repeat([]byte("line of a file that has grown\n"), 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, path)
	add(t, h, "the last one")
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxBytes {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	var many bytes.Buffer
	for i := range maxLines {
		fmt.Fprintln(&many, "number", i)
	}
	if err := os.WriteFile(path, many.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h = open(t, path)
	add(t, h, "one more", "and one")
	for _, h := range []*History{h, open(t, path)} {
		if h.Len() != maxLines || h.At(0) != "and one" || h.At(maxLines-1) != "number 2" {
			t.Errorf("%d lines, from %q to %q", h.Len(), h.At(maxLines-1), h.At(0))
		}
	}
}

// Two programs add at once, also while one of them shortens the file: no line is
// lost or torn.
func TestHistoryOfTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, bytes.Repeat([]byte(strings.Repeat("x", 1023)+"\n"), 2*maxBytes>>10), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	const each = 30
	for who := range 3 {
		h := open(t, path)
		all.Go(func() {
			for i := range each {
				if err := h.Add(fmt.Sprintf("%d says %d", who, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := lines(open(t, path))
	for who := range 3 {
		for i := range each {
			if !slices.Contains(got, fmt.Sprintf("%d says %d", who, i)) {
				t.Errorf("lost: %d says %d", who, i)
			}
		}
	}
}

// What is no file is not touched, and what was typed is kept in memory.
func TestHistoryWithoutFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "file", "history")} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := Open(path)
		if err == nil {
			t.Errorf("%s: no error", path)
		}
		add(t, h, "one")
		if got := lines(h); !slices.Equal(got, []string{"one"}) {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// Whatever a file holds, its lines can be shown, and a line that is added is
// there afterwards.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{"", "ls\nread 1\n", "ls", "\x00\xff\n\n\nls\r\n", "a\x1b]0;x\x07\n", strings.Repeat("y", 3000) + "\n", "\u202e\n\ufeffls\n"} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "history")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		h := open(t, path)
		before := lines(h)
		for _, line := range before {
			if !typed(line) || !bytes.Contains(content, []byte(line)) {
				t.Fatalf("%q of %q", line, content)
			}
		}
		add(t, h, "the new line")
		if got := lines(open(t, path)); len(got) == 0 || got[0] != "the new line" {
			t.Fatalf("%q of %q", got, content)
		}
	})
}
