package main

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) fileDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete APP FILE",
		Short: "Delete a file with what is in it",
		Long: `Delete a file, which cannot be undone. It shows which it is and asks, unless
--yes. The memory comes back with desfire format only.

It needs the master key of the application (--key), unless the application lets
everybody make and delete files. On a DESFire Light the transaction MAC file
alone can be deleted; its key and counter are gone then.

` + helpFile,
		Args:    wantsFile(),
		Example: "  desfire file delete F48121 1 --key @app.key\n  desfire file delete F48121/1 --key @app.key --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.deleteFile(ctx, cmd, card, t)
			})
		},
	}
}

func (a *app) deleteFile(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target) error {
	if !card.Generation().Has(wire.FeatureFiles) {
		return errFixed(card)
	}
	if err := a.enter(ctx, card, t.app, unlock.Delete); err != nil {
		return err
	}
	fs, err := a.peekFile(ctx, card, t)
	if err != nil {
		return err
	}
	r := a.newFileResult(t, fs)
	if fs != nil && card.Generation().FixedName() != nil && fs.Type != wire.FileTransactionMAC {
		return errFixed(card)
	}
	if !a.json || !a.yes {
		a.sayf("File %v of %s: %s\n", t.file, a.err.Name.Render(t.app.Words()), fileWords(&r.File))
	}
	if !a.dryRun {
		if err := a.confirm(cmd, "Delete it for ever?"); err != nil {
			return err
		}
		m := manage(card, masterOf(t.app), "delete file %v of %s", t.file, t.app.Words())
		err := card.DeleteFile(ctx, t.file)
		if isFileMissing(err) {
			return noSuchFile(t, err)
		}
		if err := m.refused(err); err != nil {
			return err
		}
		r.Deleted = true
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s file %v of %s\n", a.did("Deleted", "delete"), t.file, a.out.Name.Render(t.app.Words()))
	return nil
}

// peekFile are the settings of a file before it is deleted, nil where they are
// not told to this session.
func (a *app) peekFile(ctx context.Context, card *desfire.Card, t target) (*wire.FileSettings, error) {
	if s, ok := card.Session(); ok && s.KeyNo != 0 {
		return nil, nil // a refusal would end the session
	}
	fs, err := card.FileSettings(ctx, t.file)
	switch {
	case isFileMissing(err):
		return nil, noSuchFile(t, err)
	case inspect.Refused(err):
		return nil, nil
	}
	return fs, err
}

// fileWords is a file in a few words.
func fileWords(f *inspect.File) string {
	if f.Settings == nil {
		return "its settings are shown with the master key only"
	}
	return f.Type + ", " + f.SizeWords()
}

// masterOf names the key that manages the files of an application.
func masterOf(p wire.Place) string { return "the master key (key 0) of " + p.Words() }

// proven reports whether answers carry a MAC now.
func proven(card *desfire.Card) bool {
	s, ok := card.Session()
	return ok && s.Scheme != wire.SchemeD40
}
