package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/spf13/cobra"
)

func (a *app) readersLEDCommand() *cobra.Command {
	var blink int
	cmd := &cobra.Command{
		Use:   "led [red|green|both|off]",
		Short: "Show or set the light of an ACR122U",
		Long:  "Set the light of a reader until it sets it itself, or have it blink, and show which\nlamps are lit then.\n\n" + helpItself,
		Example: `  desfire readers led --reader pcsc:ACR122
  desfire readers led green --reader pcsc:ACR122
  desfire readers led red --blink 3 --reader pcsc:ACR122`,
		RunE: func(cmd *cobra.Command, args []string) error {
			colour := ""
			if len(args) > 0 {
				colour = args[0]
			}
			s, err := lightSignal(colour, blink, cmd.Flags().Changed("blink"))
			if err != nil {
				return &usageError{cmd, err}
			}
			return a.withReader(cmd, func(ctx context.Context, name string, r *acr122.Reader) error { return a.readerLight(ctx, name, r, s) })
		},
	}
	cmd.Flags().IntVar(&blink, "blink", 0, "blink `N` times, 1 to 25, once a second, and then be as before")
	oneOf(cmd, "red, green, both or off", "red", "green", "both", "off")
	return cmd
}

// lightSignal is what a colour asks for; "" only asks for the state.
func lightSignal(colour string, blink int, blinks bool) (acr122.Signal, error) {
	lamp := func(on bool) acr122.Lamp {
		switch {
		case colour == "":
			return acr122.Lamp{}
		case blinks:
			return acr122.Lamp{Blink: on, Begins: on}
		}
		return acr122.Lamp{Set: true, On: on}
	}
	s := acr122.Signal{Red: lamp(colour == "red" || colour == "both"), Green: lamp(colour == "green" || colour == "both")}
	if blinks {
		if colour == "" || colour == "off" || blink == 0 {
			return s, errors.New("--blink wants red, green or both, and how many times")
		}
		s.First, s.Second, s.Times = time.Second/2, time.Second/2, blink
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("--blink: %w", err)
	}
	return s, nil
}

// readerLight is what readers led prints with --json.
type readerLight struct {
	Reader string `json:"reader"`
	Red    bool   `json:"red"`
	Green  bool   `json:"green"`
}

func (a *app) readerLight(ctx context.Context, name string, r *acr122.Reader, s acr122.Signal) error {
	lit, err := r.Signal(ctx, s)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.emit(readerLight{name, lit.Red, lit.Green})
	}
	a.printf("red %s, green %s\n", onOff(lit.Red), onOff(lit.Green))
	return nil
}
