//go:build unix

package trace

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe, as a device, is written to and not replaced; a link stays one.
func TestWriteFileReplacesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	rec := &Recording{ID: "small", Exchanges: []Exchange{{Command: []byte{0x60}, Response: []byte{0xAF}}}}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	read := make(chan string)
	go func() {
		b, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- string(b)
	}()
	if err := rec.WriteFile(pipe, FormatJSON); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(pipe)
	if err != nil || st.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the pipe is %v now, %v", st.Mode(), err)
	}
	if got := <-read; !strings.Contains(got, `"small"`) {
		t.Errorf("through the pipe came %q", got)
	}

	file, link := filepath.Join(dir, "session.json"), filepath.Join(dir, "link.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := rec.WriteFile(link, FormatJSON); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v now, %v", st.Mode(), err)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), `"small"`) {
		t.Errorf("where the link leads is %q, %v", b, err)
	}
}
