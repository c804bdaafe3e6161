package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/spf13/cobra"
)

func (a *app) readersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "readers",
		Short: "List readers and what lies on them",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.place(cmd)
			if err != nil {
				return err
			}
			list, err := a.readers(cmd.Context(), p)
			if err != nil {
				return err
			}
			return a.printReaders(list)
		},
	}
}

// readerInfo is one line of readers --json.
type readerInfo struct {
	Reader  string   `json:"reader"`
	State   string   `json:"state"`
	Card    bool     `json:"card"`
	ATR     hexBytes `json:"atr"`
	Ignored string   `json:"ignored"` // why it takes no part
}

func (a *app) readers(ctx context.Context, p *place) ([]readerInfo, error) {
	if p.list != nil {
		list, err := p.list(ctx)
		if err != nil {
			return nil, err
		}
		var out []readerInfo
		for _, r := range list {
			out = append(out, readerInfo{r.Name, r.State.String(), r.State&pcsc.StatePresent != 0, r.ATR, r.Ignored})
		}
		return out, nil
	}
	if p.dial == nil { // simulated: the card is there
		for ev, err := range p.Events(ctx) {
			if err != nil {
				return nil, err
			}
			if ev.Kind == desfire.CardInserted {
				return []readerInfo{{Reader: ev.Reader, State: "card present", Card: true, ATR: ev.ATR}}, nil
			}
		}
		return nil, ctx.Err()
	}
	t, err := p.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.log.Debug("no card", "err", oneLine(err))
		return []readerInfo{{Reader: p.name, State: "empty"}}, nil
	}
	defer closeTransport(t)
	info := readerInfo{Reader: p.name, State: "card present", Card: true}
	if x, ok := t.(interface{ ATR() []byte }); ok {
		info.ATR = x.ATR()
	}
	return []readerInfo{info}, nil
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
				return a.out.dim
			case col == 0:
				return a.out.name
			}
			return lipgloss.NewStyle()
		})
	for _, r := range list {
		state := r.State
		if r.Ignored != "" {
			state += fmt.Sprintf(" (left out: %s)", r.Ignored)
		}
		t.Row(r.Reader, state, spaced(r.ATR))
	}
	for line := range strings.SplitSeq(t.String(), "\n") {
		a.printf("%s\n", strings.TrimRight(line, " "))
	}
	return nil
}
