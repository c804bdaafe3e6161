package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/remote/centre"
)

// askMember is the question for a token of anybody. It is none of those that viewers may
// ask.
const askMember = "member"

// inviteFlags say whom a token is for.
type inviteFlags struct {
	role                 string
	carries, hosts, urls []string
	replace              bool
}

func (a *app) inviteCommand() *cobra.Command {
	var f inviteFlags
	cmd := &cobra.Command{
		Use:   "invite NAME",
		Short: "Let an operator, a viewer or the server of a site join",
		Long: `Make a token with which one member joins the fleet under a name, within 15
minutes and once, and print the line to type where it is. The centre must be
running.

Operators (admin) work with all readers and ask the centre for everything;
viewers see what operators see. A leaf is the server of a site, which agents
there connect to: name those that it carries, or it can speak for all, and the
names by which they reach it. An agent that connects to a leaf gets --at with
the leaf's address.

Whoever has the line first joins: give it to nobody else.`,
		Args: one("NAME"),
		Example: `  desfire-server invite anna --role admin
  desfire-server invite harbour --role leaf --host leaf.example.org
  desfire-server invite gate7 --role agent --at tls://leaf.example.org:4222`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.invite(cmd.Context(), args[0], &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.role, "role", "", "what it is: agent, `admin`, viewer or leaf")
	flags.StringSliceVar(&f.carries, "carries", nil, "`AGENTS` of a leaf, separated by commas (default all)")
	flags.StringArrayVar(&f.hosts, "host", nil, "`NAME` or address by which others reach a leaf")
	flags.StringArrayVar(&f.urls, "at", nil, "`URL` of NATS where it connects (default the centre)")
	flags.BoolVar(&f.replace, "replace", false, "revoke the member of that name when the new one joins")
	return cmd
}

func (a *app) invite(ctx context.Context, name string, f *inviteFlags) error {
	switch centre.Role(f.role) {
	case centre.Agent, centre.Admin, centre.Viewer, centre.Leaf:
	case "":
		return wrong("--role missing: want agent, admin, viewer or leaf")
	default:
		return wrong("--role %q: want agent, admin, viewer or leaf", f.role)
	}
	client, done, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer done()
	var line string
	err = client.Ask(ctx, askMember, centre.Invitation{
		Name: name, Role: centre.Role(f.role), Replace: f.replace, Agents: f.carries, Hosts: f.hosts, URLs: f.urls,
	}, &line)
	if err != nil {
		return fmt.Errorf("no token for %q: %w", name, err)
	}
	if strings.HasPrefix(f.role, "agent") || f.role == string(centre.Leaf) {
		verb := map[bool]string{true: "desfire-server leaf --join ", false: "desfire agent --join "}[f.role == string(centre.Leaf)]
		line = verb + line
	}
	a.printf("%s\n", line)
	fmt.Fprintf(a.stderr, "It lets %s join as %s, once, within 15 minutes.\n", name, f.role)
	return nil
}

// answerMember makes a token for those who run the centre.
func (c *running) answerMember(_ context.Context, in []byte) (any, error) {
	var i centre.Invitation
	if err := json.Unmarshal(in, &i); err != nil {
		return nil, fmt.Errorf("whom the token is for: %w", err)
	}
	line, err := c.auth.Invite(i)
	if err != nil {
		return nil, err
	}
	return line.String(), nil
}
