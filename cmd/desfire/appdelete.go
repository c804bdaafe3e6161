package main

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) appDeleteCommand() *cobra.Command {
	var own bool
	cmd := &cobra.Command{
		Use:   "delete AID",
		Short: "Delete an application with its files",
		Long: `Delete an application with all its files and keys, which cannot be undone. It
shows which it is and asks, unless --yes. The memory comes back with desfire
format only.

It needs the PICC master key (--key). Where the card lets everybody make
applications, the master key of the application itself will do: --own says that
--key is that one. A keyring is asked for the first and then for the other.`,
		Args: wants("AID"),
		Example: `  desfire app delete F48121 --key @picc.key
  desfire app delete F48121 --own --key @app.key --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			aid, err := parseAID(cmd, args[0])
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.deleteApp(ctx, cmd, card, aid, own)
			})
		},
	}
	cmd.Flags().BoolVar(&own, "own", false, "--key is the master key of the application itself")
	return cmd
}

func (a *app) deleteApp(ctx context.Context, cmd *cobra.Command, card *desfire.Card, aid wire.AID, own bool) error {
	if err := wantsApplications(card); err != nil {
		return err
	}
	p := wire.Place{AID: aid}
	r := appResult{cardOf: a.card, Application: inspect.NewApplication(p), DryRun: a.dryRun, Deleted: !a.dryRun}
	// What it has is shown before, as far as anybody may see it.
	seen, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.AskKeySettings | inspect.AskFiles, Places: []wire.Place{p}, Enter: selectPlace})
	if err != nil {
		return err
	}
	if len(seen.Applications) > 0 {
		r.Application = seen.Applications[0]
	}
	if err := a.enterToDelete(ctx, card, p, own); err != nil {
		return err
	}
	if !a.json || !a.yes {
		a.sayf("Application %s has %s\n", a.err.Name.Render(aid), holds(&r.Application))
	}
	if a.dryRun {
		return a.deletedApp(card, &r)
	}
	if err := a.confirm(cmd, "Delete it for ever?"); err != nil {
		return err
	}
	needs := piccMaster
	if own {
		needs = "its master key, on a card that lets everybody make applications, or the PICC master key"
	}
	m := manage(card, needs, "delete application %v", aid)
	if err := m.refused(card.DeleteApplication(ctx, aid)); err != nil {
		return err
	}
	return a.deletedApp(card, &r)
}

// enterToDelete opens a session that may delete an application.
func (a *app) enterToDelete(ctx context.Context, card *desfire.Card, p wire.Place, own bool) error {
	if own {
		return a.enter(ctx, card, p, unlock.Master)
	}
	err := a.enter(ctx, card, wire.Place{}, unlock.Delete)
	if missing := new(unlock.NoKeyError); a.key == nil && a.ring != nil && errors.As(err, &missing) {
		if inside := a.enter(ctx, card, p, unlock.Master); inside == nil {
			return nil
		}
	}
	return err
}

func (a *app) deletedApp(card *desfire.Card, r *appResult) error {
	if a.json {
		return a.emit(r)
	}
	a.printf("%s application %s of %s\n", a.did("Deleted", "delete"), a.out.Name.Render(r.Application.AID), a.out.Title.Render(card))
	return nil
}

// holds is what an application has in it, as far as it is known.
func holds(app *inspect.Application) string {
	switch n := len(app.Files); {
	case app.Files == nil:
		return "files that are shown with its master key only"
	case n == 0:
		return "no files"
	default:
		return count(n, "file")
	}
}
