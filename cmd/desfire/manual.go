package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/manpage"
	"github.com/spf13/cobra"
)

// manualCommand is not for people: packages have what it writes.
func (a *app) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "manual FOLDER",
		Short:  "Write the manual pages of this program into a folder",
		Hidden: true,
		Args:   wants("FOLDER"),
		Example: `  desfire manual man
  man -l man/desfire-value.1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, p := range manual(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], p.Name), p.Text, 0o666); err != nil {
					return &codeError{code: exitInput, err: err}
				}
			}
			return nil
		},
	}
}

// manual is the manual pages of a tree of verbs.
func manual(root *cobra.Command) []manpage.Page {
	v := buildVersion()
	return manpage.Config{
		Section: 1, Version: v.Version, Date: v.time, Topic: topicOf, Group: onlyGroups,
		Global: func(cmd *cobra.Command) (names []string) {
			for _, word := range strings.Fields(globalNames(cmd)) {
				if strings.HasPrefix(word, "--") {
					names = append(names, word)
				}
			}
			return names
		},
	}.Pages(root)
}
