package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a verb overwrites is there until the new file is complete: who has it open
// sees all of the old one, as everybody does if the verb is killed or the disk is
// full.
func TestOverwrittenWhole(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "card.json")
	if code := run([]string{"sim", "new", image, "--transit"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatal("sim new fails")
	}
	t.Setenv("DESFIRE_READER", "sim:"+image)
	recording := filepath.Join(dir, "session.json")
	for _, line := range []string{
		"uid --trace " + recording,
		"read 121314 0 --out OUT --force",
		"selftest --only identify --report OUT --force",
		"dump --output OUT --force",
		"report --out OUT --force",
		"trace convert " + recording + " --out OUT --force",
	} {
		out := filepath.Join(dir, "out")
		if err := os.WriteFile(out, []byte("the old text"), 0o600); err != nil {
			t.Fatal(err)
		}
		old, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		var errs strings.Builder
		if code := run(strings.Fields(strings.ReplaceAll(line, "OUT", out)), strings.NewReader(""), io.Discard, &errs); code != 0 {
			t.Fatalf("%s: code %d: %s", line, code, errs.String())
		}
		if text, err := io.ReadAll(old); err != nil || string(text) != "the old text" {
			t.Errorf("%s: the old file holds %q, %v", line, text, err)
		}
		_ = old.Close()
		if strings.Contains(line, "OUT") {
			if text := mustRead(t, out); len(text) == 0 || string(text) == "the old text" {
				t.Errorf("%s: wrote %q", line, text)
			}
		}
	}
}
