package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/wholefile"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) purseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "purse",
		Short: "Move values exactly once, with a journal",
		Long: `Move the value file of cards so that each change happens exactly once, whatever
happens to the card, the link, this program or the power in between.

A journal in a file remembers each change before the card hears of it. Where the
answer to a commit is lost, the change is open until the card is back and tells,
by a fixed list of rules, whether it happened. docs/purse.md explains them, and
which files a card should have.

Begin with "desfire purse init", with a card that is known to be right. A card
to try it with: desfire sim new card.json --purse`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.purseInitCommand(), a.purseChangeCommand(false), a.purseChangeCommand(true), a.purseStatusCommand(), a.purseSettleCommand(),
		a.purseJournalCommand(), a.purseReconcileCommand(), a.purseUnblockCommand(),
	)
	return cmd
}

// journalFlag is --journal of the verbs of a purse.
func journalFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "journal", envOr("DESFIRE_PURSE", ""), "`FILE` of the purse's journal (default purse.db in the user's folder of states)")
	_ = cmd.MarkFlagFilename("journal")
}

// purseFile is a purse on disk: its journal, and its layout beside it.
type purseFile struct {
	path    string
	journal *boltjournal.Journal
	conf    *ledger.Config
	closed  bool
}

// layoutName is where the layout of a journal is.
func layoutName(journal string) string { return journal + ".json" }

func pursePath(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	if path = stateFile("purse.db"); path == "" {
		return "", errors.New("no place for the journal: name one with --journal FILE")
	}
	return path, nil
}

// openPurse opens a journal that is there, and reads its layout.
func (a *app) openPurse(cmd *cobra.Command, path string, readOnly bool) (*purseFile, error) {
	path, err := pursePath(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(layoutName(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, advise(withCode(exitInput, fmt.Errorf("there is no purse at %s", path)), "desfire purse init makes one; --journal FILE or DESFIRE_PURSE names another.")
	case err != nil:
		return nil, err
	}
	layout, err := ledger.ParseLayout(text)
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("%s: %w", layoutName(path), err))
	}
	f := &purseFile{path: path}
	if f.conf, err = layout.Config(); err == nil {
		err = f.conf.Check()
	}
	if err != nil {
		return nil, advise(withCode(exitInput, fmt.Errorf("%s: %w", layoutName(path), err)), "It is as desfire purse init wrote it no more: put it back from a backup.")
	}
	f.journal, err = boltjournal.Open(path, boltjournal.Options{ReadOnly: readOnly, Existing: true, Program: cmd.CommandPath()})
	if err != nil {
		return nil, badJournal(path, err)
	}
	f.conf.Journal = f.journal
	switch why := f.journal.Renewed(); {
	case why == "":
	case readOnly:
		a.log.Warn("the next change will begin a new generation of the journal, as for a copy or a restored one: " + why)
	default:
		a.log.Warn("the journal has a new generation, as a copy or a restored one would: " + why)
	}
	return f, nil
}

// badJournal is the error of a journal that cannot be opened.
func badJournal(path string, err error) error {
	var locked *boltjournal.LockedError
	switch {
	case errors.As(err, &locked):
		return advise(withCode(exitNoCard, err), "Wait until it ends, or ask it.")
	case errors.Is(err, fs.ErrNotExist):
		return advise(withCode(exitInput, fmt.Errorf("the journal %s is not there, but its layout is", path)), "Restore it from a backup, or begin a new one under another name: what is open on cards is known to the old one only.")
	}
	return withCode(exitInput, err)
}

// close ends the use of a purse. What was not written is an error of the verb.
func (f *purseFile) close(err error) error {
	f.closed = true
	if closed := f.journal.Close(); closed != nil {
		err = errors.Join(err, withCode(exitInput, closed))
	}
	return err
}

// open makes the purse, with the keys of the run.
func (f *purseFile) open(a *app) (*ledger.Purse, error) {
	conf := *f.conf
	if !conf.NoKey {
		switch {
		case a.key != nil && wire.KeyNo(a.keyNo) != conf.KeyNo:
			return nil, advise(withCode(exitRight, fmt.Errorf("this purse uses key %d, and --key is key %d", conf.KeyNo, a.keyNo)), "Give that one: --key %d=@FILE, or a keyring with --keys.", conf.KeyNo)
		case !a.keyed():
			return nil, advise(withCode(exitRight, fmt.Errorf("this purse uses key %d of %s", conf.KeyNo, conf.Place.Words())), "Add: --key %d=@FILE, or a keyring with --keys.", conf.KeyNo)
		}
		conf.Keys = a.purseKeys(nil)
	}
	p, err := ledger.Open(conf)
	return p, refusedConfig(err)
}

// accept sees that a card has the application.
func (a *app) acceptPurse(place wire.Place) func(ctx context.Context, card *desfire.Card) error {
	return func(ctx context.Context, card *desfire.Card) error {
		if err := checkPlace(card, place); err != nil {
			return err
		}
		if err := selectPlace(ctx, card, place); err != nil {
			return a.entered(ctx, card, place, err)
		}
		return nil
	}
}

// writeLayout writes the layout of a purse beside its journal.
func writeLayout(path string, text []byte) error {
	return wholefile.Write(layoutName(path), "."+filepath.Base(path)+"-", bytesOf(text))
}

// refusedConfig says what to do about a purse that could not prove anything.
func refusedConfig(err error) error {
	var bad *ledger.ConfigError
	if !errors.As(err, &bad) {
		return err
	}
	next := map[string]string{
		"Others": "--slot FILE:NUMBER or --record FILE takes a receipt; --others exclusive says that nobody else, with any key, moves the value.",
		"NoKey":  "--policy accidents takes free files; each receipt then says that somebody who forges answers is not excluded.",
		"Policy": "Want hostile or accidents.",
		"Slot":   "Want --slot FILE:NUMBER, a number of its own for each terminal.",
		"Method": "--policy accidents takes it all the same.",
		"Keys":   "Give the application a key of its own: desfire key change.",
		"Values": "desfire file settings changes mode and rights; --policy accidents takes the file as it is.",
	}[bad.Field]
	if next == "" {
		return err
	}
	return advise(err, "%s", next)
}
