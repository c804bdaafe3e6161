package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/spf13/cobra"
)

// complete completes the word of a line that ends at pos, as the shell of the
// system does with the script of desfire completion. What cannot be shown, or
// typed, is left out.
func (s *shell) complete(ctx context.Context, line string, pos int) (newLine string, newPos int, show string) {
	before, word, ok := lastWord(line[:pos])
	if !ok {
		return line, pos, ""
	}
	words, err := shellWords(before)
	if err != nil {
		return line, pos, ""
	}
	if len(words) > 0 && words[0] == s.cmd.Root().Name() {
		words = words[1:]
	}
	select {
	case <-s.turn:
		defer func() { s.turn <- token{} }()
	case <-time.After(glanceTime):
		return line, pos, "" // the card that has just come is looked at
	}
	found, directive := s.candidates(ctx, words, word)
	if len(found) == 0 {
		return line, pos, ""
	}
	common := found[0].name
	for _, c := range found[1:] {
		common = commonBeginning(common, c.name)
	}
	if len(found) > 1 && len(common) <= len(word) {
		return line, pos, s.listed(found)
	}
	put := quoted(common)
	switch {
	case len(found) > 1 && put != common:
		put = common // the word goes on
	case len(found) == 1 && directive&cobra.ShellCompDirectiveNoSpace == 0:
		put += " "
	}
	after := line[pos:]
	if strings.HasSuffix(put, " ") {
		after = strings.TrimPrefix(after, " ")
	}
	return before + put + after, len(before) + len(put), ""
}

// choice is something that completes a word.
type choice struct{ name, what string }

// candidates are what completes a word behind others.
func (s *shell) candidates(ctx context.Context, words []string, word string) ([]choice, cobra.ShellCompDirective) {
	a := s.verbApp(strings.NewReader(""))
	defer a.putAway()
	var out bytes.Buffer
	console := screen.NewConsole(&out, discard{})
	a.stdout, a.stderr, a.console = console.Out, console.Err, console
	root := a.rootCommand()
	s.own(root, a)
	a.fromShellToComplete(root)
	root.SetArgs(append(append([]string{cobra.ShellCompRequestCmd}, words...), word))
	if root.ExecuteContext(ctx) != nil {
		return nil, 0
	}
	var found []choice
	directive := cobra.ShellCompDirectiveDefault
	var extensions []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		if n, is := strings.CutPrefix(line, ":"); is {
			d, err := strconv.Atoi(n)
			if err == nil {
				directive = cobra.ShellCompDirective(d)
				continue
			}
		}
		name, what, _ := strings.Cut(line, "\t")
		extensions = append(extensions, name)
		if strings.HasPrefix(name, word) && visible.Text(name) == name {
			found = append(found, choice{name, what})
		}
	}
	switch {
	case directive&cobra.ShellCompDirectiveError != 0:
		return nil, 0
	case directive&cobra.ShellCompDirectiveFilterFileExt != 0:
		found, directive = files(word, extensions)
	case directive&cobra.ShellCompDirectiveNoFileComp == 0 && len(found) == 0:
		found, directive = files(word, nil)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(found, func(c choice) bool {
		was := seen[c.name]
		seen[c.name] = true
		return was
	}), directive
}

// files are those that a name is the beginning of.
func files(typed string, extensions []string) (found []choice, directive cobra.ShellCompDirective) {
	names, _ := filepath.Glob(escapeGlob(typed) + "*")
	for _, name := range names {
		info, err := os.Stat(name)
		dir := err == nil && info.IsDir()
		switch {
		case visible.Text(name) != name:
		case dir:
			found = append(found, choice{name + string(filepath.Separator), ""})
			directive = cobra.ShellCompDirectiveNoSpace
		case len(extensions) == 0 || slices.Contains(extensions, strings.TrimPrefix(filepath.Ext(name), ".")):
			found = append(found, choice{name, ""})
		}
	}
	return found, directive
}

// mostShown is how many candidates are listed.
const mostShown = 40

// listed are candidates with what is said of them.
func (s *shell) listed(found []choice) string {
	wide := 0
	for _, c := range found[:min(len(found), mostShown)] {
		wide = max(wide, screen.Width(c.name))
	}
	room := max(s.columns()-wide-4, 0)
	var out []screen.Text
	for _, c := range found[:min(len(found), mostShown)] {
		what := visible.Text(c.what)
		if runes := []rune(what); len(runes) > room {
			what = string(runes[:room])
		}
		out = append(out, screen.Sprintf("  %s%s  %s\n", s.err.Title.Render(c.name), screen.Pad(c.name, wide), s.err.Dim.Render(what)))
	}
	if more := len(found) - mostShown; more > 0 {
		out = append(out, screen.Sprintf("  and %d more\n", more))
	}
	return string(screen.Join(out, ""))
}

// lastWord parts what is typed into the last word, without quotes, and what
// stands before it. It fails within quotes that parts of words have.
func lastWord(line string) (before, word string, ok bool) {
	start := 0
	var q quoting
	for i, c := range line {
		if q.plain(c) && (c == ' ' || c == '\t') {
			start = i + 1
		}
	}
	typed := line[start:]
	if q.quote != 0 {
		typed += string(q.quote)
	}
	words, err := shellWords(typed)
	switch {
	case err != nil || len(words) > 1:
		return "", "", false
	case len(words) == 1:
		word = words[0]
	}
	return line[:start], word, true
}

// commonBeginning is what two words begin with, in whole characters.
func commonBeginning(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return a[:n]
}
