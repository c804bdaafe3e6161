package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) fileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "file",
		SuggestFor:                 []string{"createfile", "deletefile", "getfilesettings", "chfilesettings", "clearrecfile", "rm", "rights"},
		Short:                      "Make, delete and look at files, and say who may use them",
		Long:                       "Make, delete and look at files, and say who may use them.\n\n" + helpFile,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.fileCreateCommand(), a.fileDeleteCommand(), a.fileInfoCommand(), a.fileSettingsCommand(), a.fileClearCommand())
	return cmd
}

const helpFile = `APP FILE is a file by its application and number, 0 to 31; APP/FILE will do as
well.
` + helpApp

// fileResult is a file in what file prints with --json. The file is what inspect
// has of it.
type fileResult struct {
	cardOf
	Application wire.Place `json:"application"`
	inspect.File
	Before  *inspect.File `json:"before,omitempty"` // of changed settings
	Created bool          `json:"created,omitempty"`
	Deleted bool          `json:"deleted,omitempty"`
	Changed bool          `json:"changed,omitempty"`
	Cleared bool          `json:"cleared,omitempty"`
	DryRun  bool          `json:"dry_run,omitempty"` // it was not done
}

func (a *app) newFileResult(t target, fs *wire.FileSettings) *fileResult {
	r := &fileResult{cardOf: a.card, Application: t.app, File: inspect.File{No: t.file}, DryRun: a.dryRun}
	if fs != nil {
		r.File = inspect.NewFile(t.file, fs)
	}
	return r
}

// fileWidth is the width of the names of what is printed of a file.
const fileWidth = len("further rights")

// printFile prints a file below its heading.
func (a *app) printFile(f *inspect.File) {
	if f.Settings == nil {
		return
	}
	fs := f.Settings
	a.row(fileWidth, "type", fmt.Sprintf("%v, %s", fs.Type, f.SizeWords()))
	a.row(fileWidth, "mode", fs.Comm())
	if len(f.ISOID) > 0 {
		a.row(fileWidth, "ISO file ID", fmt.Sprintf("%X", []byte(f.ISOID)))
	}
	if fs.Type == wire.FileValue {
		a.row(fileWidth, "flags", fs.Flags)
	}
	if f.CounterLimit != nil {
		a.row(fileWidth, "counter limit", *f.CounterLimit)
	}
	a.row(fileWidth, "rights", inspect.AccessWords(fs.Type, fs.Access, false))
	for i, set := range fs.Additional {
		name := "further rights"
		if i > 0 {
			name = ""
		}
		a.row(fileWidth, name, inspect.AccessWords(fs.Type, set, true))
	}
	for i, g := range f.Rights {
		name := "that is"
		if i > 0 {
			name = ""
		}
		a.row(fileWidth, name, fmt.Sprintf("%s %s", g.Act, g.Who()))
	}
	if f.SDM != nil {
		a.foldedRow(fileWidth, "SDM", screen.Visible(f.SDM.Words))
	}
	for _, r := range inspect.Remarks(fs) {
		a.foldedRow(fileWidth, "", a.out.Warn.Render(r))
	}
}

// noSuchFile is the error of a file that is not there.
func noSuchFile(t target, err error) error {
	return advise(say(exitRefused, err, "%s has no file %d", t.app.Words(), t.file), "desfire ls %v shows what it has.", t.app)
}

// isFileMissing reports whether a card said that it has no such file.
func isFileMissing(err error) bool {
	return errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError)
}

// keysOf is how many keys the selected application has, where it tells.
func keysOf(ctx context.Context, card *desfire.Card) (n int, iso bool, known bool, err error) {
	if card.Generation().FixedName() != nil {
		return wire.FixedKeys, false, true, nil
	}
	if s, ok := card.Session(); ok && s.KeyNo != 0 {
		return 0, false, false, nil // a refusal would end the session
	}
	ks, err := card.KeySettings(ctx)
	switch {
	case inspect.Refused(err):
		return 0, false, false, nil
	case err != nil:
		return 0, false, false, err
	}
	return ks.KS2.Keys(), ks.KS2.Has(wire.SettISOFiles), true, nil
}

// absentKeys are the risks of rights for keys that are not there.
func absentKeys(fs *wire.FileSettings, p wire.Place, keys int) (risks []string) {
	for _, no := range inspect.AbsentKeys(fs, keys) {
		risks = append(risks, fmt.Sprintf("%s has no key %v, only %s", p.Words(), no, count(keys, "key")))
	}
	return risks
}
