package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const cliIntro = `# Command line

Generated from the verbs of cmd/desfire by ` + "`go test ./cmd/desfire -run TestCommandLinePage -update`" + `; a test keeps it current. It is
what ` + "`desfire VERB --help`" + ` and ` + "`desfire help NAME`" + ` print.

Every verb takes --help. A global flag may stand before or behind the verb, and is an error with a verb on which it does not act. What is
printed with --json is in [output.schema.json](output.schema.json).
`

// commandLinePage is docs/cli.md.
func commandLinePage() string {
	root := verbTree()
	var toc, body strings.Builder
	for _, group := range root.Groups() {
		fmt.Fprintf(&toc, "\n**%s**\n\n", strings.TrimSuffix(group.Title, ":"))
		for _, cmd := range root.Commands() {
			if cmd.GroupID == group.ID && !cmd.Hidden {
				contents(&toc, cmd, 0)
				section(&body, cmd)
			}
		}
	}
	toc.WriteString("\n**Topics**\n\n")
	var pages strings.Builder
	for _, t := range topics {
		for _, cmd := range root.Commands() {
			if cmd.Name() == t.name && topicOf(cmd) {
				fmt.Fprintf(&toc, "- [%s](#%s): %s\n", cmd.Name(), anchor("desfire help "+cmd.Name()), cmd.Short)
				fmt.Fprintf(&pages, "\n## desfire help %s\n\n%s", cmd.Name(), markdown(cmd.Long))
			}
		}
	}
	return cliIntro + toc.String() + body.String() + pages.String()
}

// contents is a command, and those in it, in the table of contents.
func contents(b *strings.Builder, cmd *cobra.Command, depth int) {
	fmt.Fprintf(b, "%s- [%s](#%s): %s\n", strings.Repeat("  ", depth), verbOf(cmd), anchor(cmd.CommandPath()), escaped(cmd.Short))
	for _, c := range cmd.Commands() {
		contents(b, c, depth+1)
	}
}

// section is a command, and those in it.
func section(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n", cmd.CommandPath(), escaped(cmd.Short))
	usage := cmd.UseLine()
	switch {
	case onlyGroups(cmd):
		usage = cmd.CommandPath() + " VERB ..."
	case cmd.HasAvailableSubCommands():
		usage += "\n" + cmd.CommandPath() + " VERB ..."
	}
	fmt.Fprintf(b, "```\n%s\n```\n", usage)
	if cmd.Long != "" {
		fmt.Fprintf(b, "\n%s", markdown(cmd.Long))
	}
	if cmd.HasExample() {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindented(cmd.Example))
	}
	if table := flagTable(cmd.LocalNonPersistentFlags()); table != "" {
		fmt.Fprintf(b, "\nFlags:\n\n```\n%s\n```\n", table)
	}
	if names := strings.TrimSuffix(strings.TrimPrefix(strings.Join(strings.Fields(globalNames(cmd)), " "), "Global flags: "), " (desfire help flags)"); names != "" {
		fmt.Fprintf(b, "\n[Global flags](#desfire-help-flags): %s\n", strings.ReplaceAll(names, " ", ", "))
	}
	for _, c := range cmd.Commands() {
		section(b, c)
	}
}

// markdown is the text of help: what is indented in it is as it is.
func markdown(text string) string {
	var b strings.Builder
	fenced := false
	for i, p := range strings.Split(strings.TrimSpace(prose(text)), "\n\n") {
		indented := strings.HasPrefix(p, "  ")
		if fenced && !indented {
			b.WriteString("```\n")
		}
		if i > 0 {
			b.WriteString("\n")
		}
		if !fenced && indented {
			b.WriteString("```\n")
		}
		fenced = indented
		if !indented {
			if head, rest, ok := strings.Cut(p, "\n  "); ok { // a list below its first line
				fmt.Fprintf(&b, "%s\n\n```\n%s\n```\n", escaped(head), "  "+rest)
				continue
			}
			p = escaped(p)
		}
		b.WriteString(p + "\n")
	}
	if fenced {
		b.WriteString("```\n")
	}
	return b.String()
}

// escaped is text of which nothing is markup.
func escaped(text string) string {
	return regexp.MustCompile("[\\\\`*_<>\\[\\]|]").ReplaceAllString(text, `\$0`)
}

// anchor is the name that a heading can be linked by.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }

// unindented is text without what all its lines begin with.
func unindented(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n  ", "\n"), "\n")
}

// TestCommandLinePage keeps docs/cli.md current.
func TestCommandLinePage(t *testing.T) {
	t.Setenv("DESFIRE_READER", "")
	t.Setenv("DESFIRE_KEYS", "")
	t.Setenv("DESFIRE_IDENTITY", "")
	path := filepath.Join("..", "..", "docs", "cli.md")
	want := commandLinePage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/cli.md is not current: go test ./cmd/desfire -run TestCommandLinePage -update (%v)", err)
	}
}
