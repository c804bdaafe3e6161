//go:build linux || darwin

package boltjournal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

// On a full disk nothing is forgotten, and nothing goes on.
func TestDiskFull(t *testing.T) {
	for size := uint64(1024); size < 300_000; size += 40_000 {
		path := filepath.Join(t.TempDir(), "purse.db")
		look(t, path, fullDisk(t, path, size), fmt.Sprint("files of ", size, " bytes at most"))
	}
}

// fullDisk works with a journal until the disk is full, in a process whose files may not
// be larger than size, if that is not 0.
func fullDisk(t *testing.T, path string, size uint64) (calls int) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childJournal+"="+path, fmt.Sprint(childLimit, "=", size))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := fmt.Sscan(string(out), &calls); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return calls
}

// fill is what runs there.
func fill(path string, size uint64) (calls int, err error) {
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return 0, err
	}
	if size > 0 {
		now := before
		now.Cur = size
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
			return 0, err
		}
	}
	j, err := boltjournal.Open(path, boltjournal.Options{NoSync: true})
	if err != nil {
		return 0, full(err)
	}
	for err == nil {
		if err = work(j, calls); err == nil {
			calls++
		}
	}
	var failed *boltjournal.FailedError
	if !errors.As(err, &failed) || full(err) != nil {
		return calls, fmt.Errorf("after %d calls: %w", calls, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return calls, err
	}
	// There may be space again, and it stays failed.
	if _, err := tryBegin(j); !errors.As(err, &failed) {
		return calls, fmt.Errorf("begin after a failure: %w", err)
	}
	if err := j.Keep(ctx, &purse.CardState{CardApp: purse.CardApp{UID: "04", App: "x"}}); !errors.As(err, &failed) {
		return calls, fmt.Errorf("keep after a failure: %w", err)
	}
	if n, err := position(j); err != nil || n < calls || n > calls+1 {
		return calls, fmt.Errorf("after a failure it reads %d calls of %d: %w", n, calls, err)
	}
	if err := j.Close(); !errors.As(err, &failed) {
		return calls, fmt.Errorf("close after a failure: %w", err)
	}
	return calls, nil
}

// full is an error that says something else than that there is no space.
func full(err error) error {
	for _, want := range []error{syscall.EFBIG, syscall.ENOSPC} {
		if errors.Is(err, want) || strings.Contains(err.Error(), want.Error()) {
			return nil
		}
	}
	return err
}

// Who may not write is told so, and can read where the file may be read.
func TestNoRights(t *testing.T) {
	if os.Getenv(childRights) != "" {
		noRights(t, os.Getenv(childRights))
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "purse.db")
	j := open(t, path, boltjournal.Options{NoSync: true})
	for i := range 5 { // the last calls are in the notes
		must(t, work(j, i))
	}
	must(t, j.Abandon())
	for _, name := range []string{path, boltjournal.NotesName(path)} {
		must(t, os.Chmod(name, 0o444))
	}
	must(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if os.Getuid() != 0 {
		noRights(t, path)
		return
	}
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // root may do everything: ask as somebody else
	c := exec.Command("/proc/self/exe", "-test.run=^TestNoRights$")
	c.Env = append(os.Environ(), childRights+"="+path)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	switch {
	case errors.Is(err, fs.ErrPermission):
		t.Skip(err)
	case err != nil:
		t.Errorf("%v:\n%s", err, out)
	}
}

const childRights = "BOLTJOURNAL_TEST_RIGHTS"

func noRights(t *testing.T, path string) {
	t.Helper()
	for name, path := range map[string]string{"its lock": path, "a new one": filepath.Join(filepath.Dir(path), "new.db")} {
		if _, err := boltjournal.Open(path, boltjournal.Options{}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := boltjournal.Open(path, boltjournal.Options{ReadOnly: true})
	must(t, err)
	if n, err := position(r); n != 5 || err != nil {
		t.Errorf("a reader sees %d calls, %v, want 5", n, err)
	}
	must(t, r.Close())
}
