package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/keyservice"
)

// fleetKeyChanged is what fleet keys change prints with --json.
type fleetKeyChanged struct{ fleet.KeyChanged }

func (a *app) fleetKeysChangeCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "change AGENT/READER APP KEYNO",
		Short: "Have the centre change a key of the card on a reader",
		Long: `Have the centre change a key of the card on a reader. Both keys are in the centre's
keyring: the new one is the newest there, or has the version --to, the old one that
whose version the card tells. Keys and session stay in the centre, the agent carries
frames. If the card is lost in the middle, ask again when it is back.

The policy of the centre must have change: true for the agent.`,
		Args: wants("AGENT/READER", "APP", "KEYNO"),
		Example: `  desfire fleet keys change desk/acr122 F48121 1 --dry-run
  desfire fleet keys change desk/acr122 F48121 1 --to 2 --uid 04112233445566`,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, reader, ok := strings.Cut(strings.TrimPrefix(args[0], "nats:"), "/")
			if !ok || remote.CheckName(agent) != nil || remote.CheckName(reader) != nil {
				return &usageError{cmd, fmt.Errorf("%q: want AGENT/READER as desfire fleet readers shows it", args[0])}
			}
			place, no, err := keyPlace(cmd, args[1:])
			if err != nil {
				return err
			}
			uid, err := a.wholeUID(cmd)
			if err != nil {
				return err
			}
			q := &fleet.KeyChange{Agent: agent, Reader: reader, Application: place.String(), Key: keystore.Number(no).String(), DryRun: a.dryRun, Force: a.force}
			if uid != nil {
				q.UID = keystore.UID(uid).String()
			}
			if to != "" {
				v, err := parseUint(to, 8)
				if err != nil {
					return &usageError{cmd, fmt.Errorf("--to %q: want a version, 0 to 255", to)}
				}
				version := byte(v)
				q.To = &version
			}
			c, err := a.centre(cmd.Context(), false)
			if err != nil {
				return err
			}
			if !a.dryRun {
				if err := a.confirm(cmd, fmt.Sprintf("Have the centre change key %v of %s of the card on reader %s of %s?", no, place.Words(), reader, agent)); err != nil {
					return err
				}
			}
			return a.changeFarKey(cmd.Context(), c, q)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`VERSION` that the key shall have, decimal or 0x (default that of the newest)")
	return cmd
}

func (a *app) changeFarKey(ctx context.Context, c *admin.Client, q *fleet.KeyChange) error {
	r := new(fleet.KeyChanged)
	if err := c.Ask(ctx, keyservice.AskChange, q, r); err != nil {
		if errors.Is(err, admin.ErrSilent) {
			return advise(withCode(exitUnknown, err), "Ask again while the card lies there: what it holds is found out first.")
		}
		return centreError(err)
	}
	var err error
	switch rekey.Outcome(r.Outcome) {
	case rekey.Done, rekey.Already, rekey.Possible:
		if r.Why != "" {
			err = fmt.Errorf("the centre says: %s", r.Why)
		}
	case rekey.InDoubt:
		err = advise(withCode(exitUnknown, fmt.Errorf("the card holds the old or the new key: %s", r.Why)), "Ask again when it lies there: what it holds is found out first.")
	default:
		err = withCode(exitRefused, fmt.Errorf("not changed: %s", r.Why))
	}
	if a.json {
		return errors.Join(err, a.emit(fleetKeyChanged{*r}))
	}
	if err == nil {
		a.printf("Key %s of %s on %s: %s, %s version %s\n", r.Key, r.Application, a.out.Title.Render(r.UID), r.Outcome, r.New.Type, a.out.Number.Render(fmt.Sprintf("%02X", r.New.Version)))
	}
	return err
}
