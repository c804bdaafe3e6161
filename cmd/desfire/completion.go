package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// scripted is a shell for which there is a script that completes.
type scripted struct {
	name, install string
	write         func(root *cobra.Command, w io.Writer) error
}

var shells = []scripted{
	{"bash", `It needs the package bash-completion. For this shell only:

  source <(desfire completion bash)

For every new one:

  mkdir -p ~/.local/share/bash-completion/completions
  desfire completion bash > ~/.local/share/bash-completion/completions/desfire`,
		func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
	{"zsh", `For this shell only:

  source <(desfire completion zsh)

For every new one, with ~/.zfunc in fpath before compinit in ~/.zshrc:

  mkdir -p ~/.zfunc
  desfire completion zsh > ~/.zfunc/_desfire
  # in ~/.zshrc:
  fpath+=~/.zfunc; autoload -U compinit; compinit`,
		func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) }},
	{"fish", `For this shell only:

  desfire completion fish | source

For every new one:

  desfire completion fish > ~/.config/fish/completions/desfire.fish`,
		func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }},
	{"powershell", `For this shell only:

  desfire completion powershell | Out-String | Invoke-Expression

For every new one, add that line to the file that $PROFILE names.`,
		func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) }},
}

func (a *app) completionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion",
		Short: "Let the shell complete verbs, applications, files and keys",
		Long: `Print the script with which a shell completes what is typed: verbs and flags,
applications and files of the card that lies on the reader, key numbers, readers,
images. No key is used for that, and nothing on a card is changed.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, s := range shells {
		cmd.AddCommand(&cobra.Command{
			Use:     s.name,
			Short:   "Print the script for " + s.name,
			Long:    fmt.Sprintf("Print the script with which %s completes what is typed.\n\n%s", s.name, s.install),
			Args:    wants(),
			Example: "  desfire completion " + s.name,
			RunE:    func(cmd *cobra.Command, _ []string) error { return s.write(cmd.Root(), a.stdout) },

			ValidArgsFunction: cobra.NoFileCompletions,
		})
	}
	return cmd
}
