package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) delegatedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "delegated",
		SuggestFor: []string{"createdelegateapp", "dam"},
		Short:      "Applications that others may put on your cards (EV2, EV3)",
		Long: `Delegated applications: who issued a card lets somebody else put an application
on it, in a slot with a quota of its memory. Three AES keys of the card belong
to it, which the issuer sets with desfire key change:

  0x10  authenticates who makes or deletes such an application
  0x11  signs what may be made or deleted; it stays with the issuer
  0x12  enciphers the first key of the application; it stays with the issuer

The issuer prepares a delegation, which needs no card and goes into a file. The
other one, who has that file and key 0x10, makes the application with it.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.delegatedPrepareCommand(), a.delegatedCreateCommand(), a.delegatedInfoCommand(), a.delegatedMACCommand(), a.delegatedDeleteCommand())
	return cmd
}

// delegatedResult is what the verbs of delegated print with --json.
type delegatedResult struct {
	cardOf
	Application wire.Place `json:"application"`
	Slot        *uint16    `json:"slot,omitempty"`
	SlotVersion *uint8     `json:"slot_version,omitempty"`
	Quota       *int       `json:"quota,omitempty"` // bytes
	Free        *int       `json:"free,omitempty"`  // bytes of the quota
	File        string     `json:"delegation,omitempty"`
	MAC         hexBytes   `json:"mac,omitempty"`
	Created     bool       `json:"created,omitempty"`
	Deleted     bool       `json:"deleted,omitempty"`
	DryRun      bool       `json:"dry_run,omitempty"` // it was not done
}

// damBlock is what quotas are counted in (command reference 7.5).
const damBlock = 32

const helpDAMKey = `--key is the DAM authentication key of the card, number 0x10, an AES key; a
keyring has it as key 0x10 of the card.`

// damKey is the DAM authentication key, of --key or of the keyring.
func (a *app) damKey(ctx context.Context, cmd *cobra.Command, card *desfire.Card) (key.Key, error) {
	switch {
	case a.key != nil && a.keyNo != 0:
		return nil, &usageError{cmd, fmt.Errorf("--key %d=: the DAM authentication key has number 0x10 on every card: leave the number out", a.keyNo)}
	case a.key != nil && a.key.Type() != key.TypeAES:
		return nil, &usageError{cmd, fmt.Errorf("--key is a %v key: the DAM authentication key is an AES key", a.key.Type())}
	case a.key != nil:
		return a.key, nil
	case a.ring != nil:
		uid := keystore.UID(card.UID())
		k, err := a.ring.Key(ctx, keystore.Ref{UID: uid, Key: keystore.Number(desfire.KeyDAMAuth)})
		if err != nil {
			return nil, err
		}
		if k.Type() != key.TypeAES {
			return nil, withCode(exitInput, fmt.Errorf("key 0x10 of the card is a %v key in the keyring: the DAM authentication key is an AES key", k.Type()))
		}
		return k, nil
	}
	return nil, advise(withCode(exitRight, errors.New("this needs the DAM authentication key of the card")), "Add --key @FILE, or a keyring with --keys.")
}

// delegates tells whether a card can have delegated applications.
func delegates(card *desfire.Card) error {
	if !card.Generation().Has(wire.FeatureDelegated) {
		return lacks(card, "delegated applications: only EV2 and EV3 have")
	}
	return nil
}

// damRefused says why a card did not do it.
func damRefused(err error, doing string) error {
	var refused *desfire.CommandError
	switch {
	case inDoubt(err):
		return advise(err, "Present the card again and look, before you repeat it: desfire ls.")
	case errors.Is(err, wire.StatusIntegrityError):
		return advise(say(exitNotGenuine, err, "the card does not accept the signature: it has other DAM keys, or what was signed was changed"), "The issuer of the card prepares another.")
	case errors.As(err, &refused) && refused.Command != "CreateDelegatedApplication" && refused.Command != "DeleteApplication" && errors.Is(err, wire.StatusAuthenticationError):
		return say(exitAuth, err, "--key is not the DAM authentication key of this card")
	case errors.As(err, &refused) && refused.Command != "CreateDelegatedApplication" && refused.Command != "DeleteApplication":
		return advise(say(exitRight, err, "the card lets nobody authenticate with its DAM key: it may not have been set"), "Its issuer sets it: desfire key change card 0x10.")
	case errors.Is(err, wire.StatusPermissionDenied):
		return advise(say(exitRight, err, "cannot %s: the slot is in use, or was given away with another quota, or the card has no DAM keys", doing), "desfire delegated info SLOT tells what a slot holds.")
	case errors.Is(err, wire.StatusOutOfEEPROM):
		return advise(say(exitRefused, err, "cannot %s: the card has no memory left for the quota, or the quota is too small", doing), "desfire free tells how much there is.")
	}
	return err
}

// parseSlot reads the number of a slot.
func parseSlot(cmd *cobra.Command, s string) (uint16, error) {
	n, err := parseUint(s, 16)
	if err != nil {
		return 0, &usageError{cmd, fmt.Errorf("slot %q: want a whole number from 0 to 65535%s", s, zeroed(err))}
	}
	return uint16(n), nil
}
