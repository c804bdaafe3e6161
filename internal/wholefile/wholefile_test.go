package wholefile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/internal/wholefile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	holds := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); left != nil {
			t.Errorf("left: %v", left)
		}
	}
	for _, s := range []string{"first, which is longer", "second"} {
		if err := wholefile.Write(name, ".new-", text(s)); err != nil {
			t.Fatal(err)
		}
		holds(s)
	}
	broken := errors.New("broken")
	err := wholefile.Write(name, ".new-", func(w io.Writer) error {
		_ = text("half")(w)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	holds("second")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a", link); err != nil {
		t.Skip(err)
	}
	if err := wholefile.Write(link, ".new-", text("third")); err != nil {
		t.Fatal(err)
	}
	holds("third")
	if st, err := os.Lstat(link); err != nil || st.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, %v", st.Mode(), err)
	}
	if err := wholefile.Write(filepath.Join(dir, "nowhere", "a"), ".new-", text("x")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
