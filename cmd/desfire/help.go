package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how wide help is, whatever the terminal.
const helpWidth = 80

const usageTemplate = `Usage:{{if onlyGroups .}} {{.CommandPath}} VERB ...{{else}}
  {{.UseLine}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} VERB ...{{end}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Verbs:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand (not (aside .))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{with ownFlags .}}

Flags:
{{.}}{{end}}{{with globalNames .}}

{{.}}{{end}}{{if .HasAvailableSubCommands}}

{{if .HasParent}}{{.CommandPath}} VERB --help tells more of a verb.{{else}}More: VERB --help; help {{topicNames}}
      {{asideNames}}{{end}}{{end}}
`

// helpFuncs gives cobra what the templates call; it keeps that in one table for
// all trees of verbs.
var helpFuncs = sync.OnceFunc(func() {
	cobra.AddTemplateFunc("ownFlags", func(cmd *cobra.Command) string { return flagTable(cmd.LocalNonPersistentFlags()) })
	cobra.AddTemplateFunc("globalNames", globalNames)
	cobra.AddTemplateFunc("onlyGroups", onlyGroups)
	cobra.AddTemplateFunc("topicNames", topicNames)
	cobra.AddTemplateFunc("prose", prose)
	cobra.AddTemplateFunc("aside", aside)
	cobra.AddTemplateFunc("asideNames", func() string { return strings.Join(asides, ", ") })
})

// shortHelp makes help fit a screen: the flags of the verb itself in full, the
// global ones that act on it by name.
func shortHelp(root *cobra.Command) {
	helpFuncs()
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{prose .}}\n\n{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}")
}

// prose is the text of help with the paragraphs that are too wide folded.
func prose(text string) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range paragraphs {
		wide, indented := false, false
		for line := range strings.Lines(p) {
			wide = wide || utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > helpWidth
			indented = indented || strings.HasPrefix(line, " ")
		}
		if wide && !indented {
			paragraphs[i] = string(screen.Join(screen.Wrap(screen.Text(strings.ReplaceAll(p, "\n", " ")), helpWidth), "\n"))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// onlyGroups reports whether a command does nothing itself, but has verbs.
func onlyGroups(cmd *cobra.Command) bool {
	return cmd.HasAvailableSubCommands() && verbUses[verbOf(cmd)] == nil
}

// asides are verbs that the help of the root names in one line, so that it fits a
// screen.
var asides = []string{"apdu", "completion", "delegated", "evidence", "free", "kdf", "tmac", "uid", "version", "wipe"}

func aside(cmd *cobra.Command) bool {
	return slices.Contains(asides, cmd.Name()) && cmd.Parent() == cmd.Root()
}

// topicNames are the pages of help that are no verbs.
func topicNames() string {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// globalNames is which global flags act on a verb, folded.
func globalNames(cmd *cobra.Command) string {
	if !cmd.Runnable() || onlyGroups(cmd) || topicOf(cmd) {
		return ""
	}
	words := []screen.Text{"Global flags:"}
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if acts(cmd, f.Name) && f.Name != "help" {
			words = append(words, screen.Text("--"+f.Name))
		}
	})
	words = append(words, "(desfire", "help", "flags)")
	return string(screen.Join(screen.Fold(words, " ", helpWidth-2), "\n  "))
}

// flagTable is flags with what they do, folded.
func flagTable(flags *pflag.FlagSet) string {
	var names []string
	var all []*pflag.Flag
	wide := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		value, _ := pflag.UnquoteUsage(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if value != "" {
			name += " " + value
		}
		names, all = append(names, name), append(all, f)
		wide = max(wide, len(name))
	})
	wide = min(wide, 26)
	var b strings.Builder
	for i, f := range all {
		_, what := pflag.UnquoteUsage(f)
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" && !strings.Contains(what, "default") && !strings.HasPrefix(d, "-") {
			what += fmt.Sprintf(" (default %s)", d)
		}
		head := "  " + names[i]
		indent := strings.Repeat(" ", wide+5)
		lines := screen.Wrap(screen.Text(what), helpWidth-len(indent))
		if len(names[i]) > wide {
			fmt.Fprintf(&b, "%s\n", head)
		} else if len(lines) > 0 {
			fmt.Fprintf(&b, "%-*s%s\n", len(indent), head, lines[0])
			lines = lines[1:]
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "%s%s\n", indent, l)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// topic is a page of help that is no verb.
type topic struct{ name, short, text string }

func (t topic) command() *cobra.Command {
	return &cobra.Command{Use: t.name, Short: t.short, Long: t.text, Annotations: map[string]string{"topic": "yes"}}
}

func topicOf(cmd *cobra.Command) bool { return cmd.Annotations["topic"] != "" }

// helpCommand is "desfire help NAME".
func helpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "help [VERB or TOPIC]",
		Short: "Tell more of a verb, or of a topic",
		Long:  `Tell more of a verb, as VERB --help does, or of one of the topics.`,
		Example: `  desfire help value debit
  desfire help keys`,
		DisableFlagsInUseLine: true,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of, rest, err := cmd.Root().Find(args)
		switch {
		case err != nil && of != nil:
			return subcommand(of, args)
		case err != nil:
			return err
		case len(rest) > 0:
			if err := subcommand(of, rest); err != nil {
				return err
			}
		}
		return of.Help()
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		of, _, err := cmd.Root().Find(args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, c := range of.Commands() {
			if (c.IsAvailableCommand() || topicOf(c)) && strings.HasPrefix(c.Name(), typed) {
				out = append(out, c.Name()+"\t"+c.Short)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
