package main

import (
	"errors"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/spf13/cobra"
)

func (a *app) readersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "readers",
		Short: "List readers and what lies on them",
		Args:  wants(),
		Example: `  desfire readers
  desfire readers --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			list, err := p.Readers(cmd.Context())
			if err != nil {
				return err
			}
			out := make([]readerInfo, len(list))
			for i, r := range list {
				out[i] = readerInfo{r.Name, r.State, r.Card, r.ATR, r.Ignored}
			}
			return a.printReaders(out)
		},
	}
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
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).
		Headers("READER", "STATE", "ATR").
		StyleFunc(func(row, col int) lipgloss.Style {
			switch {
			case row == table.HeaderRow:
				return a.out.Dim.Lipgloss()
			case col == 0:
				return a.out.Name.Lipgloss()
			}
			return lipgloss.NewStyle()
		})
	for _, r := range list {
		state := r.State
		if r.Ignored != "" {
			state += fmt.Sprintf(" (left out: %s)", r.Ignored)
		}
		t.Row(visible.Text(r.Reader), visible.Text(state), spaced(r.ATR))
	}
	for line := range strings.SplitSeq(t.String(), "\n") {
		a.printf("%s\n", screen.Text(strings.TrimRight(line, " ")))
	}
	return nil
}
