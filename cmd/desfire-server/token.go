package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/centre"
)

func (a *app) tokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME",
		Short: "Let an agent join: print the line to type where its readers are",
		Long: `Make a token with which one agent joins the fleet under a name, within 15
minutes and once, and print the line to type on its machine. The centre must be
running.

Whoever has the line first joins as that agent: give it to nobody else.`,
		Args:    one("NAME"),
		Example: "  desfire-server token gate7",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, done, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			inv, err := client.Invite(cmd.Context(), args[0])
			if err != nil {
				return fmt.Errorf("no token for %q: %w", args[0], err)
			}
			a.printf("%s\n", inv.Line)
			fmt.Fprintf(a.stderr, "It lets %s join, once, until %s.\n", inv.Agent, inv.Until.Format("15:04:05"))
			return nil
		},
	}
}

// one checks that there is one argument.
func one(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return wrong("%s missing: %s %s", name, cmd.CommandPath(), name)
		case len(args) > 1:
			return wrong("one argument too many, %q: %s %s", args[1], cmd.CommandPath(), name)
		}
		return nil
	}
}

// connect connects as who runs the centre, which must be running.
func (a *app) connect(ctx context.Context) (*nats.Conn, error) {
	file, err := centre.LoadFile(a.adminFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bad(err, "desfire-server makes it when it runs; --dir says where its state is.")
	}
	if err != nil {
		return nil, bad(err, "")
	}
	conn, err := file.Dial(ctx, &centre.DialConfig{Client: "desfire-server", Logger: nil})
	if err != nil {
		return nil, &codeError{exitInUse, err, "Is desfire-server running?"}
	}
	return conn, nil
}

// client asks the centre, which must be running.
func (a *app) client(ctx context.Context) (*admin.Client, func(), error) {
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &admin.Client{Conn: conn, Fleet: a.fleet}, conn.Close, nil
}
