package main

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) appCreateCommand() *cobra.Command {
	var flags appFlags
	cmd := &cobra.Command{
		Use:   "create AID",
		Short: "Make an application",
		Long: `Make an application with an AID of six hexadecimal digits. Most cards let
everybody do that; others want the PICC master key (--key).

All its keys are the default key of the card at first, which is zeros unless it
was set: change them with desfire key change.

` + helpAppFlags,
		Args: wants("AID"),
		Example: `  desfire app create F48121 --key-count 3
  desfire app create F48122 --key-type des --create free --change-keys same
  desfire app create F48123 --iso-id DF01 --df-name text:campus --iso-files
  desfire app create F48124 --key des:0000000000000000 --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			aid, err := parseAID(cmd, args[0])
			if err != nil {
				return err
			}
			c, err := flags.command(cmd, aid)
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.createApp(ctx, card, c)
			})
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) createApp(ctx context.Context, card *desfire.Card, c *wire.CreateApplication) error {
	if err := wantsApplications(card); err != nil {
		return err
	}
	if err := possible(card, c.KS2, c.KS3, c.FID); err != nil {
		return err
	}
	if err := a.risky(riskyApp(c.KS1, c.KS2)); err != nil {
		return err
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return err
	}
	r := appResult{cardOf: a.card, Application: described(c), DryRun: a.dryRun, Created: !a.dryRun}
	if a.dryRun {
		has, _, err := a.hasApplication(ctx, card, c.AID)
		switch {
		case err != nil:
			return err
		case has:
			return duplicate(c.AID, false, nil)
		}
	} else {
		m := manage(card, piccMaster, "create application %v", c.AID)
		err := card.CreateFrozenApplication(ctx, c) // what it guards against was asked above
		if errors.Is(err, wire.StatusDuplicateError) {
			return duplicate(c.AID, c.FID != 0, err)
		}
		if err := m.refused(err); err != nil {
			return err
		}
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s application %s on %s\n", a.did("Created", "create"), a.out.Name.Render(c.AID), a.out.Title.Render(card))
	a.printApp(&r.Application)
	if !a.dryRun && c.KS2.Keys() > 0 {
		a.sayf("Its keys are the card's default key: anybody may know it.\ndesfire key change %v 0 gives it another.\n", c.AID)
	}
	return nil
}

// riskyApp is what about a new application could never be undone.
func riskyApp(ks1 wire.KeySett1, ks2 wire.KeySett2) (risks []string) {
	if ks2.Keys() == 0 {
		risks = append(risks, "an application without keys is everybody's")
	}
	if ks1&(wire.SettMasterChangeable|wire.SettChangeable) == 0 {
		risks = append(risks, "neither its master key nor its settings could ever be changed")
	}
	return risks
}
