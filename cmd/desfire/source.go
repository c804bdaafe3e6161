package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/phone"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// schemes are the ways to write --reader.
func (a *app) schemes(cmd *cobra.Command) place.Schemes {
	return place.Schemes{
		pcsc.Scheme(&pcsc.Config{Logger: a.log}),
		pn532.Scheme(nil),
		tcp.Scheme(nil),
		phone.Scheme(openPhones, &phone.ServerConfig{Logger: a.log}),
		remote.Scheme(func() (*nats.Conn, string, error) { return a.dialFleet(cmd.Context()) }),
		simreader.Scheme(func(file string) (*sim.Card, error) { return a.loadCard(cmd, file, &sim.Config{}) }),
	}
}

// place opens what --reader names.
func (a *app) place(cmd *cobra.Command) (*place.Place, error) {
	if a.given != nil {
		return a.given, nil
	}
	if a.present != nil {
		return a.present.place()
	}
	if a.shell != nil {
		return a.shell.place(a, cmd)
	}
	return a.parseReader(cmd)
}

// parseReader reads --reader.
func (a *app) parseReader(cmd *cobra.Command) (*place.Place, error) {
	p, err := place.Parse(a.reader, a.schemes(cmd))
	if errors.As(err, new(*place.SpecError)) {
		return nil, &usageError{cmd, fmt.Errorf("--reader %w", err)}
	}
	return p, err
}

// completeReader completes --reader, with the names of the readers that are
// plugged in, and the lines on which a PN532 may be.
func (a *app) completeReader(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if file, ok := strings.CutPrefix(typed, "sim:"); ok {
		return completeImage("sim:", file), cobra.ShellCompDirectiveNoSpace
	}
	all := []string{
		"pcsc\tevery PC/SC reader",
		"pn532\tthe PN532 of this machine",
		"pn532:\ta PN532 on a line, pn532:/dev/ttyUSB0, pn532:i2c1 or pn532:spi0.0",
		"tcp:\ta card served on a socket, tcp:HOST:PORT",
		"phone:\ta phone that is paired, or phone:NAME",
		"sim:\ta fresh simulated card, or sim:FILE",
	}
	if p, err := place.Parse("pcsc", a.schemes(cmd)); err == nil {
		if list, err := p.Readers(cmd.Context()); err == nil {
			for _, r := range list {
				if r.Ignored == "" {
					all = append(all, "pcsc:"+r.Name+"\t"+r.State)
				}
			}
		}
	}
	if strings.HasPrefix(typed, "pn532:") || strings.HasPrefix("pn532:", typed) {
		all = append(all, portsOf(a.ports())...)
	}
	var out []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, s := range all {
		if strings.HasPrefix(s, typed) {
			out = append(out, s)
			if s, _, _ := strings.Cut(s, "\t"); strings.HasSuffix(s, ":") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
	}
	return out, directive
}

// portsOf are lines on which a PN532 may be, as completions. Nobody has asked one: other
// things may be connected there, which mind.
func portsOf(list []pn532.Candidate, _ error) (all []string) {
	for _, c := range list {
		what := c.Line
		if c.What != "" {
			what += ", " + c.What
		}
		if len(c.Holders) > 0 {
			what += ", in use by " + strings.Join(c.Holders, ", ")
		}
		all = append(all, "pn532:"+visible.Text(c.Address)+"\t"+visible.Text(what))
	}
	return all
}

// completeImage completes the name of an image after prefix.
func completeImage(prefix, typed string) []string {
	found, _ := filepath.Glob(typed + "*")
	var out []string
	for _, f := range found {
		switch info, err := os.Stat(f); {
		case err != nil:
		case info.IsDir():
			out = append(out, prefix+f+string(filepath.Separator))
		case strings.HasSuffix(f, ".json"):
			out = append(out, prefix+f)
		}
	}
	return out
}
