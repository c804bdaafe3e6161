package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
)

// keyUse is one line of fleet keys --json.
type keyUse struct{ fleet.KeyUse }

func (a *app) fleetKeysCommand() *cobra.Command {
	var p fleetPick
	var refused bool
	cmd := &cobra.Command{
		Use:   "keys [TEXT]",
		Short: "List what the key service was asked for",
		Long: `List what the key service of the centre was asked for, the newest first: which agent
used which key with which card, and what was refused. TEXT chooses those with it in
agent, UID, application, key or trace id.`,
		Args: cobra.MaximumNArgs(1),
		Example: `  desfire fleet keys
  desfire fleet keys gate7 --refused --since 24h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.read(cmd); err != nil {
				return err
			}
			c, err := a.centre(cmd.Context(), true)
			if err != nil {
				return err
			}
			var rows [][]string
			n, err := eachLine(&p, func(skip, most int) ([]fleet.KeyUse, int, error) {
				page, err := c.KeyUses(cmd.Context(), fleet.KeyQuery{Text: strings.Join(args, ""), Refused: refused, Skip: skip, Most: most})
				if err != nil {
					return nil, 0, centreError(err)
				}
				return page.Uses, page.Total, nil
			}, func(u *fleet.KeyUse) time.Time { return u.At }, func(u *fleet.KeyUse) error {
				if a.json {
					return a.emit(keyUse{*u})
				}
				said := "allowed"
				if !u.Allowed {
					said = "refused: " + u.Why
				}
				rows = append(rows, []string{u.At.UTC().Format(time.DateTime + "Z"), u.Agent, u.What, strings.TrimSpace(u.Application + " " + u.Key), u.UID, said})
				return nil
			})
			switch {
			case err != nil || a.json:
				return err
			case n == 0:
				a.printf("No uses of keys\n")
			default:
				a.printTable([]string{"AT", "AGENT", "WHAT", "KEY", "CARD", "ANSWER"}, rows)
			}
			return nil
		},
	}
	cmd.AddCommand(a.fleetKeysChangeCommand())
	p.flags(cmd)
	cmd.Flags().BoolVar(&refused, "refused", false, "only what was refused")
	return cmd
}
