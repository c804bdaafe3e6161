package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/spf13/cobra"
)

// layoutFile is a layout, what fills its columns, and the keys of its cards.
type layoutFile struct {
	path string
	doc  *yaml.Document
	row  map[string]string // nil: its columns are not filled
	keys *yaml.Keys
}

// rowFlags fill the columns of a layout for one card.
type rowFlags struct {
	set []string
	csv string
	row int
}

func (f *rowFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.set, "set", nil, "fill a column of the layout, `COLUMN=VALUE`; may be repeated")
	fs.StringVar(&f.csv, "csv", "", "`TABLE` with a line for each card")
	fs.IntVar(&f.row, "row", 0, "`LINE` of the table, 1 being the first below the names")
	_ = cmd.MarkFlagFilename("csv", "csv")
	_ = cmd.RegisterFlagCompletionFunc("set", func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var columns []string
		if len(args) > 0 {
			if doc, err := yaml.Open(args[0]); err == nil {
				columns = doc.Columns()
			}
		}
		for i := range columns {
			columns[i] += "="
		}
		return beginningWith(typed, columns...), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

// readLayout reads a layout. Where several things are wrong with it, each has a line
// on stderr.
func (a *app) readLayout(ctx context.Context, path string) (*layoutFile, error) {
	l, err := a.openLayout(ctx, path)
	return l, a.badLayout(path, err)
}

// openLayout is readLayout without a word.
func (a *app) openLayout(ctx context.Context, path string) (*layoutFile, error) {
	l := &layoutFile{path: path}
	if path == "-" {
		text, err := a.readUpTo(ctx, path, maxInput) // more than a layout may have
		if err == nil {
			l.doc, err = yaml.Read(path, text, nil)
		}
		return l, err
	}
	var err error
	l.doc, err = untilEnd(ctx, func() (*yaml.Document, error) { return yaml.Open(path) })
	return l, err
}

// badLayout is the error of a layout.
func (a *app) badLayout(path string, err error) error {
	var all yaml.Errors
	if !errors.As(err, &all) || len(all) < 2 {
		return withCode(exitInput, err)
	}
	if !a.json {
		for _, e := range all {
			a.sayAt(e.Error())
		}
	}
	return withCode(exitInput, fmt.Errorf("%s: %s", path, count(len(all), "error")))
}

// sayAt prints what is wrong at a place of a file, as editors read it: in one line,
// unless somebody looks at it.
func (a *app) sayAt(text string) {
	if screen.Terminal(a.stderr) {
		a.remarks().wrapped("", text)
		return
	}
	a.sayf("%s\n", text)
}

// fill reads what fills the columns. Without any, those that need one stay open,
// which is an error if all must be filled.
func (a *app) fill(cmd *cobra.Command, l *layoutFile, f *rowFlags, must bool) error {
	columns := l.doc.Columns()
	row, err := f.ofTable(cmd, columns)
	if err != nil {
		return err
	}
	set := map[string]bool{}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		switch {
		case !ok || name == "":
			return &usageError{cmd, fmt.Errorf("--set %q: want COLUMN=VALUE", s)}
		case !slices.Contains(columns, name):
			return &usageError{cmd, fmt.Errorf("--set %s: %s has no column of that name%s", name, l.path, itsColumns(columns))}
		case set[name]:
			return &usageError{cmd, fmt.Errorf("--set %s is there twice", name)}
		}
		row[name], set[name] = value, true
	}
	if missing := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { _, ok := row[c]; return ok }); len(missing) > 0 && (must || len(row) > 0) {
		return advise(&usageError{cmd, fmt.Errorf("%s needs values for its columns: %s", l.path, strings.Join(missing, ", "))},
			"--set COLUMN=VALUE fills one, --csv FILE --row N takes them from a table.")
	}
	if len(row) > 0 {
		l.row = row
	}
	return nil
}

// ofTable is the line of a table, as far as a layout has columns for it.
func (f *rowFlags) ofTable(cmd *cobra.Command, columns []string) (map[string]string, error) {
	row := map[string]string{}
	switch {
	case (f.csv == "") != (f.row == 0):
		return nil, &usageError{cmd, errors.New("--csv and --row go together: TABLE, and LINE of it")}
	case f.row < 0:
		return nil, &usageError{cmd, fmt.Errorf("--row %d: want 1 or more", f.row)}
	case f.csv == "":
		return row, nil
	}
	t, err := untilEnd(cmd.Context(), func() (*batch.Table, error) { return batch.OpenTable(f.csv, nil) })
	if err != nil {
		return nil, err
	}
	if f.row > t.Rows() {
		return nil, &usageError{cmd, fmt.Errorf("--row %d: %s has %s", f.row, f.csv, count(t.Rows(), "line"))}
	}
	for name, value := range t.Values(t.Row(f.row - 1)) {
		if slices.Contains(columns, name) {
			row[name] = value
		}
	}
	return row, nil
}

func itsColumns(columns []string) string {
	if len(columns) == 0 {
		return ": it has none"
	}
	return ": it has " + strings.Join(columns, ", ")
}

// open says of which contents it is not known what they should be, since columns are
// not filled.
func (l *layoutFile) open() (list []perso.Difference) {
	columns := l.doc.Columns()
	if len(columns) == 0 || l.row != nil {
		return nil
	}
	return []perso.Difference{{What: "contents with columns", Unproven: "not filled are " + strings.Join(columns, ", ")}}
}

// layout is what a card should be.
func (l *layoutFile) layout() (*perso.Layout, error) {
	made, err := l.doc.Layout(l.row)
	return made, withCode(exitInput, err)
}

// withKeys gets the keys of a layout from the keyring. Master keys that are missing
// have a line each on stderr.
func (a *app) withKeys(ctx context.Context, l *layoutFile) error {
	if a.ring != nil {
		l.keys = l.doc.Keys(a.ring, a.ring)
	} else {
		l.keys = l.doc.Keys(nil, nil)
	}
	missing := l.keys.Missing(ctx)
	if len(missing) == 0 {
		return nil
	}
	if !a.json {
		for _, e := range missing {
			a.sayAt(e.Error())
		}
	}
	err := withCode(exitRight, fmt.Errorf("%s: %s missing: %s", l.path, count(len(missing), "master key"), strings.Join(masterNames(missing), ", ")))
	if a.ring == nil {
		return advise(err, "--keys FILE names a keyring that has them.")
	}
	if isFar(a.keysFile) {
		return advise(err, "Keys of layouts are derived here, and master keys in the centre stay there: --keys FILE names a keyring that has them.")
	}
	return advise(err, "They belong below masters in %s.", a.keysFile)
}

func masterNames(missing []*yaml.MasterError) (names []string) {
	for _, e := range missing {
		names = append(names, e.Master)
	}
	return names
}

// stores are the keys that cards hold now, and those that they shall hold.
func (l *layoutFile) stores() (have, want keystore.Store) { return l.keys.Have(), l.keys.Want() }

// hash is that of the layout with what fills its columns.
func (l *layoutFile) hash() string { return l.doc.RowHash(l.row) }

// wantsLayout checks that there is one argument, a layout, and completes it.
func wantsLayout(cmd *cobra.Command) *cobra.Command {
	cmd.Args = wants("LAYOUT")
	cmd.ValidArgsFunction = completeLayout(1)
	return cmd
}

// completeLayout completes names of layouts, n of them; -1: any number.
func completeLayout(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case n >= 0 && len(args) >= n:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case len(args) == 0 || n < 0:
			return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}
