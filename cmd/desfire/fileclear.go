package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/spf13/cobra"
)

func (a *app) fileClearCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clear APP FILE",
		Short: "Remove all records of a record file",
		Long: `Remove all records of a linear or cyclic record file and commit, which cannot be
undone. It says how many there are and asks, unless --yes. It needs the key of
the file's --read-write right.

` + helpFile,
		Args:    wantsFile(),
		Example: "  desfire file clear F48121 4 --key 2=@app-2.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.clearFile(ctx, cmd, card, t)
			})
		},
	}
	a.readerIDFlag(cmd)
	return cmd
}

func (a *app) clearFile(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target) error {
	noRecords := withCode(exitImpossible, fmt.Errorf("file %v of %s has no records: only linear and cyclic files have", t.file, t.app.Words()))
	fs, err := a.enterFile(ctx, card, t, inspect.ActClear)
	var never *unlock.NeverError
	switch {
	case errors.As(err, &never) && never.Unknown:
		return noRecords
	case err != nil:
		return err
	case !edit.HasRecords(fs):
		return noRecords
	}
	r := a.newFileResult(t, fs)
	if !a.dryRun {
		if err := a.confirm(cmd, fmt.Sprintf("Remove %s from file %v of %s for ever?", count(int(fs.Records), "record"), t.file, t.app.Words())); err != nil {
			return err
		}
		m := manage(card, "the key of its read-write right", "clear file %v of %s", t.file, t.app.Words())
		refused, err := edit.Clear(ctx, card, t.file, func() error { return a.nameReader(ctx, card) })
		switch {
		case refused != nil:
			return m.refused(err)
		case err != nil:
			return mayHaveHappened(a.wantsReader(err))
		}
		removed := *fs
		removed.Records = 0
		*r = *a.newFileResult(t, &removed)
		r.Cleared = true
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s %s from file %v of %s\n", a.did("Removed", "remove"), count(int(fs.Records), "record"), t.file, a.out.Name.Render(t.app.Words()))
	return nil
}
