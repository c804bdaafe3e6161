package main

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// tool is the command tree, which is not run.
func verbTree() *cobra.Command {
	root := newApp(strings.NewReader(""), io.Discard, io.Discard).rootCommand()
	root.InitDefaultHelpCmd()
	return root
}

// everyCommand is the tree, a command before those in it.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			all = append(all, everyCommand(c)...)
		}
	}
	return all
}

// verb reports whether a command does something itself.
func verb(cmd *cobra.Command) bool {
	return cmd.Runnable() && !topicOf(cmd) && !onlyGroups(cmd) && cmd.HasParent()
}

// helpOf is what --help prints.
func helpOf(cmd *cobra.Command) string {
	var out strings.Builder
	cmd.Root().SetOut(&out)
	_ = cmd.Help()
	return out.String()
}

// Help is read in terminals of 80 columns, and that of the root on one screen.
func TestHelpFits(t *testing.T) {
	root := verbTree()
	for _, cmd := range everyCommand(root) {
		help := helpOf(cmd)
		if help == "" {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
		for line := range strings.Lines(help) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > helpWidth || strings.Contains(line, "\t") {
				t.Errorf("%s --help: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
	}
	if n := strings.Count(helpOf(root), "\n"); n > 50 {
		t.Errorf("desfire --help has %d lines", n)
	}
}

// Every verb shows how it is used.
func TestVerbsHaveExamples(t *testing.T) {
	for _, cmd := range everyCommand(verbTree()) {
		if verb(cmd) && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.Short == "" {
			t.Errorf("%s has no word about what it is", cmd.CommandPath())
		}
	}
}
