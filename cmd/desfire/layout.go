package main

import (
	"github.com/spf13/cobra"
)

// helpKeys says where the keys of a layout come from.
const helpLayoutKeys = `Keys are those of the keyring (--keys): the master keys that the layout names, of
which it derives what each card gets, and the keys that it does not derive. What a
card holds now is found among the versions that the layout lists, the keyring, and
the keys that cards are delivered with.`

// helpRow says how columns are filled.
const helpRow = `Columns of a layout are filled by --set COLUMN=VALUE, or from a line of a table:
--csv FILE --row N, 1 being the first below the names.`

func (a *app) layoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "layout",
		Short: "Cards as code: check, plan, make and verify them",

		SuggestFor: []string{"layouts", "profile", "template"},
		Long: `Cards as code. A layout is a YAML file that says what a card should be: settings,
applications, files, rights by the names of keys, contents. Keys themselves are
never in it. "desfire issue" makes many cards of one, docs/layouts.md tells the
language by examples.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.layoutLintCommand(), a.layoutShowCommand(), a.layoutSchemaCommand(), a.layoutImportCommand(),
		a.layoutPlanCommand(), a.layoutApplyCommand(), a.layoutVerifyCommand(), a.layoutDiffCommand(),
	)
	return cmd
}
