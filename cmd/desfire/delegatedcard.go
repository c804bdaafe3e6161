package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) delegatedCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create FILE",
		Short: "Make the application that the issuer of a card has delegated",
		Long: `Make the application of a delegation that desfire delegated prepare has made.
FILE is - for standard input. All keys of the application are the one that the
issuer has put into the delegation.

` + helpDAMKey,
		Args:    wants("FILE"),
		Example: "  desfire delegated create campus.json --key @dam-auth.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := a.readDelegation(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.createDelegated(ctx, cmd, card, m)
			})
		},
	}
}

// maxDelegation is more than any delegation has.
const maxDelegation = 4096

func (a *app) readDelegation(ctx context.Context, path string) (*wire.CreateDelegatedApplication, error) {
	text, err := a.readUpTo(ctx, path, maxDelegation)
	if err != nil {
		return nil, err
	}
	m, err := dam.Decode(text)
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("%s: %w", path, err))
	}
	return m, nil
}

func (a *app) createDelegated(ctx context.Context, cmd *cobra.Command, card *desfire.Card, m *wire.CreateDelegatedApplication) error {
	if err := delegates(card); err != nil {
		return err
	}
	if err := possible(card, m.KS2, m.KS3, m.FID); err != nil {
		return err
	}
	k, err := a.damKey(ctx, cmd, card)
	if err != nil {
		return err
	}
	quota := int(m.Quota) * damBlock
	r := delegatedResult{cardOf: a.card, Application: wire.Place{AID: m.AID}, Slot: &m.Slot, SlotVersion: &m.SlotVersion, Quota: &quota, DryRun: a.dryRun, Created: !a.dryRun}
	if a.dryRun {
		if err := a.slotIsFree(ctx, card, m); err != nil {
			return err
		}
	} else {
		err := card.CreateDelegatedApplication(ctx, k, m)
		if errors.Is(err, wire.StatusDuplicateError) {
			return duplicate(m.AID, m.FID != 0, err)
		}
		if err != nil {
			return damRefused(err, fmt.Sprintf("create application %v", m.AID))
		}
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s application %s in slot %d of %s, with %d bytes\n", a.did("Created", "create"), a.out.Name.Render(m.AID), m.Slot, a.out.Title.Render(card), quota)
	return nil
}

// slotIsFree checks for --dry-run what a card tells beforehand.
func (a *app) slotIsFree(ctx context.Context, card *desfire.Card, m *wire.CreateDelegatedApplication) error {
	has, _, err := a.hasApplication(ctx, card, m.AID)
	switch {
	case err != nil:
		return err
	case has:
		return duplicate(m.AID, false, nil)
	}
	info, err := card.DelegatedInfo(ctx, m.Slot)
	switch {
	case inspect.Refused(err):
		return nil // not in use
	case err != nil:
		return err
	case info.AID != wire.PICC || info.Quota != m.Quota:
		return withCode(exitRight, fmt.Errorf("slot %d is in use by application %v, or was given away with another quota: %d bytes", m.Slot, info.AID, int(info.Quota)*damBlock))
	}
	return nil
}

func (a *app) delegatedInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info SLOT",
		Short:   "Show what a slot for delegated applications holds",
		Long:    "Show what a slot for delegated applications holds. No key is needed.",
		Args:    wants("SLOT"),
		Example: "  desfire delegated info 0",
		RunE: func(cmd *cobra.Command, args []string) error {
			slot, err := parseSlot(cmd, args[0])
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.showSlot(ctx, card, slot)
			})
		},
	}
}

