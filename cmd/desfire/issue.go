package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/spf13/cobra"
)

func (a *app) issueCommand() *cobra.Command {
	v := &issueVerb{issuing: issuing{app: a}}
	cmd := &cobra.Command{
		Use:   "issue LAYOUT",
		Short: "Make a card for each line of a table, one after the other",

		SuggestFor: []string{"personalize", "personalise", "produce", "batch"},
		Long: `Make a card of a layout for each line of a table, one after the other, until all
have one or Ctrl-C, which ends after the card in work; once more, at once. Each
reader of --reader works for itself, and --reader may be repeated.

For each card it says whose it will be, makes it, verifies it, and writes a line
into the results. A card gets its line in the book, synced, before anything is
changed, and keeps it: presented again, a card that is done is named and left
alone, and one that was lost is finished, also after a crash. A card that holds
applications of the layout and is not in the book is left alone, unless --used.

With --by COLUMN each line is for the card with that UID; else a card takes the
next that is free. Without --csv all cards are the same. Columns that the layout
needs and the table lacks are errors before the first card.

` + helpLayoutKeys,
		Example: `  desfire issue visitor.yaml --csv visitor.csv --keys keys.yaml
  desfire issue visitor.yaml --csv visitor.csv --count 1 --json --keys keys.yaml
  desfire issue visitor.yaml --csv visitor.csv --release 1 --why broken \
    --keys keys.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, args[0]) },
	}
	v.register(cmd)
	return wantsLayout(cmd)
}

type issueVerb struct {
	issuing
	csv, by, name, separator string
	release, why             string
	prune                    bool
	irreversible             []string
}

func (v *issueVerb) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&v.csv, "csv", "", "`TABLE` with a line for each card; the first one names the columns")
	fs.StringVar(&v.by, "by", "", "`COLUMN` with the UID of the card that a line is for")
	fs.StringVar(&v.name, "name", "", "`COLUMN` that names the lines (default their numbers)")
	fs.StringVar(&v.separator, "separator", "", "`CHARACTER` between values (default that of the first line)")
	fs.StringVar(&v.release, "release", "", "take no card, but this `LINE` from the card that has it")
	fs.StringVar(&v.why, "why", "", "`REASON` to release it, kept in the book")
	fs.BoolVar(&v.conf.Used, "used", false, "take cards that have applications of the layout already")
	fs.BoolVar(&v.conf.NewLayout, "new-layout", false, "go on with a layout that was changed; cards that are done stay as they are")
	registerMaking(cmd, &v.prune, &v.irreversible)
	v.issuing.register(cmd, "TABLE")
	_ = cmd.MarkFlagFilename("csv", "csv")
	columns := func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []string
		if t, err := batch.OpenTable(v.csv, nil); err == nil {
			names = t.Columns()
		}
		return beginningWith(typed, names...), cobra.ShellCompDirectiveNoFileComp
	}
	_ = cmd.RegisterFlagCompletionFunc("by", columns)
	_ = cmd.RegisterFlagCompletionFunc("name", columns)
}

func (v *issueVerb) run(cmd *cobra.Command, path string) error {
	switch {
	case v.csv == "" && (v.by != "" || v.name != "" || v.separator != ""):
		return &usageError{cmd, errors.New("--by, --name and --separator are about a table: --csv is missing")}
	case (v.release == "") != (v.why == ""):
		return &usageError{cmd, errors.New("--release and --why go together: LINE, and REASON")}
	}
	l, err := v.readLayout(cmd.Context(), path)
	if err != nil {
		return err
	}
	if v.conf.Table, err = v.readTable(cmd, l); err != nil {
		return err
	}
	if err := v.withKeys(cmd.Context(), l); err != nil {
		return err
	}
	v.file, v.from, v.doing = l, path, "Making card"
	if v.csv != "" {
		v.from = v.csv
	}
	v.conf.Layouts, v.conf.Releasing = l.doc, v.release
	v.conf.Perso.Have, v.conf.Perso.Want = l.stores()
	v.conf.Perso.Prune, v.conf.Perso.Irreversible = v.prune, v.irreversible
	return v.with(cmd, func() error {
		if v.release == "" {
			return v.issuing.run(cmd, v.question())
		}
		if err := v.batch.Release(v.release, v.why); err != nil {
			return withCode(exitInput, err)
		}
		v.sayf("Line %s is free again\n", v.release)
		return nil
	})
}

// readTable reads --csv; nil if there is none.
func (v *issueVerb) readTable(cmd *cobra.Command, l *layoutFile) (*batch.Table, error) {
	if v.csv == "" {
		if columns := l.doc.Columns(); len(columns) > 0 {
			return nil, &usageError{cmd, fmt.Errorf("%s needs a table with the columns %s: --csv FILE", l.path, strings.Join(columns, ", "))}
		}
		return nil, nil
	}
	conf := &batch.TableConfig{Name: v.name, UID: v.by}
	switch r := []rune(strings.NewReplacer(`\t`, "\t").Replace(v.separator)); len(r) {
	case 0:
	case 1:
		conf.Separator = r[0]
	default:
		return nil, &usageError{cmd, fmt.Errorf("--separator %q: want one character, as ; or \\t", v.separator)}
	}
	t, err := untilEnd(cmd.Context(), func() (*batch.Table, error) { return batch.OpenTable(v.csv, conf) })
	if err == nil && t.Rows() == 0 {
		err = withCode(exitInput, fmt.Errorf("%s has no lines but the names of its columns", v.csv))
	}
	return t, err
}

// question is asked before the first card.
func (v *issueVerb) question() string {
	s := v.batch.Status()
	what := fmt.Sprintf("Make %s of %s?", count(s.Free+s.Bound+s.Failed, "card"), v.file.path)
	if v.conf.Table == nil {
		what = fmt.Sprintf("Make a card of %s of each that is presented?", v.file.path)
	}
	if len(v.irreversible) > 0 {
		what = fmt.Sprintf("Never to be undone: %s. %s", strings.Join(v.irreversible, ", "), what)
	}
	return what
}

// beside is the name of a file next to another, of which it has the name.
func beside(path, ending string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ending
}
