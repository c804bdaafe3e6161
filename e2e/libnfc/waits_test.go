package libnfc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

var built string // the folder of waits, empty where it was not needed

// waits is a library that gives libnfc more time, built at the first call.
var waits = sync.OnceValues(func() (file string, err error) {
	dir, err := os.MkdirTemp("", "libnfc")
	if err != nil {
		return "", err
	}
	built, file = dir, filepath.Join(dir, "waits.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", file, "testdata/waits.c", "-ldl").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cc: %w\n%s", err, out)
	}
	return file, nil
})

// environment is that of a program with libnfc on this reader.
func (r *reader) environment(t testing.TB) []string {
	t.Helper()
	file, err := waits()
	if err != nil {
		missing(t, err)
	}
	return append(os.Environ(), "LIBNFC_DEVICE="+r.device, "LC_ALL=C", "LD_PRELOAD="+file)
}
