package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const longHelp = `Work with MIFARE DESFire cards: on a PC/SC reader, on a socket, or simulated.`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "desfire",
		Short:         "Work with MIFARE DESFire cards",
		Long:          longHelp,
		Version:       toolVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          subcommand,

		SuggestionsMinimumDistance: 2,

		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	a.globalFlags(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	for _, group := range a.verbs() {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.cmds {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	for _, t := range topics {
		cmd := t.command()
		if t.name == "flags" {
			cmd.Long = "Flags that act on many verbs. Each verb says which of them act on it.\n\n" + flagTable(root.PersistentFlags())
		}
		root.AddCommand(cmd)
	}
	root.SetHelpCommand(helpCommand())
	shortHelp(root)
	a.completions(root)
	strictNumbers(root)
	return root
}

// verbGroup is verbs that belong together in the help of the root.
type verbGroup struct {
	id, title string
	cmds      []*cobra.Command
}

func (a *app) verbs() []verbGroup {
	return []verbGroup{
		{"card", "Readers and cards:", []*cobra.Command{
			a.readersCommand(), a.doctorCommand(), a.watchCommand(), a.eachCommand(), a.infoCommand(), a.uidCommand(), a.freeCommand(), a.lsCommand(), a.reportCommand(), a.dumpCommand(), a.restoreCommand(), a.configCommand(), a.formatCommand(), a.wipeCommand(), a.issueCommand(), a.rotateCommand(), a.originalityCommand(), a.selftestCommand(), a.webCommand(), a.phoneCommand(), a.agentCommand(), a.fleetCommand(),
		}},
		{"structure", "Applications, files and keys:", []*cobra.Command{a.appCommand(), a.fileCommand(), a.delegatedCommand(), a.layoutCommand(), a.keyCommand(), a.authCommand(), a.kdfCommand()}},
		{"data", "Values and data:", []*cobra.Command{a.readCommand(), a.writeCommand(), a.recordCommand(), a.valueCommand(), a.purseCommand(), a.drainCommand(), a.ndefCommand(), a.sdmCommand(), a.tmacCommand()}},
		{"tools", "Without a card, and frames:", []*cobra.Command{a.demoCommand(), a.simCommand(), a.traceCommand(), a.evidenceCommand(), a.apduCommand(), a.shellCommand(), a.completionCommand(), a.versionCommand(), a.manualCommand()}},
	}
}

// wants checks the number of arguments; names are as in the usage line.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return &usageError{cmd, fmt.Errorf("%s missing: %s %s", strings.Join(names[len(args):], " and "), cmd.CommandPath(), strings.Join(names, " "))}
		case len(args) > len(names) && len(names) == 0:
			return &usageError{cmd, fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])}
		case len(args) > len(names):
			return &usageError{cmd, fmt.Errorf("one argument too many, %q: %s %s", args[len(names)], cmd.CommandPath(), strings.Join(names, " "))}
		}
		return nil
	}
}
