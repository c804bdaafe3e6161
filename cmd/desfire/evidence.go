package main

import (
	"github.com/spf13/cobra"
)

func (a *app) evidenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Check and file what cards were seen to do, for this project",
		Long: `Recordings of real cards are what this project is checked against, command by command
and channel by channel: docs/evidence.md of its source tree has the table.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.evidenceAddCommand())
	return cmd
}