func (a *app) showSlot(ctx context.Context, card *desfire.Card, slot uint16) error {
	if err := delegates(card); err != nil {
		return err
	}
	if err := selectPlace(ctx, card, wire.Place{}); err != nil {
		return err
	}
	info, err := card.DelegatedInfo(ctx, slot)
	switch {
	case errors.Is(err, wire.StatusApplicationNotFound):
		return say(exitRefused, err, "slot %d of the card was not given away", slot)
	case err != nil:
		return err
	}
	quota, free := int(info.Quota)*damBlock, int(info.Free)*damBlock
	if a.json {
		return a.emit(delegatedResult{cardOf: a.card, Application: wire.Place{AID: info.AID}, Slot: &slot, SlotVersion: &info.SlotVersion, Quota: &quota, Free: &free})
	}
	a.printf("Slot %d of %s\n", slot, a.out.Title.Render(card))
	const width = len("application")
	app := "none"
	if info.AID != wire.PICC {
		app = info.AID.String()
	}
	a.row(width, "application", a.out.Name.Render(app))
	a.row(width, "version", info.SlotVersion)
	a.row(width, "quota", fmt.Sprintf("%d bytes, %d free", quota, free))
	return nil
}

func (a *app) delegatedDeleteCommand() *cobra.Command {
	mac := keySpec{flag: "mac-key"}
	var given string
	cmd := &cobra.Command{
		Use:   "delete AID",
		Short: "Delete a delegated application",
		Long: `Delete a delegated application, which cannot be undone. It asks, unless --yes.
The slot keeps its memory and can be used again. It needs what the issuer has
signed, of desfire delegated mac (--mac), or the key that signs (--mac-key).

` + helpDAMKey,
		Args: wants("AID"),
		Example: `  desfire delegated delete F48121 --mac CBFF1C6C2C47CC35 --key @dam-auth.key
  desfire delegated delete F48121 --mac-key @dam-mac.key --key @dam-auth.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			aid, err := parseAID(cmd, args[0])
			if err != nil {
				return err
			}
			var signed [8]byte
			switch b, err := parseHex(given); {
			case (given == "") == (mac.spec == ""):
				return &usageError{cmd, errors.New("want --mac HEX or --mac-key KEY: one of them")}
			case given == "":
				if signed, err = a.deleteMAC(cmd, &mac, aid); err != nil {
					return err
				}
			case err != nil || len(b) != len(signed):
				return &usageError{cmd, errors.New("--mac: want eight bytes in hexadecimal")}
			default:
				signed = [8]byte(b)
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.deleteDelegated(ctx, cmd, card, aid, signed)
			})
		},
	}
	cmd.Flags().StringVar(&given, "mac", "", "what the issuer signed, eight bytes in `HEX`")
	cmd.Flags().StringVar(&mac.spec, "mac-key", "", "the DAM MAC `KEY` of the card (0x11), to sign it here")
	return careful(cmd)
}

func (a *app) deleteDelegated(ctx context.Context, cmd *cobra.Command, card *desfire.Card, aid wire.AID, signed [8]byte) error {
	if err := delegates(card); err != nil {
		return err
	}
	k, err := a.damKey(ctx, cmd, card)
	if err != nil {
		return err
	}
	if err := selectPlace(ctx, card, wire.Place{AID: aid}); err != nil {
		return err
	}
	if !a.dryRun {
		if err := a.confirm(cmd, fmt.Sprintf("Delete application %v with its files for ever?", aid)); err != nil {
			return err
		}
		err := card.DeleteDelegatedApplication(ctx, k, aid, signed)
		var refused *desfire.CommandError
		if errors.As(err, &refused) && refused.Command == "DeleteApplication" && errors.Is(err, wire.StatusAuthenticationError) {
			return say(exitRight, err, "the card does not delete application %v for this: it is not a delegated one, or the MAC is not for it", aid)
		}
		if err != nil {
			return damRefused(err, fmt.Sprintf("delete application %v", aid))
		}
	}
	if a.json {
		return a.emit(delegatedResult{cardOf: a.card, Application: wire.Place{AID: aid}, DryRun: a.dryRun, Deleted: !a.dryRun})
	}
	a.printf("%s application %s of %s\n", a.did("Deleted", "delete"), a.out.Name.Render(aid), a.out.Title.Render(card))
	return nil
}
