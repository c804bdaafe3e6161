package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every verb and every topic is in the manual.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	if code := run([]string{"manual", dir}, strings.NewReader(""), &said, &said); code != exitDone {
		t.Fatal(code, said.String())
	}
	pages := map[string]string{}
	for _, cmd := range everyCommand(verbTree()) {
		verb := strings.Split(verbOf(cmd), " ")[0]
		name := "desfire-" + verb + ".1"
		switch {
		case cmd.Name() == "help" && cmd.Parent() == cmd.Root():
			continue
		case !cmd.HasParent():
			name = "desfire.1"
		case topicOf(cmd):
			name = "desfire-" + verb + ".7"
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		pages[name] = string(text)
		if verbOf(cmd) != verb && !strings.Contains(string(text), "\n.SS \""+strings.ReplaceAll(cmd.CommandPath(), "-", `\-`)+"\"\n") {
			t.Errorf("%s has no %s", name, cmd.CommandPath())
		}
	}
	there, err := os.ReadDir(dir)
	if err != nil || len(there) != len(pages) {
		t.Errorf("%d pages for %d verbs and topics, %v", len(there), len(pages), err)
	}
	if code := run([]string{"manual", filepath.Join(dir, "none")}, strings.NewReader(""), &said, &said); code != exitInput {
		t.Errorf("a folder that is not there: %d", code)
	}
}
