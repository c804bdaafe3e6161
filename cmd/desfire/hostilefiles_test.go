package main

import (
	"os"
	"strings"
	"testing"
)

// Files that verbs write hold nothing that a terminal would obey when somebody
// prints them, whatever the card, its image or a log is called.
func TestHostileFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	name := strings.ToValidUTF8(strings.NewReplacer("\x00", "", "/", "").Replace(hostileText), "")
	if code, _, said := tool("sim", "new", name+".json", "--transit"); code != 0 {
		t.Skipf("no file can have this name: %s", said)
	}
	if err := os.WriteFile(name+".log", []byte("# "+strings.ReplaceAll(name, "\r", "")+"\n> 90 60 00 00 00\n< 04 01 01 33 00 1A 05 91 AF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	card := "sim:" + name + ".json"
	for out, args := range map[string][]string{
		"trace":  {"info", "--reader", card, "--trace=trace"},
		"dump":   {"dump", "-o", "dump", "--reader", card},
		"report": {"selftest", "--only", "identify", "--report", "report", "--reader", card},
		"json":   {"trace", "convert", name + ".log", "--to", "json", "--out", "json"},
		"lines":  {"trace", "convert", name + ".log", "--to", "lines", "--out", "lines"},
	} {
		if code, _, said := tool(args...); code != 0 {
			t.Errorf("%q: code %d: %s", args, code, said)
			continue
		}
		if what, bad := obeyed(string(mustRead(t, out))); bad {
			t.Errorf("%s holds %q", out, what)
		}
	}
	for _, text := range []string{"", "{", "> 9" + hostileText + "\n"} { // what cannot be read is a bad file
		if err := os.WriteFile("bad.log", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"show", "verify", "convert"} {
			if code, _, said := tool("trace", verb, "bad.log"); code != exitInput {
				t.Errorf("trace %s of %q: code %d: %s", verb, text, code, said)
			}
		}
	}
	if code, _, said := tool("dump", "show", "dump"); code != 0 {
		t.Errorf("the dump cannot be read: %s", said)
	}
}
