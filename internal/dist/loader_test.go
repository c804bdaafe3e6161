package dist

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program that Go links for ARM without being told which loader is refused, one with the
// loader of Debian's armhf is not, and one without a C library is.
func TestLoaders(t *testing.T) {
	for name, test := range map[string]struct{ library, flags, want string }{
		"told":    {`//go:cgo_import_dynamic _ _ "libc.so.6"`, "-I " + loaders["arm"], ""},
		"by Go":   {`//go:cgo_import_dynamic _ _ "libc.so.6"`, "", `started by "/lib/ld-linux.so.3"`},
		"static":  {"", "", "without a C library"},
		"another": {`//go:cgo_import_dynamic _ _ "libc.so.6"`, "-I /lib/ld-musl-armhf.so.1", "ld-musl"},
	} {
		err := loads(linked(t, test.library, test.flags), "arm")
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if err := loads([]byte("MZ"), "arm"); err == nil {
		t.Error("what is no program is taken")
	}
}

// linked is a program for ARM that does nothing.
func linked(t *testing.T, library, flags string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.org/m\n\ngo 1.26.0\n", "main.go": "package main\n\n" + library + "\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-ldflags="+flags, "-o", "program", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm", "GOARM=6", "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := os.ReadFile(filepath.Join(dir, "program"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
