package main

import (
	"context"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/spf13/cobra"
)

func (a *app) readersPollingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "polling [on|off]",
		Short: "Show or set whether an ACR122U looks for cards",
		Long: `Show or set whether a reader looks for cards by itself, and what it looks for. While
it does not, no card is noticed. A program that was killed may leave it so; this
one turns it on again when it sees the reader without a card.

` + helpItself,
		Example: `  desfire readers polling --reader pcsc:ACR122
  desfire readers polling on --reader pcsc:ACR122`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withReader(cmd, func(ctx context.Context, name string, r *acr122.Reader) error {
				if len(args) > 0 {
					if err := r.SetPolling(ctx, args[0] == "on"); err != nil {
						return err
					}
				}
				return a.readerPolling(ctx, name, r)
			})
		},
	}
	oneOf(cmd, "on or off", "on", "off")
	return cmd
}

// readerPolling is what readers polling prints with --json.
type readerPolling struct {
	Reader    string   `json:"reader"`
	Polling   bool     `json:"polling"`
	Parameter hexBytes `json:"parameter"` // the operating parameter, one byte
}

func (a *app) readerPolling(ctx context.Context, name string, r *acr122.Reader) error {
	p, err := r.Parameter(ctx)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.emit(readerPolling{name, p&acr122.AutoPolling != 0, hexBytes{byte(p)}})
	}
	a.printf("polling %s (%02X: %v)\n", onOff(p&acr122.AutoPolling != 0), byte(p), p)
	return nil
}
