package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/admin"
)

// fleetAgent is one line of fleet agents --json.
type fleetAgent struct {
	Agent   string     `json:"agent"`
	State   string     `json:"state"`
	Online  bool       `json:"online"`
	Revoked bool       `json:"revoked"`
	Build   string     `json:"build"`
	Seen    *time.Time `json:"seen"`
	Skew    float64    `json:"skew_s"` // by how many seconds its clock is ahead
	Readers int        `json:"readers"`
	Cards   int        `json:"cards"`
}

func (a *app) fleetAgentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List the agents of the fleet, let one in, or take it out",
		Args:  wants(),
		Example: `  desfire fleet agents
  desfire fleet agents token gate7
  desfire fleet agents revoke gate7 --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listAgents(cmd.Context()) },
	}
	cmd.AddCommand(a.fleetTokenCommand(), a.fleetRevokeCommand())
	return cmd
}

func (a *app) listAgents(ctx context.Context) error {
	s, err := a.fleetNow(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for i := range s.Agents {
		ag := &s.Agents[i]
		f := fleetAgent{Agent: ag.Name, State: ag.Words(), Online: ag.Reachable(), Revoked: ag.Revoked, Build: ag.Build, Skew: ag.Skew, Readers: len(ag.Readers)}
		if !ag.Seen.IsZero() {
			f.Seen = &ag.Seen
		}
		for _, r := range ag.Readers {
			if r.Card != nil {
				f.Cards++
			}
		}
		if a.json {
			if err := a.emit(f); err != nil {
				return err
			}
			continue
		}
		seen := ""
		if f.Seen != nil {
			seen = fleet.Ago(s.At, *f.Seen)
		}
		rows = append(rows, []string{f.Agent, f.State, seen, fmt.Sprint(f.Readers), fmt.Sprint(f.Cards), f.Build})
	}
	switch {
	case a.json:
	case len(rows) == 0:
		return fmt.Errorf("no agents in fleet %s: desfire fleet agents token NAME lets one in", s.Fleet)
	default:
		a.printTable([]string{"AGENT", "STATE", "HEARD", "READERS", "CARDS", "VERSION"}, rows)
	}
	return nil
}

// fleetToken is what fleet agents token prints with --json.
type fleetToken struct {
	Agent string    `json:"agent"`
	Line  string    `json:"line"` // to join with; a secret until it is used
	Until time.Time `json:"until"`
}

func (a *app) fleetTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME",
		Short: "Print the line with which an agent joins",
		Long: `Print the line with which an agent of that name joins the fleet. It works once, for 15
minutes, and for that name; a new one makes the one before void. Who has it can take
part as that agent: hand it over as you would a password.`,
		Args: wants("NAME"),
		Example: `  desfire fleet agents token gate7
  desfire fleet agents token gate7 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAgent(cmd, args[0]); err != nil {
				return err
			}
			c, err := a.centre(cmd.Context(), false)
			if err != nil {
				return err
			}
			i, err := c.Invite(cmd.Context(), args[0])
			if err != nil {
				return centreError(err)
			}
			line := joinLine(i.Line)
			if a.json {
				return a.emit(fleetToken{i.Agent, line, i.Until})
			}
			a.printf("%s\n", a.out.Name.Render(line))
			a.sayf("It works once, until %s: desfire agent --join LINE --fleet %s.json\n", i.Until.Local().Format(time.TimeOnly), args[0])
			return nil
		},
	}
}

// fleetDone is what verbs print with --json that do something to an agent.
type fleetDone struct {
	Agent string `json:"agent"`
	Done  string `json:"done"` // revoked, drained
}

func (a *app) fleetRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "Take an agent out of the fleet for good",
		Long: `Take an agent out of the fleet for good: its connection is closed, and its key lets it
in no more. Another computer may join under the name, with a new line.`,
		Args: wants("NAME"),
		Example: `  desfire fleet agents revoke gate7
  desfire fleet agents revoke gate7 --yes`,
		RunE: a.toAgent("Take agent %s out of fleet %s for good?", "revoked", func(ctx context.Context, c *admin.Client, name string) error {
			return centreError(c.Revoke(ctx, name))
		}),
	}
}

// toAgent is the RunE of a verb that does something to the agent it names, after a
// question with the names of agent and fleet in it. done is what became of the agent.
func (a *app) toAgent(question, done string, do func(ctx context.Context, c *admin.Client, name string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		name := args[0]
		if err := checkAgent(cmd, name); err != nil {
			return err
		}
		c, err := a.centre(cmd.Context(), false)
		if err != nil {
			return err
		}
		if err := a.confirm(cmd, fmt.Sprintf(question, name, c.Fleet)); err != nil {
			return err
		}
		if err := do(cmd.Context(), c, name); err != nil {
			return err
		}
		if a.json {
			return a.emit(fleetDone{name, done})
		}
		a.printf("%s %s\n", name, done)
		return nil
	}
}

// checkAgent is an error if a word is no name of an agent.
func checkAgent(cmd *cobra.Command, name string) error {
	if err := remote.CheckName(name); err != nil {
		return &usageError{cmd, fmt.Errorf("NAME %w", err)}
	}
	return nil
}

// draining is how long an agent may take to end.
const draining = time.Minute

func (a *app) fleetDrainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "drain AGENT",
		Short: "Have an agent end in order",
		Long: `Have an agent end in order: it lets nobody have a card any more, waits for those who
have one, resets the cards, says goodbye and ends. What starts it again, or does not,
is the affair of its computer.`,
		Args:    wants("AGENT"),
		Example: "  desfire fleet drain gate7\n  desfire fleet drain gate7 --yes --json",
		RunE:    a.toAgent("Have agent %s of fleet %s end?", "drained", a.drainAgent),
	}
}

// drainAgent asks the agent itself, which answers when it has ended.
func (a *app) drainAgent(ctx context.Context, c *admin.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, draining)
	defer cancel()
	m, err := c.Conn.RequestWithContext(ctx, remote.Subjects{Fleet: c.Fleet}.Drain(name), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return a.noAgent(ctx, name)
	case errors.Is(err, context.DeadlineExceeded):
		return withCode(exitUnknown, fmt.Errorf("%s did not say within %v that it has ended", name, draining))
	case err != nil:
		return err
	}
	_, err = remote.DecodeHello(m.Data)
	return err
}

// noAgent says that an agent does not answer, and which others there are.
func (a *app) noAgent(ctx context.Context, name string) error {
	err := withCode(exitNoCard, fmt.Errorf("agent %s: %w", name, remote.ErrNoAgent))
	s, failed := a.fleetNow(ctx)
	if failed != nil {
		return err
	}
	var there []string
	for i := range s.Agents {
		if s.Agents[i].Reachable() {
			there = append(there, s.Agents[i].Name)
		}
	}
	if len(there) == 0 {
		return advise(err, "None is connected.")
	}
	return advise(err, "Connected are: %s.", strings.Join(there, ", "))
}
