package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
)

// fleetReader is one line of fleet readers --json, and of fleet cards.
type fleetReader struct {
	Place   string     `json:"place"` // as --reader takes it
	Agent   string     `json:"agent"`
	Reader  string     `json:"reader"` // as its driver calls it
	State   string     `json:"state"`
	Online  bool       `json:"online"` // its agent answers
	Present bool       `json:"present"`
	UID     hexBytes   `json:"uid"` // empty where nobody has read it
	Product string     `json:"product"`
	ATR     hexBytes   `json:"atr"`
	Trace   string     `json:"trace"`  // of the presentation, in logs
	Since   *time.Time `json:"since"`  // when the card came
	Holder  string     `json:"holder"` // who works with it
	Problem string     `json:"problem"`
}

func fleetReaderOf(ag *fleet.Agent, r *fleet.Reader) fleetReader {
	f := fleetReader{Place: "nats:" + ag.Name + "/" + r.ID, Agent: ag.Name, Reader: r.Name, State: r.Words(), Online: ag.Reachable(), Problem: r.Problem}
	if c := r.Card; c != nil {
		f.Present, f.UID, f.Product, f.ATR, f.Trace = true, unhex(c.UID), c.Product, unhex(c.ATR), c.Trace
		if !c.Since.IsZero() {
			f.Since = &c.Since
		}
	}
	if r.Lease != nil {
		f.Holder = r.Lease.Holder
	}
	if !f.Online {
		f.State = "its agent is " + ag.Words()
	}
	return f
}

func (a *app) fleetReadersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "readers [WORD...]",
		Short: "List the readers of the fleet and what lies on them",
		Long: `List the readers of the fleet and what lies on them, as the centre knows it. Words
choose those with each of them in the name of the agent or the reader. What stands
first in a line is what --reader takes.`,
		Example: `  desfire fleet readers
  desfire fleet readers gate7 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.fleetReaders(cmd, fleet.Find{Text: strings.Join(args, " ")}, "no readers")
		},
	}
}

func (a *app) fleetCardsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cards",
		Short: "List the cards that lie on readers of the fleet",
		Long: `List the cards that lie on readers of the fleet, since when, and who works with them.
Agents do not ask cards for their UID: it is there once somebody has told it.`,
		Args: wants(),
		Example: `  desfire fleet cards
  desfire fleet cards --uid 0411 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.fleetReaders(cmd, fleet.Find{Show: fleet.ShowCards}, "no cards")
		},
	}
}

// fleetReaders lists the readers that are chosen.
func (a *app) fleetReaders(cmd *cobra.Command, find fleet.Find, none string) error {
	s, err := a.fleetNow(cmd.Context())
	if err != nil {
		return err
	}
	groups, _ := s.Groups(find)
	var list []fleetReader
	for _, g := range groups {
		for _, r := range g.Readers {
			if f := fleetReaderOf(g.Agent, r); a.uid == "" || len(f.UID) > 0 && a.wanted(f.UID) {
				list = append(list, f)
			}
		}
	}
	if a.json {
		for _, r := range list {
			if err := a.emit(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		return fmt.Errorf("%s in fleet %s", none, s.Fleet)
	}
	cards := find.Show == fleet.ShowCards
	headers := []string{"PLACE", "READER", "STATE", "CARD"}
	if cards {
		headers = []string{"PLACE", "CARD", "SINCE", "IN USE BY"}
	}
	var rows [][]string
	for _, r := range list {
		card := ""
		switch {
		case len(r.UID) > 0:
			card = strings.TrimSpace(fmt.Sprintf("%X %s", []byte(r.UID), r.Product))
		case r.Present:
			card = "ATR " + spaced(r.ATR)
		}
		row := []string{r.Place, r.Reader, r.State, card}
		if cards {
			since := ""
			if r.Since != nil {
				since = fleet.Ago(s.At, *r.Since)
			}
			row = []string{r.Place, card, since, r.Holder}
		}
		rows = append(rows, row)
	}
	a.printTable(headers, rows)
	return nil
}
