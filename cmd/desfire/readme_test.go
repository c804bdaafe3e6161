package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// The README's tour on a simulated card runs line by line, as it stands there.
func TestReadmeTour(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a shell")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	tours := regexp.MustCompile(`(?s)    export DESFIRE_READER=sim:.*?    unset DESFIRE_READER[^\n]*\n`).FindAll(readme, -1)
	if len(tours) != 2 {
		t.Fatalf("%d tours, not that of a card and that of a purse", len(tours))
	}
	for _, tour := range tours {
		if n := strings.Count(string(tour), "desfire "); n < 4 {
			t.Fatalf("a tour has %d commands", n)
		}
		p := &pageRun{t: t, page: "README.md"}
		p.chapter()
		for line := range strings.Lines(string(tour)) {
			line = strings.TrimSpace(line)
			if set, ok := strings.CutPrefix(line, "export "); ok {
				for _, one := range strings.Fields(set) {
					p.sh("export " + one)
				}
				continue
			}
			if strings.HasPrefix(line, "unset ") {
				break
			}
			if out, code := p.sh(line); code != 0 {
				t.Errorf("%s: exit code %d\n%s", line, code, strings.Join(out, "\n"))
			}
		}
	}
}

// Links of README and guide lead to something, and install names this program.
func TestReadmeLinks(t *testing.T) {
	for _, page := range []string{"README.md", "docs/guide.md"} {
		text, err := os.ReadFile(filepath.Join(repository, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(repository, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
