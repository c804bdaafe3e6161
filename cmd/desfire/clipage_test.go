package main

import (
	"io"
	"slices"
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

// cardless are the verbs that need no card, and so no flags about one.
var cardless = []string{
	"completion bash", "completion fish", "completion powershell", "completion zsh", "delegated mac", "dump diff", "dump show", "help", "kdf", "key journal", "key new", "key store", "layout lint", "layout schema", "layout show", "phone list", "phone pair", "purse journal", "purse status",
	"sdm url", "sdm verify", "sim new", "sim serve", "sim show", "tmac verify", "trace diagnose", "trace verify", "version",
}

// Global flags act where they say that they do: each verb is known to need a card
// or to need none.
func TestVerbUses(t *testing.T) {
	names := map[string]bool{}
	for _, cmd := range everyCommand(verbTree()) {
		if !verb(cmd) {
			continue
		}
		name := verbOf(cmd)
		names[name] = true
		if _, used := verbUses[name]; used == slices.Contains(cardless, name) {
			t.Errorf("%s: is it in verbUses, or among those that need no card? in one of them", name)
		}
	}
	for _, name := range cardless {
		if !names[name] {
			t.Errorf("%s is no verb", name)
		}
	}
	for name := range verbUses {
		if !names[name] {
			t.Errorf("verbUses has %s, which is no verb", name)
		}
	}
}
