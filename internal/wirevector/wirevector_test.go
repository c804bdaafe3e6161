package wirevector

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "v.txt")
	text := "# x\n\ncommand ISOSelect\n  derived by hand\n  p1p2le 04 0C 256\n  hex D276 | 00\n  By=4 P2=0x0C\n  Name=D27600\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := Load(file)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	v := all[0]
	if v.String() != "line 3: command ISOSelect" || v.Kind != "derived" || v.Source != "by hand" || len(v.Values) != 3 ||
		v.Encoded.P1 != 4 || v.Encoded.P2 != 0x0C || v.Encoded.Le != 256 || len(v.Encoded.Bytes) != 3 || v.Encoded.Marks[0] != 2 || v.Spec() == nil {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{"ISOSelect\n", "other GetValue\n", "  hex 00\n", "command X\n  hex 0\n", "command X\n  p1p2le 04\n", "command X\n  p1p2le 04 0 1\n", "command X\n  p1p2le 04 00 x\n", "command X\n  junk\n"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, err := Load(file + "x"); err == nil {
		t.Error("no file was read")
	}
}
