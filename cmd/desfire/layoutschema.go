package main

import (
	"encoding/json"

	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/spf13/cobra"
)

func (a *app) layoutSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of layouts, for editors",
		Long: `Print the JSON Schema of layouts. An editor with the YAML language server completes
and checks a layout that begins with the line

  # yaml-language-server: $schema=layout.schema.json`,
		Args: wants(),
		Example: `  desfire layout schema
  desfire layout schema --json`,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.emit(json.RawMessage(yaml.Schema()))
			}
			_, err := a.stdout.Write(yaml.Schema())
			return cannotPrint(err)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}
