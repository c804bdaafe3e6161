package manpage

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func tree() *cobra.Command {
	run := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "tool", Short: "Do things", Long: "Do things.\n\nWith care.", RunE: run}
	root.PersistentFlags().Bool("loud", false, "say `MORE`")
	root.AddGroup(&cobra.Group{ID: "g", Title: "Things:"})
	thing := &cobra.Command{Use: "thing", Short: "UID of a thing", GroupID: "g"}
	take := &cobra.Command{
		Use: "take NAME", Short: "Take it", RunE: run,
		Long:    ".dot \\ 'quoted' and so on\n\n  one    what one is\n         and more\n  two    second\n\nA list:\n  a: {b}\n  c",
		Example: "  tool thing take a-b                                                     # one that is far too long",
	}
	take.Flags().StringP("at", "a", "here", "`PLACE` of it")
	thing.AddCommand(take)
	secret := &cobra.Command{Use: "secret", Short: "Hide", Hidden: true, RunE: run, GroupID: "g"}
	topic := &cobra.Command{Use: "words", Short: "What words mean", Long: "Words.", Annotations: map[string]string{"topic": "yes"}}
	root.AddCommand(thing, secret, topic)
	return root
}

func pages(t *testing.T, conf Config) map[string]string {
	t.Helper()
	conf.Version, conf.Date = "v1.2.3", time.Date(2026, 2, 3, 23, 0, 0, 0, time.FixedZone("", -7200))
	conf.Topic = func(cmd *cobra.Command) bool { return cmd.Annotations["topic"] != "" }
	all := map[string]string{}
	for _, p := range conf.Pages(tree()) {
		all[p.Name] = string(p.Text)
	}
	return all
}

func TestPages(t *testing.T) {
	all := pages(t, Config{Section: 1, Global: func(*cobra.Command) []string { return []string{"--loud", "--more"} }})
	for name, want := range map[string][]string{
		"tool.1": {
			".TH \"TOOL\" 1 2026-02-04 \"tool v1.2.3\" \"Manual of tool\"\n", ".SH \"NAME\"\ntool \\- do things\n",
			"Do things.\n.PP\nWith care.\n", ".SS \"Things\"\n.TP\n.BR tool\\-thing (1)\nUID of a thing.\n",
			".SH \"OPTIONS OF MANY VERBS\"\n.TP\n\\fB\\-\\-loud\\fR \\fIMORE\\fR\nsay MORE\n", ".BR tool\\-words (7)",
		},
		"tool-thing.1": {
			"tool\\-thing \\- UID of a thing\n", "\\fBtool thing\\fR VERB ...\n", ".SS \"tool thing take\"\nTake it.\n.PP\n\\fBtool thing take\\fR NAME [flags]\n",
			"\n\\&.dot \\e \\(aqquoted\\(aq and so on\n", ".TP\n\\fBone\\fR\nwhat one is\nand more\n.TP\n\\fBtwo\\fR\nsecond\n",
			"A list:\n.PP\n.EX\na: {b}\nc\n.EE\n", ".EX\n# one that is far too long\ntool thing take a\\-b\n.EE\n",
			"\\fB\\-a\\fR, \\fB\\-\\-at\\fR \\fIPLACE\\fR\nPLACE of it (default here)\n", ".BR \\-\\-loud ,\n.BR \\-\\-more .\n",
		},
		"tool-words.7": {".TH \"TOOL\\-WORDS\" 7 ", "Words.\n"},
	} {
		for _, w := range want {
			if !strings.Contains(all[name], w) {
				t.Errorf("%s lacks %q:\n%s", name, w, all[name])
			}
		}
		delete(all, name)
	}
	if len(all) > 0 {
		t.Errorf("more pages: %v", all)
	}
}

func TestWhole(t *testing.T) {
	all := pages(t, Config{Section: 8, Whole: true})
	if text := all["tool.8"]; len(all) != 1 || !strings.Contains(text, ".SS \"tool thing take\"\n") || strings.Contains(text, "ecret") {
		t.Errorf("%v", all)
	}
}

// A command that is too long is the same command for a shell.
func TestFolded(t *testing.T) {
	command := strings.TrimSpace(strings.Repeat("desfire --flag value ", 12))
	lines := folded(command)
	var back []string
	for i, l := range lines {
		if len(l) > width {
			t.Errorf("%q", l)
		}
		if i < len(lines)-1 && !strings.HasSuffix(l, ` \`) {
			t.Errorf("%q does not go on", l)
		}
		back = append(back, strings.Fields(strings.TrimSuffix(l, `\`))...)
	}
	if got := strings.Join(back, " "); len(lines) < 3 || got != command {
		t.Errorf("%q", lines)
	}
	if got := folded(strings.Repeat("x", 100)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
