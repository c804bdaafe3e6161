package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A link that a killed program left leads to the line of the next one, which has the same
// number: it is taken over. One that leads to somebody else's line is not.
func TestLinkOfKilled(t *testing.T) {
	far, line, err := openLine()
	if err != nil {
		t.Skip(err)
	}
	defer far.Close()
	defer line.Close()
	link := filepath.Join(t.TempDir(), "pn532")
	if err := os.Symlink(line.Name(), link); err != nil {
		t.Fatal(err)
	}
	if err := makeLink(line.Name(), link); err != nil {
		t.Error(err)
	}
	if err := makeLink(line.Name()+"1", link); err == nil {
		t.Error("somebody else's link is taken")
	}
	removeLink(line.Name(), link)
	if _, err := os.Lstat(link); err == nil {
		t.Error("the link is still there")
	}
}
