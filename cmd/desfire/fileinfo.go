package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/spf13/cobra"
)

func (a *app) fileInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info APP FILE",
		Short: "Show a file: type, size, mode, and who may do what with it",
		Long: `Show type, size and mode of a file, its rights as they were given, and what they
really allow. The contents are for desfire read.

` + helpFile,
		Args:    wantsFile(),
		Example: "  desfire file info F48121 1\n  desfire file info app/2 --json",
		RunE:    a.showFile,
	}
}

// showFile is file info, and file settings without anything to change.
func (a *app) showFile(cmd *cobra.Command, args []string) error {
	t, _, err := parseTarget(cmd, args)
	if err != nil {
		return err
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		fs, err := a.enterFile(ctx, card, t)
		if err != nil {
			return err
		}
		r := a.newFileResult(t, fs)
		r.Proven, r.DryRun = proven(card), false
		if a.json {
			return a.emit(r)
		}
		a.printf("File %v of %s on %s\n", t.file, a.out.Name.Render(t.app.Words()), a.out.Title.Render(card))
		a.printFile(&r.File)
		return nil
	})
}
