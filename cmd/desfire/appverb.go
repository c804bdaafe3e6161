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

func (a *app) appCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "app",
		SuggestFor:                 []string{"createapp", "deleteapp", "mkdir", "application", "getappnames"},
		Short:                      "Make, delete and look at applications",
		Long:                       "Make, delete and look at applications.\n\n" + helpApp,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.appCreateCommand(), a.appDeleteCommand(), a.appInfoCommand())
	return cmd
}

// appResult is an application in what app prints with --json. The application is
// what inspect has of it.
type appResult struct {
	cardOf
	inspect.Application
	Created bool `json:"created,omitempty"`
	Deleted bool `json:"deleted,omitempty"`
	DryRun  bool `json:"dry_run,omitempty"` // it was not done
}

// printApp prints an application below its heading.
func (a *app) printApp(app *inspect.Application) {
	p := a.out
	const width = len("applications")
	if len(app.Wire) > 0 {
		a.row(width, "sent as", spaced(app.Wire))
	}
	if app.KnownAs != "" {
		a.row(width, "known as", app.KnownAs)
	}
	if len(app.ISOID) > 0 {
		a.row(width, "ISO file ID", fmt.Sprintf("%X", []byte(app.ISOID)))
	}
	if len(app.DFName) > 0 {
		a.row(width, "DF name", nameWords(app.DFName))
	}
	if s := app.KeySettings; s != nil {
		a.printSettings(width, s)
	}
	for i, v := range app.KeyVersions {
		name := "key versions"
		if i > 0 {
			name = ""
		}
		a.row(width, name, screen.Sprintf("key %d: %s", v.Key, p.Number.Render(fmt.Sprintf("%02X", v.Version))))
	}
	for _, s := range app.KeySets {
		a.row(width, "key set", screen.Sprintf("%d: version %02X", s.Set, s.Version))
	}
	for i := range app.Files {
		name := "files"
		if i > 0 {
			name = ""
		}
		a.foldedRow(width, name, a.fileSummary(&app.Files[i]))
	}
	if app.Files != nil && len(app.Files) == 0 {
		a.row(width, "files", "none")
	}
	for _, m := range app.Missing {
		a.foldedRow(width, "", p.Warn.Render(m.Words()))
	}
}

// foldedRow is row with the value folded to the width of a terminal.
func (a *app) foldedRow(width int, name string, value screen.Text) {
	room := 0 // never
	if n := screen.Columns(a.stdout); n > 0 {
		room = max(n-width-4, 30)
	}
	for _, line := range screen.Wrap(value, room) {
		a.row(width, name, line)
		name = ""
	}
}

// printSettings prints the keys and the settings of an application.
func (a *app) printSettings(width int, s *inspect.KeySettings) {
	keys := count(s.Keys, s.KeyType+" key")
	if s.ISOFiles {
		keys += "; files have ISO identifiers"
	}
	a.row(width, "keys", keys)
	if k := s.Sets; k != nil {
		a.row(width, "key sets", fmt.Sprintf("%d of up to %d bytes a key, rolled with key %d, version %02X", k.Sets, k.MaxKeySize, k.RollKey, k.ActiveVersion))
	}
	for i, r := range s.Rules {
		name := "settings"
		if i > 0 {
			name = ""
		}
		a.row(width, name, screen.Sprintf("%s %s", r.What, ruleStyle(a.out, r)))
	}
}

// fileSummary is a file in one line.
func (a *app) fileSummary(f *inspect.File) screen.Text {
	if m := f.MissingPart(inspect.PartSettings); m != nil {
		return screen.Sprintf("%v: %s", f.No, a.out.Warn.Render(m.Words()))
	}
	return screen.Sprintf("%v: %s, %s, %s: %s", f.No, f.Type, f.SizeWords(), f.Comm, f.Words)
}

// nameWords is a DF name as people know it: its bytes, and its text if it is one.
func nameWords(name []byte) string {
	for _, b := range name {
		if b < ' ' || b > '~' {
			return fmt.Sprintf("%X", name)
		}
	}
	return fmt.Sprintf("%X, %q", name, name)
}

// wantsApplications is the error of a card whose applications are given.
func wantsApplications(card *desfire.Card) error {
	if !card.Generation().Has(wire.FeatureApplications) {
		return errFixed(card)
	}
	return nil
}

// has finds out whether the card has an application, where it lists them.
func (a *app) hasApplication(ctx context.Context, card *desfire.Card, aid wire.AID) (has, known bool, err error) {
	aids, err := card.Applications(ctx)
	if inspect.Refused(err) {
		return false, false, nil
	}
	for _, x := range aids {
		has = has || x == aid
	}
	return has, err == nil, err
}

// duplicate is the error of an application that is there already.
func duplicate(aid wire.AID, named bool, err error) error {
	text := fmt.Sprintf("the card has an application %v already", aid)
	if named {
		text = fmt.Sprintf("the card has an application %v already, or another one with this ISO file identifier or DF name", aid)
	}
	if err == nil {
		err = errors.New("duplicate")
	}
	return advise(say(exitRefused, err, "%s", text), "desfire app info %v shows it, desfire app delete %v deletes it.", aid, aid)
}
