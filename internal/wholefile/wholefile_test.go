package wholefile_test

import (
	"errors"
	"io"
	"io/fs"
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

// A new file is there when it is complete, and one that came meanwhile stays.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	broken := errors.New("broken")
	for _, test := range []struct {
		before, meanwhile string
		fails, want       error
		holds             string
	}{
		{holds: "text"},
		{fails: broken, want: broken},
		{before: "old", want: fs.ErrExist, holds: "old"},
		{meanwhile: "other", want: fs.ErrExist, holds: "other"},
	} {
		if test.before != "" {
			if err := os.WriteFile(name, []byte(test.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := wholefile.New(name, ".new-", 0o640, func(w io.Writer) error {
			if err := text("te")(w); err != nil {
				return err
			}
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("half of it is there: %v", err)
			}
			if test.meanwhile != "" {
				if err := os.WriteFile(name, []byte(test.meanwhile), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return errors.Join(test.fails, text("xt")(w))
		})
		if !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
		if got, err := os.ReadFile(name); string(got) != test.holds || err != nil && test.holds != "" {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
		if list, _ := os.ReadDir(dir); len(list) > 1 {
			t.Errorf("left: %v", list)
		}
		_ = os.Remove(name)
	}
}

// WriteAs gives a file its rights.
func TestWriteAs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	if err := wholefile.WriteAs(name, ".new-", 0o400, text("first")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o400 && st.Mode().Perm() != 0o444 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}
