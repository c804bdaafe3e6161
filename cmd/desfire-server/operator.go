package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/remote/view"
)

// members are the agents that have joined.
func (c *running) members() (list []view.Member) {
	for _, m := range c.auth.Members() {
		if m.Role == centre.Agent {
			list = append(list, view.Member{Name: m.Name, Joined: m.Made, Revoked: m.Revoked != nil})
		}
	}
	return list
}

// joined reports whether a fleet file is that of a member.
func (c *running) joined(f *centre.File) bool {
	return slices.ContainsFunc(c.auth.Members(), func(m centre.Member) bool {
		return m.Name == f.Name && m.Role == f.Role && m.Revoked == nil && f.Expires().After(time.Now())
	})
}

// parts are how the parts of the centre are.
func (c *running) parts() (list []fleet.Part) {
	for _, p := range c.health.Parts() {
		list = append(list, fleet.Part{Name: p.Name, Ready: p.Ready, Words: p.Words})
	}
	return list
}

// operator is the fleet for those who run it.
type operator struct {
	*view.View
	centre *running
}

var _ fleet.Operator = (*operator)(nil)

// invited is how long a token is valid.
const invited = 15 * time.Minute

// Invite implements fleet.Operator.
func (o *operator) Invite(_ context.Context, agent string) (*fleet.Invitation, error) {
	line, err := o.centre.auth.Invite(centre.Invitation{Name: agent, Role: centre.Agent})
	if err != nil {
		return nil, err
	}
	o.centre.log.Info("an agent may join", "agent", agent)
	return &fleet.Invitation{Agent: agent, Token: line.Token, Line: joinCommand(line.String()), Until: time.Now().Add(invited)}, nil
}

// joinCommand is what is typed on the machine of an agent.
func joinCommand(line string) string { return "desfire agent --join " + line }

// Revoke implements fleet.Operator.
func (o *operator) Revoke(_ context.Context, agent string) error {
	defer o.Touch()
	return o.centre.auth.Revoke(agent)
}

// Drain implements fleet.Operator.
func (o *operator) Drain(ctx context.Context, agent string) error {
	if err := remote.CheckName(agent); err != nil {
		return err
	}
	m, err := remote.Encode(remote.Versioned{V: remote.Version}, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = o.centre.conn.RequestWithContext(ctx, remote.Subjects{Fleet: o.centre.fleet}.Drain(agent), m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s is not there: nothing was done", agent)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer: whether it drains is not known; its state says", agent)
	}
	return err
}

// quiet is the log of http.Server, which tells of every stranger that breaks off.
func quiet(log *slog.Logger) *stdlog.Logger { return slog.NewLogLogger(log.Handler(), slog.LevelDebug) }
