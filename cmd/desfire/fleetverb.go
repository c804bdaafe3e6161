package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/admin"
)

func (a *app) fleetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Look after readers in many places and their centre",
		Long: `Look after readers in many places: agents ("desfire agent") that serve them, and the
centre ("desfire-server") that lets agents in, keeps the ledger and has the keys.

Whose fleet that is says a fleet file: --fleet FILE, or DESFIRE_FLEET. The centre
writes one for its operator when it begins.

A card on a reader of the fleet is used by every verb as one that lies here:
desfire info --reader nats:AGENT/READER.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.fleetReadersCommand(), a.fleetCardsCommand(), a.fleetAgentsCommand(), a.fleetWatchCommand(), a.fleetLedgerCommand(), a.fleetKeysCommand(),
		a.fleetOrderCommand(), a.fleetDrainCommand(),
	)
	return cmd
}

// fleetNow is the fleet as its centre knows it, or, where that does not answer, as the
// agents say that do.
func (a *app) fleetNow(ctx context.Context) (*fleet.Snapshot, error) {
	conn, f, err := a.joinFleet(ctx, watchers)
	if err != nil {
		return nil, err
	}
	s, err := (&admin.Client{Conn: conn, Fleet: f.Fleet}).Snapshot(ctx)
	if !errors.Is(err, admin.ErrAway) || f.Role == "viewer" {
		return s, centreError(err)
	}
	c, err := remote.NewClient(conn, &remote.ClientConfig{Fleet: f.Fleet})
	if err != nil {
		return nil, err
	}
	agents, err := c.Agents(ctx, "")
	if err != nil {
		return nil, err
	}
	a.log.Warn("the centre does not answer: what follows is what the agents say that do, and others may be away")
	return &fleet.Snapshot{Fleet: f.Fleet, At: time.Now(), Agents: agents}, nil
}

// centre asks the centre, as somebody of one of roles.
func (a *app) centre(ctx context.Context, look bool) (*admin.Client, error) {
	roles := operators
	if look {
		roles = watchers
	}
	conn, f, err := a.joinFleet(ctx, roles)
	if err != nil {
		return nil, err
	}
	return &admin.Client{Conn: conn, Fleet: f.Fleet}, nil
}

// centreError says what to do about an answer of the centre that is none.
func centreError(err error) error {
	switch {
	case errors.Is(err, admin.ErrAway):
		return advise(err, "Does desfire-server run? Readers and gates go on without it: desfire fleet readers asks them.")
	case errors.As(err, new(*admin.RefusedError)):
		return fmt.Errorf("the centre says: %w", err)
	}
	return err
}

// unhex are bytes that somebody far away wrote in hexadecimal digits; none if they are not.
func unhex(digits string) hexBytes {
	b, _ := hex.DecodeString(digits)
	return b
}
