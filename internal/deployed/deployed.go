// Package deployed is for tests only: the command lines of this module's programs in
// deploy/, wherever they stand there, and in pages of docs.
package deployed

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Line is one command line.
type Line struct {
	File string
	Args []string // without the program
}

var (
	started = regexp.MustCompile(`^ExecStart=(.*)$`)
	flags   = regexp.MustCompile(`^#\s+FLAGS=(.*)$`)
	entry   = regexp.MustCompile(`^ENTRYPOINT \["(.*)"\]$`)
	shown   = regexp.MustCompile(`^#\s+docker compose .* exec \S+ (desfire.*)$`)
	script  = regexp.MustCompile(`(?:^|[\s;|(])(desfire(?:-server)? .*)$`)
)

// Lines are those of a program, desfire or desfire-server, in the folder deploy of a
// module.
func Lines(t testing.TB, module, program string) (lines []Line) {
	t.Helper()
	var names []string
	for _, pattern := range []string{"systemd/*.service", "Containerfile", "compose.yaml", "simulated/*.sh"} {
		found, err := filepath.Glob(filepath.Join(module, "deploy", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("deploy/%s: %v, %v", pattern, found, err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var example []string // flags that comments name, before the command that they are for
		for line := range strings.Lines(string(text)) {
			for _, words := range commands(strings.TrimRight(line, "\n"), filepath.Ext(name), &example) {
				if filepath.Base(words[0]) == program {
					lines = append(lines, Line{name, words[1:]})
				}
			}
		}
	}
	if len(lines) == 0 {
		t.Fatalf("deploy has no command line of %s", program)
	}
	return lines
}

// commands are the command lines in a line.
func commands(line, ext string, example *[]string) [][]string {
	switch ext {
	case ".service":
		if m := flags.FindStringSubmatch(line); m != nil {
			*example = append(*example, m[1])
		}
		m := started.FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		var all [][]string
		for _, f := range append([]string{""}, *example...) {
			all = append(all, strings.Fields(strings.ReplaceAll(m[1], "$FLAGS", f)))
		}
		return all
	case "", ".yaml":
		if m := entry.FindStringSubmatch(line); m != nil {
			return [][]string{strings.Split(m[1], `", "`)}
		}
		if m := shown.FindStringSubmatch(line); m != nil {
			return [][]string{strings.Fields(m[1])}
		}
	case ".sh":
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			return nil
		}
		if m := script.FindStringSubmatch(line); m != nil {
			return [][]string{shell(m[1])}
		}
	}
	return nil
}

// Run tests that a program takes its command lines: root is its command, made anew for each.
func Run(t *testing.T, module, program string, root func() *cobra.Command) {
	check(t, root, Lines(t, module, program))
}

// RunPage is Run for the indented lines of a Markdown page.
func RunPage(t *testing.T, page, program string, root func() *cobra.Command) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var lines []Line
	for line := range strings.Lines(string(text)) {
		if args, ok := strings.CutPrefix(line, "    "+program+" "); ok {
			lines = append(lines, Line{page, shell(args)})
		}
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no command line of %s", page, program)
	}
	check(t, root, lines)
}

func check(t *testing.T, root func() *cobra.Command, lines []Line) {
	for _, line := range lines {
		cmd, rest, err := root().Find(line.Args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: %q: %v", line.File, line.Args, err)
		}
	}
}

var variable = regexp.MustCompile(`\$\{[A-Z]+:-([^}]*)\}`)

// shell takes a simple command apart: no more than the scripts here use.
func shell(text string) (words []string) {
	text = variable.ReplaceAllString(text, "$1")
	for _, w := range strings.Fields(text) {
		if w == ";" || w == "#" || strings.HasPrefix(w, ">") || w == "do" || w == "||" {
			break
		}
		w, last := strings.CutSuffix(w, ";")
		words = append(words, strings.Trim(strings.ReplaceAll(w, `"`, ""), `'`))
		if last {
			break
		}
	}
	return words
}
