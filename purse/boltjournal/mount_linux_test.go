package boltjournal_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// A disk of its own, where this process may make one, that is full, then read-only.
func TestSmallDisk(t *testing.T) {
	for _, size := range []string{"size=24k", "size=64k", "size=88k", "size=160k", "size=300k"} {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, size); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
		path := filepath.Join(dir, "purse.db")
		at := fullDisk(t, path, 0)
		if _, err := os.Stat(path); err != nil {
			continue // no place for an empty one
		}
		r, err := boltjournal.Open(path, boltjournal.Options{ReadOnly: true})
		must(t, err)
		if n, err := position(r); err != nil || n < at || n > at+1 {
			t.Errorf("%s: a reader sees %d calls, %v, want %d", size, n, err, at)
		}
		must(t, r.Close())
		must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		r, err = boltjournal.Open(path, boltjournal.Options{ReadOnly: true})
		must(t, err)
		must(t, r.Close())
		if _, err := boltjournal.Open(path, boltjournal.Options{}); err == nil {
			t.Errorf("%s: a journal on a read-only disk is open for writing", size)
		} else {
			t.Log(err)
		}
		must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=10m"))
		look(t, path, at, size)
	}
}
