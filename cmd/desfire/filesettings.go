package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) fileSettingsCommand() *cobra.Command {
	c := new(fileChange)
	cmd := &cobra.Command{
		Use:   "settings APP FILE",
		Short: "Show mode and rights of a file, or change them",
		Long: `Show mode and rights of a file, or change those that flags name. What is not
named stays as it is: further sets of rights, secure dynamic messaging, the
limit of a transaction MAC counter. It shows what becomes different and asks,
unless --yes. It needs the key of the file's change right (--key).

What would lock everybody out for ever is refused, unless --force. So is leaving
something as a D40 card says it is, since nothing protects what it says.

` + helpRights + `
--also given once or more replaces all of them, --also none takes them away.

` + helpFile,
		Args: wantsFile(),
		Example: `  desfire file settings F48121 1
  desfire file settings F48121/1 --write 2 --read-write never --key @app.key
  desfire file settings F48121/1 --mode full --also read=3 --key @app.key --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !c.given(cmd) {
				return a.showFile(cmd, args)
			}
			t, _, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			if err := c.read(cmd); err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return c.run(ctx, a, cmd, card, t)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.modeName, "mode", "", "`HOW` data travel for who has a key: plain, mac or full")
	f.Uint32Var(&c.limit, "counter-limit", 0, "where the counter of a transaction MAC file stops, `N`")
	c.rights.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"plain", "mac", "full"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// fileChange is one change of the settings of a file.
type fileChange struct {
	modeName string
	limit    uint32
	rights   rightFlags

	mode    *wire.CommMode // nil leaves it
	limited bool
	said    inspect.WrittenAccess
	further []inspect.WrittenAccess
}

// given reports whether anything is to be changed.
func (c *fileChange) given(cmd *cobra.Command) bool {
	f := cmd.Flags()
	for _, r := range allRights {
		if f.Changed(string(r.right)) {
			return true
		}
	}
	return f.Changed("mode") || f.Changed("also") || f.Changed("counter-limit")
}

func (c *fileChange) read(cmd *cobra.Command) (err error) {
	if cmd.Flags().Changed("mode") {
		m, err := wire.ParseCommMode(c.modeName)
		if err != nil {
			return &usageError{cmd, fmt.Errorf("--mode %q: want plain, mac or full", c.modeName)}
		}
		c.mode = &m
	}
	c.limited = cmd.Flags().Changed("counter-limit")
	c.said, c.further, err = c.rights.set(cmd)
	return err
}

// next are the settings that the file is to have.
func (c *fileChange) next(cmd *cobra.Command, card *desfire.Card, now *wire.FileSettings) (*wire.FileSettings, error) {
	fs := *now
	fs.Additional = slices.Clone(now.Additional)
	if c.mode != nil {
		fs.Option = fs.Option&^3 | wire.FileOption(*c.mode)
	}
	if err := applyRights(cmd, &fs, c.said, c.further); err != nil {
		return nil, err
	}
	if len(fs.Additional) == 0 {
		fs.Option &^= wire.OptionAdditionalAR
	} else if !card.Generation().Has(wire.FeatureAdditionalAR) {
		return nil, lacks(card, "further sets of rights: they came with EV2")
	}
	if c.limited {
		if fs.Type != wire.FileTransactionMAC {
			return nil, &usageError{cmd, fmt.Errorf("--counter-limit: a %v file has no counter with a limit, only a transaction MAC file has", fs.Type)}
		}
		if !fs.Option.Has(wire.OptionTMCLimit) {
			s, ok := card.Session()
			fs.Limit.Short = ok && s.Scheme == wire.SchemeLRP
		}
		fs.Option |= wire.OptionTMCLimit
		fs.Limit.Limit = c.limit
	}
	return &fs, nil
}

func (c *fileChange) run(ctx context.Context, a *app, cmd *cobra.Command, card *desfire.Card, t target) error {
	now, err := a.enterFile(ctx, card, t, inspect.ActChange)
	if err != nil {
		return err
	}
	next, err := c.next(cmd, card, now)
	if err != nil {
		return err
	}
	before := inspect.NewFile(t.file, now)
	r := a.newFileResult(t, next)
	r.Before = &before
	changes := fileChanges(now, next)
	if len(changes) > 0 {
		risks := inspect.LockOuts(now, next)
		keys, _, known, err := keysOf(ctx, card)
		if err != nil {
			return err
		}
		if known {
			risks = append(risks, absentKeys(next, t.app, keys)...)
		}
		if s, ok := card.Session(); ok && s.Scheme == wire.SchemeD40 && !c.complete(now.Type) {
			risks = append(risks, "the card told its settings without a MAC, and what no flag names stays as it says: name the mode and every right")
		}
		if err := a.risky(risks); err != nil {
			return err
		}
	}
	if !a.json || !a.yes {
		c.show(a, t, now, next, changes)
	}
	if len(changes) > 0 && !a.dryRun {
		if err := a.confirm(cmd, "Change these settings?"); err != nil {
			return err
		}
		if err := c.change(ctx, card, t, now, next); err != nil {
			return err
		}
		r.Changed = true
	}
	if a.json {
		return a.emit(r)
	}
	did := a.did("Changed", "change")
	if len(changes) == 0 {
		did = "Nothing to change in"
	}
	a.printf("%s file %v of %s\n", did, t.file, a.out.Name.Render(t.app.Words()))
	a.printFile(&r.File)
	return nil
}

// complete reports whether flags name all that files of a type have on a card
// with D40 sessions, so that nothing is taken from what it says.
func (c *fileChange) complete(t wire.FileType) bool {
	for _, r := range inspect.WrittenRights(t) {
		if _, ok := c.said[r]; !ok {
			return false
		}
	}
	return c.mode != nil
}

// change changes the settings, and reads them again where they are told.
func (c *fileChange) change(ctx context.Context, card *desfire.Card, t target, now, next *wire.FileSettings) error {
	m := manage(card, "the key of its change right: "+now.Access.Change.String(), "change the settings of file %v of %s", t.file, t.app.Words())
	err := card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{
		File: t.file, Option: next.Option, Access: next.Access, Additional: next.Additional, SDM: next.SDM, Limit: next.Limit,
	})
	if errors.As(err, new(*desfire.OutcomeUnknownError)) {
		return advise(err, "Present the card again and look: desfire file settings %v.", t)
	}
	if err := m.refused(err); err != nil {
		return err
	}
	if s, ok := card.Session(); ok && s.KeyNo != 0 {
		return nil // it may not be told to this key, and the answer was authentic
	}
	told, err := card.FileSettings(ctx, t.file)
	switch {
	case inspect.Refused(err):
		return nil
	case err != nil:
		return fmt.Errorf("the card accepted the settings, and they could not be read again: %w", err)
	case len(fileChanges(next, told)) > 0 || !reflect.DeepEqual(next.SDM, told.SDM):
		return withCode(exitDiffers, fmt.Errorf("the card accepted the settings, yet it has %v, %s now", told.Comm(), inspect.AccessWords(told.Type, told.Access, false)))
	}
	return nil
}

// fileDiff is something that becomes different.
type fileDiff struct{ what, old, new string }

// fileChanges are the differences between two settings of a file.
func fileChanges(old, next *wire.FileSettings) (diffs []fileDiff) {
	differs := func(what, was, is string) {
		if was != is {
			diffs = append(diffs, fileDiff{what, was, is})
		}
	}
	differs("mode", old.Comm().String(), next.Comm().String())
	w, n := writtenParts(old), writtenParts(next)
	for i, right := range inspect.WrittenRights(old.Type) {
		differs(string(right), w[i], n[i])
	}
	differs("further rights", furtherWords(old), furtherWords(next))
	differs("counter limit", limitWords(old), limitWords(next))
	was, is := inspect.RightsOf(old), inspect.RightsOf(next)
	for i := range min(len(was), len(is)) {
		if was[i].Act == is[i].Act {
			differs("so "+string(was[i].Act), was[i].Who(), is[i].Who())
		}
	}
	return diffs
}

// show prints what will be different.
func (c *fileChange) show(a *app, t target, now, next *wire.FileSettings, changes []fileDiff) {
	a.sayf("File %v of %s:\n", t.file, a.err.Name.Render(t.app.Words()))
	for _, d := range changes {
		a.sayf("  %s%s  %s -> %s\n", a.err.Dim.Render(d.what), screen.Pad(d.what, fileWidth+4), d.old, a.err.Warn.Render(d.new))
	}
	if len(changes) == 0 {
		a.sayf("  nothing becomes different\n")
	}
	if now.SDM != nil && now.SDM.Options.Has(wire.SDMReadCtr) && len(changes) > 0 {
		a.sayf("  %s\n", a.err.Warn.Render("secure dynamic messaging stays; its read counter may begin at 0 again"))
	}
	old := inspect.Remarks(now)
	for _, r := range inspect.Remarks(next) {
		if !slices.Contains(old, r) {
			a.sayf("  %s\n", a.err.Warn.Render(r))
		}
	}
}
