//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeyOnTerminal answers the question of a key change on a terminal, and
// looks at the colors of what the key verbs show.
func TestKeyOnTerminal(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each run under the race detector takes a second
	dir := t.TempDir()
	image, journal := filepath.Join(dir, "card.json"), filepath.Join(dir, "journal.jsonl")
	if code := run([]string{"sim", "new", image, "--transit", "--uid", "04112233445566"}, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
		t.Fatal("sim new fails")
	}
	write := func(name, spec string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	oldKey, newKey := write("old", oldKeyFile), write("new", newKeyFile)
	change := []string{"key", "change", "121314", "0", "--old", oldKey, "--new", newKey, "--journal", journal, "--reader", "sim:" + image}
	out, code := onTerminal(t, "no\n", nil, change...)
	if code != exitInterrupted || !strings.Contains(out, "Change this key? Type yes:") || !strings.Contains(out, "not confirmed: nothing was done") {
		t.Errorf("no: code %d:\n%s", code, out)
	}
	out, code = onTerminal(t, "\x03", nil, change...)
	if code != exitInterrupted && code != -1 || strings.Contains(out, "is now") {
		t.Errorf("Ctrl-C: code %d:\n%s", code, out)
	}
	out, code = onTerminal(t, "yes\n", nil, change...)
	if code != exitDone || !strings.Contains(out, "is now") || !strings.Contains(out, escape) {
		t.Errorf("yes: code %d:\n%s", code, out)
	}
	for _, args := range [][]string{
		{"key", "journal", "--journal", journal},
		{"key", "find", "121314", "0", "--old", oldKey, "--new", newKey, "--journal", journal},
		{"key", "version", "121314"}, {"key", "settings", "121314"},
		{"auth", "check", "121314", "0", "--key", newKey}, {"auth", "diagnose", "121314", "0"},
		{"kdf", "--key", newKey, "--uid", "04112233445566"},
	} {
		if args[1] != "journal" && args[0] != "kdf" {
			args = append(args, "--reader", "sim:"+image)
		}
		name := strings.Join(args[:2], " ")
		if out, code := onTerminal(t, "", nil, args...); code != exitDone || !strings.Contains(out, escape) {
			t.Errorf("%s: code %d, no color on a terminal:\n%s", name, code, out)
		}
		for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
			if out, _ := onTerminal(t, "", []string{env}, args...); strings.Contains(out, "\x1b") {
				t.Errorf("%s with %s: color:\n%q", name, env, out)
			}
		}
		if out, _ := onTerminal(t, "", nil, append(args, "--json")...); strings.Contains(out, "\x1b") {
			t.Errorf("%s: color in JSON:\n%q", name, out)
		}
	}
}
