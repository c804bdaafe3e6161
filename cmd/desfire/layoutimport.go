package main

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) layoutImportCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "import [DUMP]",
		Short: "Write a layout of what a card is",

		SuggestFor: []string{"from", "export"},
		Long: `Write a layout of what a card is, the one on the reader or that of a dump: of all
that desfire dump show reads. What a card does not tell, such as its keys, stands in
it as a comment. A keyring (--keys) or --key reads what is not for everybody.

Without -o it goes to stdout.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wants("DUMP")(cmd, args)
			}
			return nil
		},
		Example: `  desfire layout import -o like-this.yaml
  desfire layout import badge.json --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.mayWrite(out); err != nil {
				return err
			}
			return a.cardOrDump(cmd, args, func(c *inspect.Card, from string) error { return a.layoutImport(c, from, out) })
		},
		ValidArgsFunction: completeDump,
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write; stdout if it is not given")
	_ = cmd.MarkFlagFilename("output", "yaml", "yml")
	return cmd
}

// layoutImportResult is what layout import prints with --json.
type layoutImportResult struct {
	cardOf
	Output string       `json:"output"` // the file that was written; empty: it is in text
	Text   string       `json:"text"`
	Notes  []perso.Note `json:"notes"` // what of the card the layout does not say
}

func (a *app) layoutImport(c *inspect.Card, from, out string) error {
	if c.Generation == wire.UnknownGeneration {
		return withCode(exitInput, fmt.Errorf("%s does not say what card it is of", cmp.Or(from, "the card")))
	}
	layout, left := perso.FromCard(c)
	text, more, err := yaml.Import(layout, &yaml.ImportConfig{Notes: left, MasterType: masterType(c)})
	if err != nil {
		return withCode(exitInput, err)
	}
	r := layoutImportResult{cardOf: a.card, Output: out, Notes: append(append([]perso.Note{}, left...), more...)}
	switch {
	case out != "":
		if err := a.writeOut(out, text, 0o644); err != nil {
			return err
		}
	case a.json:
		r.Text = string(text)
	default:
		a.printf("%s", screen.Lines(string(text)))
	}
	switch {
	case a.json:
		return a.emit(r)
	case out != "":
		p := a.remarks()
		p.printf("%s: %s\n", p.Title.Render(out), count(len(layout.Applications), "application"))
		p.notes(p.Title, "Not in the layout", r.Notes) // else they are comments
	}
	return nil
}

// masterType is the type of the PICC master key, as far as it was read.
func masterType(c *inspect.Card) key.Type {
	if s := c.KeySettings; s != nil {
		for t := wire.KeyDES; t <= wire.KeyAES; t++ {
			if t.String() == s.KeyType {
				return key.FromWire(t)
			}
		}
	}
	return key.TypeDES
}

// completeDump completes the one argument of verbs that take a dump, of any format.
func completeDump(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
