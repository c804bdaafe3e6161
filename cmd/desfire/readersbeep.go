package main

import (
	"context"
	"errors"
	"time"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/spf13/cobra"
)

func (a *app) readersBeepCommand() *cobra.Command {
	var times int
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "beep [on|off]",
		Short: "Sound the buzzer of an ACR122U, or set whether cards do",
		Long: "Sound the buzzer of a reader. With on or off, set whether it sounds when a card is\ndetected, until the reader loses its power.\n\n" +
			helpItself,
		Example: `  desfire readers beep --times 2 --reader pcsc:ACR122
  desfire readers beep off --reader pcsc:ACR122`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if cmd.Flags().Changed("times") || cmd.Flags().Changed("length") {
					return &usageError{cmd, errors.New("--times and --length are for a sound now, not for on or off")}
				}
				return a.withReader(cmd, func(ctx context.Context, name string, r *acr122.Reader) error {
					return a.readerBuzzer(ctx, name, r, args[0] == "on")
				})
			}
			sound := acr122.Sound(length, times)
			if err := sound.Validate(); err != nil || length == 0 || times == 0 {
				return &usageError{cmd, errors.Join(errors.New("--times and --length: no such sound"), err)}
			}
			return a.withReader(cmd, func(ctx context.Context, name string, r *acr122.Reader) error {
				if _, err := r.Signal(ctx, sound); err != nil {
					return err
				}
				if a.json {
					return a.emit(readerBeep{Reader: name, Times: times})
				}
				return nil
			})
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&times, "times", 1, "sound `N` times")
	fl.DurationVar(&length, "length", 200*time.Millisecond, "how long each time, in steps of 100ms")
	oneOf(cmd, "on or off", "on", "off")
	return cmd
}

// readerBeep is what readers beep prints with --json.
type readerBeep struct {
	Reader string `json:"reader"`
	Times  int    `json:"times,omitempty"` // sounded now
	Cards  *bool  `json:"cards,omitempty"` // whether it sounds when a card is detected
}

func (a *app) readerBuzzer(ctx context.Context, name string, r *acr122.Reader, on bool) error {
	if err := r.SetDetectionBuzzer(ctx, on); err != nil {
		return err
	}
	if a.json {
		return a.emit(readerBeep{Reader: name, Cards: &on})
	}
	a.printf("a card that is detected: buzzer %s\n", onOff(on))
	return nil
}
