package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) readersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "readers",
		Short: "List readers and what lies on them",
		Args:  subcommand,
		Example: `  desfire readers
  desfire readers --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			list, err := p.Readers(ctx)
			if err != nil {
				return a.notInTime(ctx, err)
			}
			out := make([]readerInfo, len(list))
			for i, r := range list {
				out[i] = readerInfo{r.Name, r.State, r.Card, r.ATR, r.Ignored}
			}
			return a.printReaders(out)
		},
	}
	cmd.AddCommand(a.readersLEDCommand(), a.readersBeepCommand(), a.readersPollingCommand(), a.readersFirmwareCommand())
	return cmd
}

// readerInfo is one line of readers --json.
type readerInfo struct {
	Reader  string   `json:"reader"`
	State   string   `json:"state"`
	Present bool     `json:"present"` // a card lies on it
	ATR     hexBytes `json:"atr"`
	Ignored string   `json:"ignored"` // why it takes no part
}

func (a *app) printReaders(list []readerInfo) error {
	if a.json {
		for _, r := range list {
			if err := a.emit(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		return errors.New("no readers")
	}
	var rows [][]string
	for _, r := range list {
		state := r.State
		if r.Ignored != "" {
			state += fmt.Sprintf(" (left out: %s)", r.Ignored)
		}
		rows = append(rows, []string{r.Reader, state, spaced(r.ATR)})
	}
	a.printTable([]string{"READER", "STATE", "ATR"}, rows)
	return nil
}
